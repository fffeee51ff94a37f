"""Whether pytest-benchmark prints its own table below greenbench's.

In a matrix it repeats the times, is wider than most terminals, and compares cells by time alone. It
is hidden unless an option asks for it. Saving, comparing and ``--benchmark-compare-fail`` are not
affected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

DISPLAY_DEFAULTS: dict[str, object] = {
    "benchmark_columns": None,
    "benchmark_sort": "min",
    "benchmark_group_by": "group",
    "benchmark_name": "normal",
    "benchmark_histogram": [],
    "benchmark_cprofile": None,
    "benchmark_verbose": False,
}
"""Options of pytest-benchmark about its table, with the values they have if nobody gives them."""


def hide_benchmark_table(config: pytest.Config, *, gated: bool) -> None:
    """Hide pytest-benchmark's table, unless an option about it is given.

    A comparison with a saved run shows it too, unless the session is ``gated``: then the gates
    compare.
    """
    if config.getoption("benchmark_compare", None) and not gated:
        return
    for name, default in DISPLAY_DEFAULTS.items():
        if (config.getoption(name, default) or None) != (default or None):
            return
    session = getattr(config, "_benchmarksession", None)
    if session is not None:
        session.quiet = True  # its display() then checks regressions only
