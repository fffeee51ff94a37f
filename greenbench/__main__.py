"""``python -m greenbench`` is the command line."""

from __future__ import annotations

import sys

from greenbench.cli import main

sys.exit(main())
