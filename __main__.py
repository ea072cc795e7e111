"""``python -m assay`` is the command ``assay``."""

import sys

from .cli.app import main

sys.exit(main())
