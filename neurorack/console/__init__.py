"""The module in a terminal: looks and wishes through the socket, so it works wherever the socket does."""
