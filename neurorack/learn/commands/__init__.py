"""`neurorack train`, `trim`, `evaluate` and `export`. Light: only `options` is imported until one of them runs."""
