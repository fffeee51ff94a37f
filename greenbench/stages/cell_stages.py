"""The five stages of one cell: each stage is one call that does what the cell's options say.

A stage does its work when it is called, inside the window that the pipeline opened; nothing happens
before. A record collects what is read back from the live objects.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.stages import (
    adapters,
    answering,
    batching,
    data,
    drafting,
    early_exit,
    early_stopping,
    encoders,
    engines,
    healing,
    inference,
    input_lengths,
    layers,
    pruning,
    training,
    training_watch,
)
from greenbench.stages.cell_switches import CellSwitches
from greenbench.stages.compiled_training import CompiledTraining
from greenbench.stages.objectives import objective
from greenbench.stages.round_record import InferenceProbe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.stages.data import Batches
    from greenbench.stages.objectives.interface import Answers, TaskExample


class CellStages(CellSwitches):
    """The stages of a cell, in the order in which the pipeline calls them."""

    def data(
        self,
        train: Sequence[TaskExample],
        test: Sequence[TaskExample],
        model: Checkpoint,
        seed: int,
        *,
        valid: Sequence[TaskExample] = (),
    ) -> Batches:
        """Tokenise and batch for the model's objective; of ``valid`` what the options need."""
        options = self.options.data
        file, usual = model.tokenizer_file, input_lengths.usual(model, self.size)
        longest = input_lengths.asked(model, self.size, options.max_length)
        unread = encoders.unread(file)
        tokenizer = self.encoder("rust" if unread else options.tokenizer, file, longest)
        batches = data.prepare(
            train,
            test,
            tokenizer,
            objective(tokenizer, model, self.size),
            options,
            micro=self.micro,
            seed=seed,
            answered=self.options.inference.batch_size,
            calibration=pruning.calibration(self.options, valid),
            usual_length=usual,
            unread=unread,
            doubts=input_lengths.doubts(usual, self.size),
        )
        scored = early_stopping.examples(self.options.training, valid)
        self.record.batches = replace(batches, validation=scored)
        return self.record.batches

    def architecture(self, model: Checkpoint) -> nn.Module:
        """Load the model in FP32 on the device, and in every other rank on its own.

        Layers are taken out if the options say so.
        """
        net, _ = self.ranks.together("load", model, lambda: model.load().to(self.device))
        chosen = self.options.architecture
        self.record.pruned = pruning.prune(net, chosen, self.record.batches, self.ranks)
        inference.choose_attention(net, chosen.attention, self.ranks)
        self.record.config = copy.deepcopy(getattr(net, "config", None))
        if self.writes:
            self.record.drafter = drafting.loaded(self.options.inference.draft, model, self.device)
        if chosen.adapter != "none":
            self.ranks.together("adapt", chosen, lambda: adapters.inject(net, chosen, self.device))
        return net

    def compilation(self, net: nn.Module, batches: Batches) -> nn.Module:
        """Compile the passes of training; the model stays what it is."""
        compiled = CompiledTraining(net, self.options.training.precision, self.device)
        compiled.warm_up(batches, self.micro)
        self.record.compiled = compiled
        return net

    def training(self, net: nn.Module, batches: Batches) -> nn.Module:
        """Fine-tune."""
        compiled = self.record.compiled
        watch = training_watch.of_knobs(net, self.record.pruned, self.options)
        with watch, batches.loading, inference.AttentionProbe(net) as attention:
            if compiled is not None:
                attention.__exit__()  # its hooks would break the graphs
            chosen = self.options.training
            log = training.finetune(net, batches, chosen, self.size, self.ranks, compiled)
        watch.report(log)
        training.merge_adapters(net, log)
        log.attention = attention.evidence if compiled is None else compiled.attention
        self.record.log = log
        return net

    def shortening(self, net: nn.Module, batches: Batches) -> nn.Module:
        """Leave layers out of the trained model."""
        pruning.note_layers(self.record.pruned, net)
        calibration = data.calibration_batches(batches)
        options = self.options.inference
        self.record.depth = layers.shorten(net, options, calibration, self.device)
        return net

    def healing(self, net: nn.Module, batches: Batches) -> nn.Module:
        """Train the shortened model, if there were layers to leave out."""
        record = self.record
        if record.depth is not None and record.depth.gone:
            job = healing.job(batches, self.options, self.size, record.steps)
            record.healing = healing.heal(net, job, record.depth, self.ranks.rank)
        return net

    def conversion(self, net: nn.Module) -> nn.Module:
        """Convert the weights of the trained model, and make the engine that runs it."""
        net, self.record.engine = engines.converted(
            net, self.options, self.device, self.record.batches
        )
        return net

    def inference(self, net: nn.Module, batches: Batches) -> Answers:
        """Return the model's answer to each test example."""
        record, options = self.record, self.options.inference
        if record.probe is None:  # a repetition goes on with the probe of the round
            if record.depth is None:
                pruning.note_layers(record.pruned, net)
            depth = record.depth or layers.depth_of(net)
            record.probe = InferenceProbe(net, depth, record.engine)
            record.exits = early_exit.row_exits(net, depth, options)
        record.answering, record.loading = batches.objective, batches.loading
        ways = answering.ways(net, options, self.device, record.exits, record.drafter)
        with record.probe, ways, batches.loading:
            answers = batches.objective.answer(record.answerer(net), batches.test, self.device)
        return batching.in_examples_order(batches.test, answers)

    def answers(self, net: nn.Module, batches: Batches, examples: Sequence[TaskExample]) -> Answers:
        """Return the answers to other examples, as ``inference`` would, for the judging."""
        options = self.options.inference
        loader = data.in_order(batches.objective, examples, batches.batch_size)
        depth = self.record.depth or layers.depth_of(net)
        exits = early_exit.row_exits(net, depth, options)
        with answering.ways(net, options, self.device, exits, self.record.drafter):
            return batches.objective.answer(self.record.answerer(net), loader, self.device)
