"""The data that the packages exchange: frozen, with units in the names; ``None`` is not measured.

These types hold no behaviour beyond sums of their own fields. ``None`` always has a reason beside
it.
"""

from greenbench.types.energy import (
    ALL_CHANNELS,
    CHANNELS,
    NODE,
    Energy,
    Quantity,
    State,
    Window,
    is_measured,
)
from greenbench.types.records import (
    MOST_ANSWERED,
    PREFILL,
    REUSABLE,
    AnsweredRow,
    Applied,
    Cell,
    CellResult,
    Facts,
    Judged,
    Metric,
    Profile,
    Round,
    Status,
    TaskDefinition,
    TaskSize,
    Variant,
)

__all__ = (
    "ALL_CHANNELS",
    "CHANNELS",
    "MOST_ANSWERED",
    "NODE",
    "PREFILL",
    "REUSABLE",
    "AnsweredRow",
    "Applied",
    "Cell",
    "CellResult",
    "Energy",
    "Facts",
    "Judged",
    "Metric",
    "Profile",
    "Quantity",
    "Round",
    "State",
    "Status",
    "TaskDefinition",
    "TaskSize",
    "Variant",
    "Window",
    "is_measured",
)
