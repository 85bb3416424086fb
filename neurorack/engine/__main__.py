"""`python -m neurorack.engine`: see `process`."""

import os
import sys

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"  # read when numpy is imported

from neurorack.engine.process import main

sys.exit(main(sys.argv[1:]))
