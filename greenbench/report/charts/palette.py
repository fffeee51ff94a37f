"""The colours of all charts: a few roles, each of one colour that stands for nothing else.

They are told apart by people with any kind of colour blindness (Okabe and Ito, Color Universal
Design, 2008), and none says anything alone: shapes, hatching and words do too. A page replaces
them for a dark theme by role.
"""

from __future__ import annotations

PALETTE = {
    "paper": "#fffffe",
    "ink": "#1f2328",
    "muted": "#59636e",
    "grid": "#d8dee4",
    "band": "#eceff2",
    "baseline": "#d55e00",
    "variant": "#0072b2",
    "other": "#8c959f",
    "data": "#56b4e9",
    "architecture": "#cc79a7",
    "training": "#3b6fb6",
    "system": "#f0e442",
    "inference": "#e69f00",
    "outside": "#b1bac4",
    "good": "#009e73",
    "bad": "#c44601",
}
"""Role to colour."""
