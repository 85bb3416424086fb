"""`python -m neurorack` is `neurorack`."""

import sys

from neurorack.cli import main

sys.exit(main())
