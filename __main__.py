"""``python -m assay`` is the command ``assay``."""

import sys

from .cli import main

sys.exit(main())
