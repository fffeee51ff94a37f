"""The cache of keys and values of a model that writes: its kind, and the two phases of its use.

A dynamic cache grows with every token. A static one has its final length from the beginning: its
shapes stay the same, as compiled code needs it, and every token attends to all of that length, of
which masks hide what is not written yet. Prefill reads a batch of prompts and gives its first
tokens; decoding writes the others one by one.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Self

from greenbench.stages.stack import stack_of
from greenbench.stages.tally import Tally
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from torch import nn
    from transformers import PreTrainedModel

KINDS = {"DynamicCache": "dynamic", "StaticCache": "static"}
"""Classes of transformers."""


@contextlib.contextmanager
def chosen(net: PreTrainedModel, kind: str) -> Iterator[None]:
    """Let ``net`` write with a cache of this kind in the context; others keep none at all.

    transformers would compile a model with a static cache on a GPU: that is another knob's affair.
    """
    if kind != "static" or not net.can_generate():
        yield
        return
    config: Any = net.generation_config
    before = config.cache_implementation, config.disable_compile
    config.cache_implementation, config.disable_compile = "static", True
    try:
        yield
    finally:
        config.cache_implementation, config.disable_compile = before
        net._previous_max_cache_length = -1  # noqa: SLF001  else the next cache is as long


class CacheWatch:
    """Context in which the cache of every pass is noted, and the time of both phases.

    The time of a phase is that between the beginnings of passes, so it holds what lies between
    them: choosing tokens. Only the end of the last batch is not seen from here: it is that of the
    context.
    """

    def __init__(self, net: PreTrainedModel) -> None:
        """Watch ``net`` whenever the context is entered."""
        self.kinds: Tally[str] = Tally("passes")
        self.lengths: list[int] = []
        """Tokens that a static cache holds, batch by batch."""
        self.seconds = {"prefill": 0.0, "decode": 0.0}
        self.passes = {"prefill": 0, "decode": 0}
        self.checks = 0
        """Passes of decoding that read several tokens: guesses, to be checked."""
        self._stack = net.base_model
        self._writes = net.can_generate()
        self._attends = stack_of(net).has_attention
        self._phase = ""
        self._since = 0.0
        self._hook = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Set the hook."""
        if self._writes:
            hook = self._stack.register_forward_pre_hook(self._begin, with_kwargs=True)
            self._hook.callback(hook.remove)
        return self

    def __exit__(self, *_: object) -> None:
        """Remove it; the last phase ends here."""
        self._hook.close()
        self._end()
        self._phase = ""

    def _begin(self, _stack: nn.Module, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        self._end()
        ids = inputs[0] if inputs else keywords["input_ids"]
        cache: Any = keywords.get("past_key_values", keywords.get("cache_params"))
        name = type(cache).__name__
        self.kinds.counts[KINDS.get(name, name)] += 1
        # A prompt of one token reads as decoding if it is not the first pass.
        written = self._written(cache, ids)
        self._phase = "decode" if written else "prefill"
        self.passes[self._phase] += 1
        self.checks += int(written > 0 and ids.shape[1] > 1)
        if self._phase == "prefill" and KINDS.get(name) == "static":
            self.lengths.append(int(cache.layers[0].get_max_length()))

    def _written(self, cache: Any, ids: torch.Tensor) -> int:
        """Return the tokens that were read before; the states of other layers do not say."""
        if cache is None:
            return 0
        if not self._attends:
            return int(ids.shape[1] == 1)
        return int(cache.get_seq_length())

    def _end(self) -> None:
        """Give the time since the latest pass began to its phase."""
        now = time.perf_counter()
        if self._phase:
            self.seconds[self._phase] += now - self._since
        self._since = now

    def proof(self, asked: str) -> Applied:
        """Compare the caches of all passes with the requested kind."""
        note = ""
        if not self._writes:
            note = "" if asked == "dynamic" else "the model writes nothing: it keeps no cache"
        elif not self.kinds.total:
            note = "no pass was seen"
        elif other := self.kinds.exceptions(asked):
            note = f"requested {asked}, read back {other}"
        phases: dict[str, float] = {}
        for phase, passes in self.passes.items():
            if passes:
                phases[f"{phase}_passes"] = passes
                phases[f"{phase}_seconds"] = round(self.seconds[phase], 6)
        return Applied(
            stage="inference",
            knob="cache",
            asked=asked,
            got=self.kinds.usual,
            how=f"class of the cache that was given to each of {self.kinds.total} passes",
            note=note,
            evidence=phases,
        )
