"""What a data stage leaves behind, kept for cells that tokenise the same: the ids of its texts.

A stage that is taken over does all but tokenise: its tokenizer gives the ids that another one
returned for these texts, in the order of its calls.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from greenbench.errors import UnavailableError
from greenbench.stages import encoders, keeping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from greenbench.stages.cell_stages import CellStages
    from greenbench.stages.data import Batches
    from greenbench.stages.encoders import Encoder

Ids = list[list[int]]
Item = TypeVar("Item")
DIGEST_BYTES = 32


class EncoderAround:
    """A tokenizer around another one, which it is taken for."""

    def __init__(self, live: Encoder) -> None:
        """Stand around ``live``."""
        self._live = live

    @property
    def tokenizer(self) -> object:
        """What tokenises."""
        return getattr(self._live, "tokenizer", self._live)

    @property
    def max_tokens(self) -> int:
        """See ``Encoder``."""
        return self._live.max_tokens

    @property
    def cut_at(self) -> int:
        """See ``Encoder``."""
        return self._live.cut_at

    @property
    def encoded(self) -> int:
        """See ``Encoder``."""
        return self._live.encoded

    def encode_batch(self, texts: Sequence[str]) -> Ids:
        """See ``Encoder``."""
        return self._live.encode_batch(texts)

    def decode_batch(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """See ``Encoder``."""
        return self._live.decode_batch(rows)


class RecordingEncoder(EncoderAround):
    """Notes the texts that it is given, and the ids that it returns, while it is asked to."""

    def __init__(self, live: Encoder) -> None:
        """Note from now on."""
        super().__init__(live)
        self.texts: list[Sequence[str]] = []
        self.ids: list[Ids] = []
        self._records = True

    def stop(self) -> None:
        """Note nothing more."""
        self._records = False

    def encode_batch(self, texts: Sequence[str]) -> Ids:
        """Tokenise, and note it: two references, at no cost."""
        ids = self._live.encode_batch(texts)
        if self._records:
            self.texts.append(texts)
            self.ids.append(ids)
        return ids


class ReplayingEncoder(EncoderAround):
    """Gives recorded ids, call by call; later calls are answered by the live tokenizer."""

    def __init__(self, live: Encoder, ids: Sequence[Ids], digests: Sequence[bytes]) -> None:
        """Give ``ids`` for the texts that have these ``digests``."""
        super().__init__(live)
        self._ids = ids
        self._digests = digests
        self._texts: list[Sequence[str]] = []
        self._replayed = 0

    @property
    def encoded(self) -> int:
        """Texts that were encoded, in the recorded stage or since."""
        return self._live.encoded + self._replayed

    def encode_batch(self, texts: Sequence[str]) -> Ids:
        """Return recorded ids; raises UnavailableError for other texts than the recorded ones."""
        call = len(self._texts)
        if call == len(self._ids):
            return self._live.encode_batch(texts)
        if digest_of(texts) != self._digests[call]:
            raise UnavailableError("a kept data stage has tokenised other texts than this cell's")
        self._texts.append(texts)
        self._replayed += len(texts)
        return self._ids[call]

    def warm_up(self) -> None:
        """Tokenise the texts: what is tokenised later finds the words that it usually finds."""
        for texts in self._texts:
            self._live.encode_batch(texts)
        self._replayed = 0


class KeptData:
    """Records what a cell's data stages tokenise, writes it, and runs them with it again."""

    knobs = ("tokenizer", "max_length")
    """Their proofs are read while texts are tokenised."""

    def __init__(self, stages: CellStages, run: Callable[[], Batches]) -> None:
        """Serve the cell of ``stages``, whose data stage ``run`` runs.

        Raises UnavailableError if several devices train.
        """
        keeping.require_one_device(stages)
        self._stages = stages
        self._run = run
        self._recording: RecordingEncoder | None = None
        self._peaks: dict[str, int | None] = {}

    def circumstances(self) -> dict[str, Any]:
        """Return what decides a data stage beside the cell's options, as builtins."""
        stages = self._stages
        divided = None  # plain batches are divided when they are read
        if stages.options.data.batching != "plain":
            divided = [stages.micro, stages.options.inference.batch_size]
        return {**keeping.circumstances(stages), "divided": divided}

    def begin(self) -> None:
        """Let the round's tokenizer note what it does."""
        self.forget()
        self._stages.encoder = self._recorded

    def snapshot(self, _batches: Batches) -> None:
        """Note nothing of what is tokenised from now on."""
        self._stages.encoder = encoders.encoder
        if self._recording is not None:
            self._recording.stop()
        self._peaks = keeping.memory_peaks(self._stages.device)

    def forget(self) -> None:
        """Drop what was noted."""
        self._recording = None
        self._stages.encoder = encoders.encoder

    def facts(self) -> dict[str, Any]:
        """Return the peaks of memory."""
        return {"peaks": self._peaks}

    def write(self, file: Path) -> None:
        """Write ids and digests of texts; raises UnavailableError if it cannot be done."""
        if self._recording is None:
            raise RuntimeError("no data stage was noted")
        keeping.save(_tensors(self._recording), file)

    def read(self, contents: bytes) -> Batches:
        """Run the data stage with the recorded ids; raises UnavailableError for other texts."""
        from safetensors.torch import load

        ids, digests = _calls(load(contents))
        replaying: list[ReplayingEncoder] = []

        def replayed(kind: str, file: Path, longest: int) -> Encoder:
            live = encoders.encoder(kind, file, longest)
            replaying.append(ReplayingEncoder(live, ids, digests))
            return replaying[-1]

        self._stages.encoder = replayed
        batches = self._run()
        self._stages.encoder = encoders.encoder
        if batches.calibration or batches.validation:
            replaying[-1].warm_up()
        return batches

    def load(self, _inputs: Sequence[object], read: Batches, _facts: Mapping[str, Any]) -> Batches:
        """Return what the stage made of the recorded ids."""
        return read

    def _recorded(self, kind: str, file: Path, longest: int) -> Encoder:
        self._recording = RecordingEncoder(encoders.encoder(kind, file, longest))
        return self._recording


def digest_of(texts: Sequence[str]) -> bytes:
    """Return the SHA-256 of texts, in their order."""
    digest = hashlib.sha256()
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(encoded))
        digest.update(encoded)
    return digest.digest()


def _tensors(recording: RecordingEncoder) -> dict[str, torch.Tensor]:
    """Return ids one after another, the length of each row, and rows and digest of each call."""
    flat: list[int] = []
    lengths: list[int] = []
    for call in recording.ids:
        for row in call:
            flat += row
            lengths.append(len(row))
    digests = b"".join(map(digest_of, recording.texts))
    rows = list(map(len, recording.ids))
    return {
        "ids": torch.tensor(flat, dtype=torch.int32),
        "lengths": torch.tensor(lengths, dtype=torch.int32),
        "rows": torch.tensor(rows, dtype=torch.int32),
        "texts": torch.tensor(list(digests), dtype=torch.uint8),
    }


def _calls(tensors: Mapping[str, torch.Tensor]) -> tuple[list[Ids], list[bytes]]:
    """Return the ids of each call, and the digest of its texts."""
    rows = _pieces(tensors["ids"].tolist(), tensors["lengths"].tolist())
    calls = _pieces(rows, tensors["rows"].tolist())
    digests = bytes(tensors["texts"].tolist())
    of_texts = []
    for start in range(0, len(digests), DIGEST_BYTES):
        end = start + DIGEST_BYTES
        of_texts.append(digests[start:end])
    return calls, of_texts


def _pieces(values: list[Item], lengths: Iterable[int]) -> list[list[Item]]:
    """Return ``values`` cut into pieces of these lengths."""
    pieces = []
    start = 0
    for length in lengths:
        end = start + length
        pieces.append(values[start:end])
        start = end
    return pieces
