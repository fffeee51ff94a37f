"""A data stage that is taken over leaves what tokenising would have left, id for id."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stages import small_decoders
from stages.small_runs import SHORT, START, functions

from greenbench.errors import UnavailableError
from greenbench.options import DataOptions, InferenceOptions, Options, TrainingOptions
from greenbench.stages.kept_data import RecordingEncoder, ReplayingEncoder, _calls, _tensors
from greenbench.stages.ranks.pool import Ranks
from greenbench.stages.toggles import Toggles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.types import TaskSize

pytestmark = pytest.mark.usefixtures("as_new")

UNTRAINED = Options(training=TrainingOptions(finetune=False))
FUNCTIONS = functions(40), functions(16, seed=1), functions(8, seed=2)
"""To train on, to answer, to validate by."""
PAIRS = small_decoders.pairs(32), small_decoders.pairs(6, 40), small_decoders.pairs(4, 60)
FILE = "made.safetensors"


class OneRound:
    """A round of a cell that trains nothing, whose data stage is its own or is taken over."""

    def __init__(
        self,
        options: Options,
        kept: bytes | None = None,
        *,
        examples: Sequence[Any] = FUNCTIONS,
        start: Checkpoint = START,
        size: TaskSize = SHORT,
    ) -> None:
        """Run the stages; without ``kept`` tokenise."""
        train, test, valid = examples
        toggles = Toggles(options, size, "cpu")
        run = partial(toggles.data, train, test, start, 0, valid=valid)
        self.keeper = toggles.kept_data(run)
        with toggles.quiet():
            toggles.reset(0)
            self.keeper.begin()
            if kept is None:
                batches = run()
                self.keeper.snapshot(batches)
            else:
                batches = self.keeper.load((), self.keeper.read(kept), {})
            self.kept_words = dict(words(batches))
            net = toggles.architecture(start)
            if toggles.shortens:
                net = toggles.shortening(net, batches)
            self.answers = toggles.inference(net, batches)
            self.deciding = toggles.answers(net, batches, valid)
        self.rows = batches.train.dataset.rows, batches.questions
        self.counts = batches.tokens_train, batches.tokens_test, batches.widest
        self.work = toggles.work(net, batches)
        self.doubts = toggles.doubts()
        self.proofs = [(p.knob, p.got, p.note) for p in toggles.applied()]

    def written(self, folder: Path) -> bytes:
        """Return what is kept of the stage."""
        self.keeper.write(folder / FILE)
        return (folder / FILE).read_bytes()


def words(batches: Any) -> dict[str, list[int]]:
    """Return what the Python tokenizer of a data stage remembers."""
    tokenizer = batches.objective._tokenizer.tokenizer
    remembered: dict[str, list[int]] = getattr(tokenizer, "_cache", {})
    return remembered


def assert_equal(taken: OneRound, own: OneRound) -> None:
    """Check that two rounds left the same."""
    assert taken.rows == own.rows
    assert (taken.answers, taken.deciding) == (own.answers, own.deciding)
    assert (taken.counts, taken.work, taken.doubts) == (own.counts, own.work, own.doubts)
    assert taken.proofs == own.proofs


@pytest.mark.parametrize("tokenizer", ["python", "rust"])
def test_a_classifier_answers_the_same(tokenizer: Any, tmp_path: Path) -> None:
    """Rows, answers, counts, warnings and proofs are those of a data stage of its own."""
    options = replace(UNTRAINED, data=DataOptions(tokenizer=tokenizer))
    own = OneRound(options)
    taken = OneRound(options, own.written(tmp_path))
    assert_equal(taken, own)
    assert taken.kept_words == {}


def test_a_cell_that_tokenises_later_finds_its_words(tmp_path: Path) -> None:
    """Layers chosen by validation examples cost what they cost otherwise: the cache is as full."""
    baseline = OneRound(UNTRAINED)
    skipping = replace(UNTRAINED, inference=InferenceOptions(skip_layers=0.5))
    own = OneRound(skipping)
    taken = OneRound(skipping, baseline.written(tmp_path))
    assert_equal(taken, own)
    assert taken.kept_words == own.kept_words != {}


def test_a_translator_writes_the_same(llama: Checkpoint, tmp_path: Path) -> None:
    """Prompts and targets of several calls come back, and answers are decoded."""
    translating = partial(
        OneRound, UNTRAINED, examples=PAIRS, start=llama, size=small_decoders.SIZE
    )
    own = translating()
    assert_equal(translating(own.written(tmp_path)), own)


def test_other_texts_are_refused(tmp_path: Path) -> None:
    """Ids of other texts never become a cell's, whatever the key says."""
    kept = OneRound(UNTRAINED).written(tmp_path)
    others = functions(40, seed=5), *FUNCTIONS[1:]
    with pytest.raises(UnavailableError, match="tokenised other texts than this cell's"):
        OneRound(UNTRAINED, kept, examples=others)


def test_data_stages_beside_several_devices_are_refused() -> None:
    """As trainings are."""
    toggles = Toggles(UNTRAINED, SHORT, Ranks("cpu:2"))
    with pytest.raises(UnavailableError, match=r"--green-reuse: .*cpu:2"):
        toggles.kept_data(dict)


class Counting:
    """A tokenizer whose ids count the texts that it was given."""

    max_tokens = cut_at = 9

    def __init__(self) -> None:
        """Begin at 0."""
        self.encoded = 0

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return a row a text, as long as the text."""
        self.encoded += len(texts)
        return [[self.encoded] * len(text) for text in texts]

    def decode_batch(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """Return the lengths."""
        return [str(len(row)) for row in rows]


@settings(deadline=None, max_examples=30)
@given(calls=st.lists(st.lists(st.text(max_size=5), max_size=4), max_size=4))
def test_every_call_comes_back(calls: list[list[str]]) -> None:
    """Whatever the texts, calls are answered as before, and later ones by the live tokenizer."""
    recording = RecordingEncoder(Counting())
    answers = [recording.encode_batch(texts) for texts in calls]
    recording.stop()
    recording.encode_batch(["later"])
    live = Counting()
    replaying = ReplayingEncoder(live, *_calls(_tensors(recording)))
    assert [replaying.encode_batch(texts) for texts in calls] == answers
    assert (live.encoded, replaying.encoded) == (0, sum(map(len, calls)))
    assert replaying.encode_batch(["new"]) == [[1, 1, 1]]
