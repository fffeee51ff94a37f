"""A plugin of the sessions of ``greenbench ci``: which modules are of the other side.

An editable installation, or a path in the environment, may lead the base's session to the code of
the change; both sides would then measure the same code, and every gate would pass. This file alone
is put on the path of either session, so that it works with any version of greenbench there.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

OWN_TREE, OTHER_TREE = "GREENBENCH_OWN_TREE", "GREENBENCH_OTHER_TREE"
REPORT = "GREENBENCH_ORIGINS"
"""The environment variable that names the file for the answer."""


def foreign_modules(own: Path, other: Path, environment: Path) -> dict[str, str]:
    """Return the files of loaded modules that lie in ``other``, by the modules' names.

    Those in ``own`` or in the virtual ``environment`` do not count, which may lie in ``other``.
    """
    found = {}
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name == __name__ or not isinstance(file, str):
            continue
        path = Path(file).absolute()
        if path.is_relative_to(other) and not any(map(path.is_relative_to, (own, environment))):
            found[name] = file
    return found


def pytest_unconfigure() -> None:
    """Write the answer once everything has been imported."""
    own, other = Path(os.environ[OWN_TREE]), Path(os.environ[OTHER_TREE])
    found = foreign_modules(own, other, Path(sys.prefix))
    Path(os.environ[REPORT]).write_text(json.dumps(found), "utf-8")
