"""The sounds of the shipped instruments: fetched from packages, made ready, split by source. Nothing is committed."""
