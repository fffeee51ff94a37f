"""A stage of a session that takes stages over: it runs what nobody has run yet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from greenbench.errors import UnavailableError
from greenbench.results import parsing
from greenbench.results.fields import Fields
from greenbench.results.record import Json, builtin, window_record
from greenbench.reuse.joined import RecordedRun, with_run
from greenbench.reuse.store import StageCache, digest
from greenbench.types import REUSABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from greenbench.pipeline import Opaque, WindowOf
    from greenbench.types import Applied, Round, Window


class StageKeeper(Protocol):
    """What keeps what a stage makes, and makes it again without the work."""

    @property
    def knobs(self) -> Sequence[str]:
        """Knobs of the stage whose proofs are read while it runs."""

    def circumstances(self) -> Json:
        """Return what decides the stage beside the cell's options."""

    def begin(self) -> None:
        """Drop what was noted, and get ready to note what the stage makes in this round."""

    def snapshot(self, made: Opaque) -> None:
        """Note what the stage has just made, at no cost."""

    def forget(self) -> None:
        """Drop it."""

    def facts(self) -> Json:
        """Return the ``peaks`` of memory of the noted run, and what ``load`` needs."""

    def write(self, file: Path) -> None:
        """Write what was noted; raises UnavailableError."""

    def read(self, contents: bytes) -> Opaque:
        """Return what was written, as far as it can be made ready before the timer."""

    def load(self, inputs: Sequence[Opaque], read: Opaque, facts: Mapping[str, Any]) -> Opaque:
        """Return what the stage would make of ``inputs``; raises UnavailableError."""


@runtime_checkable
class KeepsTrainings(Protocol):
    """Stages whose trainings can be kept."""

    def kept_training(self) -> StageKeeper:
        """Return what keeps them; raises UnavailableError where it cannot be done."""


@runtime_checkable
class KeepsData(Protocol):
    """Stages whose data stages can be kept."""

    def kept_data(self, run: Callable[[], Opaque]) -> StageKeeper:
        """Return what keeps them; ``run`` runs the stage.

        Raises UnavailableError where it cannot be done.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredBlock:
    """Where a stage is measured: rounds of different cells of a block are comparable."""

    session: str
    """Of the results files."""
    process: str
    """Differs if the session was continued: the machine is in another state then."""
    cell: str
    number: int

    def record(self) -> Json:
        """Return it as a round states it."""
        return {
            "session": self.session,
            "cell": self.cell,
            "measured_in": f"{self.process}:{self.number}",
        }


class ReusedStage:
    """Takes over a stage of one cell where it was measured before, and keeps it otherwise."""

    def __init__(
        self,
        stage: str,
        keeper: StageKeeper,
        store: StageCache,
        key: Callable[[int], Json],
        block: Callable[[int], MeasuredBlock],
        *,
        within_block: bool = False,
    ) -> None:
        """Look for nothing yet.

        ``key`` returns all that decides the stage for a seed, ``block`` where it is measured.
        ``within_block`` takes over none that was measured elsewhere.
        """
        self._stage = stage
        self._keeper = keeper
        self._store = store
        self._key_of = key
        self._block_of = block
        self._within_block = within_block
        self._key: Json = {}
        self._found: Json | None = None
        self._read: Opaque = None
        self._seed = 0

    def prepare(self, seed: int) -> None:
        """Look for the run of this seed, and read what it made, before the timer."""
        self._seed = seed
        self._keeper.begin()
        self._found = self._read = None
        self._key = {**self._key_of(seed), "circumstances": self._keeper.circumstances()}
        try:
            found = self._store.find(digest(self._key))
        except OSError as error:
            raise UnavailableError(
                f"{self._store.folder}: the kept stages cannot be read "
                f"({error.strerror or error}); mend the folder, or repeat every stage: without "
                "--green-reuse, in a factorial experiment with --green-fresh"
            ) from error
        if found is not None and self._fits(found[0]["origin"]):
            self._found, contents = found
            self._read = self._keeper.read(contents)

    def run(self, work: Callable[..., Opaque], window: WindowOf, *inputs: Opaque) -> Opaque:
        """Load what the stage has made outside of every stage's window, or work in one."""
        if self._found is not None:
            made = self._keeper.load(inputs, self._read, self._found)
            self._read = None  # the memory is the next stage's again
            return made
        with window(self._stage):
            made = work(*inputs)
        self._keeper.snapshot(made)
        return made

    def finish(self, one_round: Round) -> Round:
        """Add the recorded run to the round, or keep the one that was measured."""
        block = self._block_of(self._seed).record()
        if self._found is None:
            problem = self._keep(one_round, block)
            one_round = replace(one_round, doubts=(*one_round.doubts, *problem))
            return self._with_origin(one_round, {**block, "reused": False})
        origin = {**self._found["origin"], "reused": True}
        origin["elsewhere"] = origin["measured_in"] != block["measured_in"]
        origin["measured_seconds"] = one_round.own_seconds
        origin["measured_j"] = one_round.own_j
        return self._with_origin(with_run(one_round, _recorded(self._found)), origin)

    def _with_origin(self, one_round: Round, origin: Json) -> Round:
        return replace(one_round, origins={**one_round.origins, self._stage: origin})

    def _fits(self, origin: Json) -> bool:
        """Whether a run that was measured there may be taken over."""
        here = self._block_of(self._seed).record()
        return not self._within_block or bool(origin["measured_in"] == here["measured_in"])

    def _keep(self, one_round: Round, block: Json) -> tuple[str, ...]:
        """Keep the run that was measured; return why it could not be, as a warning."""
        proofs = self._proofs(one_round)
        system = [proof for proof in one_round.applied if proof.stage == "system"]
        acted = [proof.holds for proof in (*proofs, *system)]
        if not all(acted):
            return ()  # what is requested did not act: nothing to take over
        # The first one: after it, a shortened model may be trained further.
        window = self._windows(one_round.windows)[0]
        repeats = self._windows(one_round.repeats)
        now = datetime.now(UTC).isoformat("T", "seconds")
        origin = {**block, "seed": self._seed, "at": now}
        facts = {
            "key": self._key,
            "window": window_record(window),
            "repeats": [window_record(repeat) for repeat in repeats],
            "proofs": builtin(proofs),
            "origin": origin,
            **self._keeper.facts(),
        }
        try:
            key = digest(self._key)
            self._store.keep(key, facts, self._keeper.write, replace=self._within_block)
        except (OSError, UnavailableError) as error:
            reason = getattr(error, "strerror", None) or error
            return (f"its {REUSABLE[self._stage]} could not be kept for other cells: {reason}",)
        finally:
            self._keeper.forget()
        return ()

    def _proofs(self, one_round: Round) -> list[Applied]:
        """Return the proofs that were read while the stage ran."""
        proofs = []
        for proof in one_round.applied:
            if proof.stage == self._stage and proof.knob in self._keeper.knobs:
                proofs.append(proof)
        return proofs

    def _windows(self, windows: Sequence[Window]) -> list[Window]:
        return [window for window in windows if window.stage == self._stage]


def _recorded(facts: Json) -> RecordedRun:
    """Read a kept run back."""
    fields = Fields(facts, "a kept stage")
    return RecordedRun(
        window=parsing.window(fields.fields("window")),
        repeats=fields.each("repeats", parsing.window),
        proofs=fields.each("proofs", parsing.applied),
        peaks=facts["peaks"],
    )
