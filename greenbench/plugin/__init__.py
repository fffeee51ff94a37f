"""The pytest plugin: its hooks, its fixtures and what a suite's conftest.py calls, named one by one.

It does nothing where no test asks for a fixture of it. Importing it leaves torch, Zeus and the data libraries alone.
"""

from greenbench.plugin.fixtures import (
    cell,
    dataset,
    energy,
    measure,
    model,
    power,
    refuse_xdist,
    toggles,
)
from greenbench.plugin.hooks import (
    pytest_addoption,
    pytest_collection_finish,
    pytest_configure,
    pytest_generate_tests,
    pytest_report_collectionfinish,
    pytest_runtest_makereport,
    pytest_sessionfinish,
    pytest_terminal_summary,
    use_matrix,
)

__all__ = [
    "cell",
    "dataset",
    "energy",
    "measure",
    "model",
    "power",
    "pytest_addoption",
    "pytest_collection_finish",
    "pytest_configure",
    "pytest_generate_tests",
    "pytest_report_collectionfinish",
    "pytest_runtest_makereport",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "refuse_xdist",
    "toggles",
    "use_matrix",
]
