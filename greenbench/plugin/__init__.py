"""The pytest plugin: its hooks, its fixtures and what a suite's conftest.py calls, one by one.

It does nothing in a session whose tests request none of its fixtures. Importing it leaves torch,
Zeus and the data libraries alone.
"""

from greenbench.plugin.fixtures import (
    cell,
    dataset,
    energy,
    measure,
    model,
    pipeline,
    power,
    toggles,
    warm_session,
)
from greenbench.plugin.hooks import (
    pytest_addoption,
    pytest_collection_finish,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_deselected,
    pytest_generate_tests,
    pytest_runtest_call,
    pytest_sessionfinish,
    pytest_unconfigure,
    pytest_xdist_setupnodes,
    use_matrix,
)
from greenbench.plugin.requested import use_suite

__all__ = [
    "cell",
    "dataset",
    "energy",
    "measure",
    "model",
    "pipeline",
    "power",
    "pytest_addoption",
    "pytest_collection_finish",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_deselected",
    "pytest_generate_tests",
    "pytest_runtest_call",
    "pytest_sessionfinish",
    "pytest_unconfigure",
    "pytest_xdist_setupnodes",
    "toggles",
    "use_matrix",
    "use_suite",
    "warm_session",
]
