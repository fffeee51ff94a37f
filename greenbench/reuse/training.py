"""The training stage of a session with ``--green-reuse``: it trains what nobody has trained yet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from greenbench.errors import UnavailableError
from greenbench.results import parsing
from greenbench.results.fields import Fields
from greenbench.results.record import Json, window_record
from greenbench.reuse.joined import STAGE, with_training
from greenbench.reuse.store import TrainingCache, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from greenbench.pipeline import Opaque, Stages, WindowOf
    from greenbench.types import Round


class TrainingKeeper(Protocol):
    """What the stages offer to keep a training and to take one over."""

    def circumstances(self) -> Json:
        """Return what decides a training beside the cell's options."""

    def snapshot(self, net: Opaque) -> None:
        """Note the state right after training, at no cost."""

    def forget(self) -> None:
        """Drop it."""

    def facts(self) -> Json:
        """Return the ``log`` of the noted training, and its ``peaks``."""

    def write(self, file: Path) -> None:
        """Write the noted state; raises UnavailableError."""

    def read(self, contents: bytes) -> Opaque:
        """Return what was written, ready to be loaded."""

    def load(self, net: Opaque, read: Opaque, facts: Mapping[str, Any]) -> None:
        """Make ``net`` what it was after training; raises UnavailableError."""


@runtime_checkable
class KeepsTrainings(Protocol):
    """Stages whose trainings can be kept."""

    def kept_training(self) -> TrainingKeeper:
        """Return what keeps them; raises UnavailableError where it cannot be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingBlock:
    """Where a training is measured: rounds of different cells of a block are comparable."""

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


class ReusedTraining:
    """Takes over the trainings of one cell that were measured before, and keeps the others."""

    def __init__(
        self,
        stages: Stages,
        keeper: TrainingKeeper,
        store: TrainingCache,
        key: Callable[[int], Json],
        block: Callable[[int], TrainingBlock],
        *,
        within_block: bool = False,
    ) -> None:
        """Look for nothing yet.

        ``key`` returns all that decides the training of a seed, ``block`` where it is measured.
        ``within_block`` takes over none that was measured elsewhere.
        """
        self._stages = stages
        self._keeper = keeper
        self._store = store
        self._key_of = key
        self._block_of = block
        self._within_block = within_block
        self._key: Json = {}
        self._found: Json | None = None
        self._weights: Opaque = None
        self._seed = 0

    def prepare(self, seed: int) -> None:
        """Look for the training of this seed, and read it, before the timer."""
        self._seed = seed
        self._keeper.forget()
        self._found = self._weights = None
        if not self._stages.finetunes:
            return
        self._key = {**self._key_of(seed), "circumstances": self._keeper.circumstances()}
        try:
            found = self._store.find(digest(self._key))
        except OSError as error:
            raise UnavailableError(
                f"{self._store.folder}: the kept trainings cannot be read "
                f"({error.strerror or error}); mend the folder, or train every cell: without "
                "--green-reuse, in a factorial experiment with --green-fresh"
            ) from error
        if found is not None and self._fits(found[0]["origin"]):
            self._found, contents = found
            self._weights = self._keeper.read(contents)

    def run(self, net: Opaque, batches: Opaque, window: WindowOf) -> Opaque:
        """Load the trained weights outside of every stage's window, or train in one."""
        if self._found is not None:
            self._keeper.load(net, self._weights, self._found)
            self._weights = None  # the memory is inference's again
            return net
        with window(STAGE):
            net = self._stages.training(net, batches)
        self._keeper.snapshot(net)
        return net

    def _fits(self, origin: Json) -> bool:
        """Whether a training that was measured there may be taken over."""
        here = self._block_of(self._seed).record()
        return not self._within_block or bool(origin["measured_in"] == here["measured_in"])

    def finish(self, one_round: Round) -> Round:
        """Add the recorded training to the round, or keep the one that was measured."""
        if not self._stages.finetunes:
            return one_round
        block = self._block_of(self._seed).record()
        if self._found is None:
            one_round = replace(one_round, training={**block, "reused": False})
            problem = self._keep(one_round, block)
            return replace(one_round, doubts=(*one_round.doubts, *problem))
        facts = self._found
        recorded = parsing.window(Fields(facts["window"], "a kept training"))
        elsewhere = facts["origin"]["measured_in"] != block["measured_in"]
        training = {**facts["origin"], "reused": True, "elsewhere": elsewhere}
        training["measured_seconds"] = one_round.whole.seconds
        training["measured_j"] = one_round.whole.energy.total_j
        joined = with_training(one_round, recorded, facts["peaks"])
        return replace(joined, training=training)

    def _keep(self, one_round: Round, block: Json) -> tuple[str, ...]:
        """Keep the training that was measured; return why it could not be, as a warning."""
        if not all(proof.holds for proof in one_round.applied if proof.stage in {STAGE, "system"}):
            return ()  # what is requested did not act: nothing to take over
        # The first one: after it, a shortened model may be trained further.
        window = next(window for window in one_round.windows if window.stage == STAGE)
        origin = {**block, "seed": self._seed, "at": datetime.now(UTC).isoformat("T", "seconds")}
        facts = {
            "key": self._key,
            "window": window_record(window),
            "origin": origin,
            **self._keeper.facts(),
        }
        try:
            self._store.keep(
                digest(self._key), facts, self._keeper.write, replace=self._within_block
            )
        except (OSError, UnavailableError) as error:
            reason = getattr(error, "strerror", None) or error
            return (f"its training could not be kept for other cells: {reason}",)
        finally:
            self._keeper.forget()
        return ()
