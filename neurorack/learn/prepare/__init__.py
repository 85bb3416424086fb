"""Any folder of recordings → sounds to learn from."""
