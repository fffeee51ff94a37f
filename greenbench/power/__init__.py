"""Limits, clocks and governors of a shared machine: set for a while, and put back whatever happens."""

from greenbench.power.abilities import Ability, abilities
from greenbench.power.circumstances import ZEUSD, Circumstances
from greenbench.power.guarded import GUARD
from greenbench.power.restoring import left_behind, recover

__all__ = ["GUARD", "ZEUSD", "Ability", "Circumstances", "abilities", "left_behind", "recover"]
