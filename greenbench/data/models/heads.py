"""What a model carries behind its layers: which of transformers' classes loads a checkpoint.

Whether a family of models has such a class is read from transformers itself, by the ``model_type``
of the checkpoint's ``config.json``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from greenbench.data.models import checkpoint_checks, linear_layers
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from transformers import PreTrainedModel

HeadKind: TypeAlias = Literal[
    "causal-lm", "text-classification", "token-classification", "regression"
]
AUTO_CLASSES: dict[HeadKind, str] = {
    "causal-lm": "CAUSAL_LM",
    "text-classification": "SEQUENCE_CLASSIFICATION",
    "token-classification": "TOKEN_CLASSIFICATION",
    "regression": "SEQUENCE_CLASSIFICATION",
}
"""From a kind of head to transformers' name of the mapping from families to classes."""
OTHER_SENSES = ("vision_config", "audio_config", "speech_config")
"""Keys of ``config.json`` of models that read more than text."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a model carries behind its layers."""

    kind: HeadKind
    labels: int = 1
    """Numbers that it gives for a text, or a token; a language model has its vocabulary's."""

    @property
    def writes(self) -> bool:
        """Whether the model writes texts."""
        return self.kind == "causal-lm"

    @property
    def reads_the_end(self) -> bool:
        """Whether it answers a text as a whole, as a decoder does by the text's last token."""
        return self.kind in {"text-classification", "regression"}

    @property
    def auto_class(self) -> str:
        """The class of transformers that loads such models."""
        parts = AUTO_CLASSES[self.kind].split("_")
        names = [part if part == "LM" else part.title() for part in parts]
        return f"AutoModelFor{''.join(names)}"

    def refuse_others(self, folder: Path, model: str) -> None:
        """Raise UsageError if transformers cannot load the checkpoint with such a head.

        ``model`` (``M2``) is for the message.
        """
        config = checkpoint_checks.read_config(folder)
        reason = self._obstacle(config)
        if reason:
            asked = "a decoder" if self.writes else "an encoder"
            raise UsageError(
                f"--green-model {model}={folder}: it holds a {config['model_type']!r} model, "
                f"{reason}; {model} needs {asked} that {self.auto_class} loads"
            )

    def _obstacle(self, config: Mapping[str, Any]) -> str:
        """Return why the model of ``config`` cannot carry the head; empty if it can."""
        import transformers
        from transformers.models.auto import modeling_auto

        family = config["model_type"]
        known = getattr(modeling_auto, f"MODEL_FOR_{AUTO_CLASSES[self.kind]}_MAPPING_NAMES")
        encoders = modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
        release = f"transformers {transformers.__version__}"
        if family not in modeling_auto.MODEL_MAPPING_NAMES:
            return f"which {release} does not know"
        if config.get("is_encoder_decoder"):
            return "which has an encoder and a decoder, and greenbench measures one stack of layers"
        if any(key in config for key in OTHER_SENSES):
            return "which reads more than text"
        if family not in known:
            return f"of which {release} has no class with a head for {self.kind}"
        encodes = family in encoders and not config.get("is_decoder")
        decodes = family in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and not encodes
        return self._unfit(config, encodes=encodes, decodes=decodes)

    def _unfit(self, config: Mapping[str, Any], *, encodes: bool, decodes: bool) -> str:
        """Return why the head does not fit an encoder or a decoder; empty if it does."""
        pad_id = config.get("pad_token_id")
        if self.writes and encodes:
            return "an encoder, which reads what it is to write"
        if self.reads_the_end and decodes and not _is_id(pad_id):
            return "which names no pad_token_id, by which it finds the end of a text"
        return ""

    def load(self, folder: Path, changed: Mapping[str, None]) -> PreTrainedModel:
        """Load the weights in FP32; ``changed`` are other settings than those of ``config.json``.

        A classifier's head that the file lacks, or has for other labels, is drawn at random. Raises
        UsageError if other weights would be.
        """
        import torch
        import transformers

        settings: dict[str, Any] = {}
        settings.update(changed)
        if not self.writes:
            settings["num_labels"] = self.labels
            settings["ignore_mismatched_sizes"] = True
        if self.kind == "regression":
            settings["problem_type"] = "regression"
        net: PreTrainedModel
        net, loaded = getattr(transformers, self.auto_class).from_pretrained(
            folder,
            output_loading_info=True,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            **settings,
        )
        checkpoint_checks.refuse_random_weights(loaded, folder, self._body(net))
        linear_layers.make_plain(net)
        if self.writes:
            # Checkpoints bring temperatures and penalties of their own
            net.generation_config = transformers.GenerationConfig()
        return net

    def _body(self, net: PreTrainedModel) -> str:
        """Return the beginning of the names of the weights that a file must have."""
        return "" if self.writes else f"{net.base_model_prefix}."


def _is_id(value: object) -> bool:
    return isinstance(value, int) and value >= 0


CAUSAL_LM = Head("causal-lm")
TWO_CLASSES = Head("text-classification", labels=2)
