"""What learns, what it is played on, and what it learns from: in torch, and nothing of it ships but by `export`."""
