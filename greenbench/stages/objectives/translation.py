"""The objective of a decoder: read a source text and an instruction, and write the translation.

Training puts the loss on the target alone. Inference is batched greedy decoding with a key/value
cache; prompts are padded on the left, so that every row's next token has the same position.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.utils.rnn import pad_sequence

from greenbench.stages import packing
from greenbench.stages.objectives import validation_scores
from greenbench.stages.objectives.interface import AnsweredBatch, Encoded, on_device
from greenbench.stages.objectives.translation_texts import TextEncoder
from greenbench.stages.objectives.validation_scores import IGNORED
from greenbench.stages.ranks.rank import ALONE, Rank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn
    from transformers import PreTrainedModel

    from greenbench.stages.encoders import Encoder
    from greenbench.stages.objectives.interface import Loader, ModelInputs
    from greenbench.stages.objectives.translation_texts import TextPair

Row = tuple[list[int], list[int]]
"""Token ids of prompt and target."""


class Translation:
    """Sequence-to-sequence translation with a causal language model."""

    training_texts = 2
    score_name = "token_accuracy"
    validation_score = staticmethod(validation_scores.token_accuracy)

    def __init__(self, tokenizer: Encoder, pad_id: int, eos_id: int, max_new_tokens: int) -> None:
        """Make an objective whose prompts are cut at the tokenizer's ``max_tokens``.

        Targets are cut at ``max_new_tokens`` ids, and answers end after as many.
        """
        self._tokenizer = tokenizer
        self._texts = TextEncoder(tokenizer, eos_id, max_new_tokens)
        self.pad_id = pad_id
        self._eos_id = eos_id
        self.longest_target = max_new_tokens
        self._answers = 0
        self._unfinished_answers = 0
        self.tokens_generated = 0
        self.answered: tuple[AnsweredBatch, ...] = ()

    def __getstate__(self) -> dict[str, object]:
        """Leave the tokenizer behind: what is sent to another rank tokenises nothing."""
        return {**vars(self), "_tokenizer": None, "_texts": None}

    def training_rows(self, examples: Sequence[TextPair]) -> Encoded:
        """Tokenise prompts and targets."""
        prompts = self._texts.prompts(examples)
        targets = self._texts.targets(examples)
        rows = list(zip(prompts, targets, strict=True))
        lengths = [len(prompt) + len(target) for prompt, target in rows]
        return Encoded(rows=rows, lengths=lengths, longest_input=_longest(prompts))

    def validation_rows(self, examples: Sequence[TextPair]) -> Encoded:
        """Tokenise prompts and targets."""
        return self.training_rows(examples)

    def inference_rows(self, examples: Sequence[TextPair]) -> Encoded:
        """Tokenise prompts alone: the model does not see what it is to write."""
        prompts = self._texts.prompts(examples)
        lengths = list(map(len, prompts))
        return Encoded(rows=prompts, lengths=lengths, longest_input=_longest(prompts))

    def training_batch(self, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
        """Pad on the right, to shape (batch, tokens); ``labels`` ignore prompt and padding."""
        ids, masks, labels = [], [], []
        for prompt, target in rows:
            text = torch.tensor(prompt + target)
            ids.append(text)
            masks.append(torch.ones_like(text))
            labels.append(_expected(prompt, target))
        batch = {}
        batch["input_ids"] = pad_sequence(ids, batch_first=True, padding_value=self.pad_id)
        batch["attention_mask"] = pad_sequence(masks, batch_first=True)
        batch["labels"] = pad_sequence(labels, batch_first=True, padding_value=IGNORED)
        return batch

    def inference_batch(self, rows: Sequence[list[int]]) -> dict[str, torch.Tensor]:
        """Pad on the left; both tensors have shape (batch, tokens)."""
        prompts = [torch.tensor(row) for row in rows]
        masks = [torch.ones_like(prompt) for prompt in prompts]
        ids = pad_sequence(
            prompts, batch_first=True, padding_value=self.pad_id, padding_side="left"
        )
        mask = pad_sequence(masks, batch_first=True, padding_side="left")
        return {"input_ids": ids, "attention_mask": mask}

    def loss(
        self, model: nn.Module, batch: ModelInputs, step: Sequence[ModelInputs], rank: Rank = ALONE
    ) -> torch.Tensor:
        """Return this micro-batch's part of the mean cross-entropy over the step's target tokens.

        Averaging the means of micro-batches would weigh tokens by the lengths of their neighbours;
        accumulating would then be another training than one large batch.
        """
        targets = [(part["labels"] != IGNORED).sum() for part in step]
        items = rank.total(torch.stack(targets).sum())
        loss: torch.Tensor = packing.run(model, batch, num_items_in_batch=items).loss
        return loss * len(step) * rank.count

    @torch.inference_mode()
    def answer(self, net: nn.Module, loader: Loader, device: torch.device) -> list[str]:
        """Return what the model writes for every example, in the loader's order."""
        net.eval()
        answers: list[list[int]] = []
        shapes: list[AnsweredBatch] = []
        for batch in loader:
            inputs = on_device(batch, device)
            rows, prompt_length = inputs["input_ids"].shape
            texts = _generated(net, inputs, self.longest_target, self.pad_id, self._eos_id)
            ids = texts[:, prompt_length:]
            shapes.append(AnsweredBatch(rows, prompt_length, written=ids.shape[1]))
            for row in ids.tolist():
                answers.append(_until_end(row, self._eos_id))
        self.answered = tuple(shapes)
        return self._decoded(answers)

    def doubts(self) -> tuple[str, ...]:
        """Warn of sources, targets and answers that were cut."""
        warnings = self._texts.warnings()
        if self._unfinished_answers:
            unfinished = f"{self._unfinished_answers} of {self._answers} translations"
            warnings.append(f"{unfinished} did not end within {self.longest_target} tokens")
        return tuple(warnings)

    def _decoded(self, answers: list[list[int]]) -> list[str]:
        """Return the texts of ``answers``, and count their tokens and those that did not end."""
        self.tokens_generated = sum(map(len, answers))
        self._answers = len(answers)
        self._unfinished_answers = 0
        texts = []
        for ids in answers:
            ended = ids[-1:] == [self._eos_id]
            if not ended:
                self._unfinished_answers += 1
            texts.append(ids[:-1] if ended else ids)
        return self._tokenizer.decode_batch(texts)


@torch.inference_mode()
def read_prompts(net: PreTrainedModel, loader: Loader, device: torch.device, pad_id: int) -> None:
    """Read every prompt and write one token each; nothing is noted."""
    net.eval()
    for batch in loader:
        _generated(net, on_device(batch, device), 1, pad_id, eos_id=pad_id)


def _generated(
    net: PreTrainedModel, inputs: ModelInputs, most_tokens: int, pad_id: int, eos_id: int
) -> torch.Tensor:
    ids: torch.Tensor = net.generate(
        **inputs,
        do_sample=False,
        num_beams=1,
        use_cache=True,
        max_new_tokens=most_tokens,
        pad_token_id=pad_id,
        eos_token_id=eos_id,
    )
    return ids


def _expected(prompt: list[int], target: list[int]) -> torch.Tensor:
    """Return the labels of a text, whose prompt is ignored.

    So is a first token that has no prompt: in a packed row another text would predict it.
    """
    labels = torch.tensor([IGNORED] * len(prompt) + target)
    labels[:1] = IGNORED
    return labels


def _longest(texts: Sequence[list[int]]) -> int:
    return max(map(len, texts), default=0)


def _until_end(ids: list[int], eos_id: int) -> list[int]:
    """Cut behind the first end token; padding follows it."""
    if eos_id not in ids:
        return ids
    return ids[: ids.index(eos_id) + 1]
