"""The command line, seen from outside."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def greenbench(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    """Run the command in a process of its own."""
    code = "import sys; from greenbench.cli import main; sys.exit(main())"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=cwd, check=False)


def test_check_passes_on_the_project_itself() -> None:
    """experiment.md and variants/ agree."""
    done = greenbench("check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "8 folders of variants/ agree; tasks: T2" in done.stdout


def test_check_lists_what_is_wrong_and_exits_with_2(tmp_path: Path) -> None:
    """No traceback, and the file is named."""
    done = greenbench("check", str(tmp_path))
    assert done.returncode == 2
    assert "experiment.md" in done.stderr
    assert "Traceback" not in done.stderr
