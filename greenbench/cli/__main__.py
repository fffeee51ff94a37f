"""``python -m greenbench.cli`` is the command line."""

import sys

from greenbench.cli import main

if __name__ == "__main__":
    sys.exit(main())
