"""The virtual world around the module: chips that answer at register level, cables, sources."""
