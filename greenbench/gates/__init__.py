"""Whether gates hold: what is compared with what, how sure that is, and why nothing can be said where nothing can."""

from greenbench.gates.judging import judge
from greenbench.gates.verdict import REFUSALS, Against, Measured, Verdict, fails, record

__all__ = ["REFUSALS", "Against", "Measured", "Verdict", "fails", "judge", "record"]
