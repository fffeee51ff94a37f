"""The grammar of gates: what is valid, and which character an error points at."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.errors import UsageError
from greenbench.gates.expression import METRICS, OPERATORS, STAGES, Gate, parse
from greenbench.stats.classification_names import HIGHER_IS_BETTER
from greenbench.tasks import BUILT_IN

TASK_NAMES = ("T1", "T2")
SCORES = {name: BUILT_IN[name].scores for name in TASK_NAMES}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("T2.mcc >= 0.98*V0", ("T2", None, "mcc", ">=", "ratio", 0.98, "V0")),
        ("T2.mcc>=V0-0.02", ("T2", None, "mcc", ">=", "difference", -0.02, "V0")),
        ("energy <= 0.60 * V0", (None, None, "energy", "<=", "ratio", 0.6, "V0")),
        ("training.energy <= 1.1*saved", (None, "training", "energy", "<=", "ratio", 1.1, "saved")),
        ("T1.pass_at_1 >= 50%", ("T1", None, "pass_at_1", ">=", "number", 0.5, None)),
        (
            "T1.inference.time < saved + 3",
            ("T1", "inference", "time", "<", "difference", 3.0, "saved"),
        ),
        ("flops <= saved", (None, None, "flops", "<=", "ratio", 1.0, "saved")),
        ("energy <= 105%*V1-b16", (None, None, "energy", "<=", "ratio", 1.05, "V1-b16")),
        ("T2.mcc >= -0.1", ("T2", None, "mcc", ">=", "number", -0.1, None)),
        ("energy_net <= +2", (None, None, "energy_net", "<=", "number", 2.0, None)),
        ("time <= 1e3", (None, None, "time", "<=", "number", 1000.0, None)),
    ],
)
def test_valid_gates(text: str, parts: tuple) -> None:
    """Task, stage and spaces are optional, and a percentage is a number."""
    gate = parse(text, TASK_NAMES, SCORES)
    found = (
        gate.task,
        gate.stage,
        gate.metric,
        gate.operator,
        gate.form,
        pytest.approx(gate.number),
        gate.reference,
    )
    assert found == parts


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("T2.mmc >= V0", 4, "there is no metric 'mmc'"),
        ("energy = 5", 8, "write one of <= >= < >"),
        ("energy <=", 10, "write a number, a variant or 'saved'"),
        ("energy <= 5 * 3", 15, "write a variant or 'saved'"),
        ("energy <= 1.05*saved or so", 22, "nothing more belongs there"),
        ("energy <= V0-5%", 14, "a percentage of what?"),
        ("training.mcc > 1", 1, "mcc is not known by stage"),
        ("T9.energy < 1", 1, "'T9' is neither a task (T1, T2) nor a stage"),
        ("T1.mcc > 0", 4, "mcc is a metric of T2"),
        ("energy <= 0*saved", 11, "a factor has to be above zero"),
        ("", 1, "write a metric"),
        ("energy <= 1.5.2", 11, "write a number"),
        ("energy <= 1e400", 11, "1e400 is larger than any number"),
        ("energy <= 1e400*saved", 11, "1e400 is larger than any number"),
        ("energy <= saved+1e400", 17, "1e400 is larger than any number"),
        ("energy <= -V0", 12, "write a number"),
        ("energy <= -2*V0", 13, "nothing more belongs there"),
    ],
)
def test_an_error_points_at_the_character_and_lists_the_metrics(
    text: str, place: int, why: str
) -> None:
    """The message shows the gate with a caret below the wrong character."""
    with pytest.raises(UsageError) as caught:
        parse(text, TASK_NAMES, SCORES)
    lines = str(caught.value).splitlines()
    assert why in lines[0]
    assert f"at character {place}:" in lines[0]
    assert lines[1] == f"    {text}"
    assert lines[2].index("^") == 4 + place - 1
    assert f"metrics: {', '.join(METRICS)}, pass_at_1, " in lines[3]


@given(
    task=st.sampled_from([None, *TASK_NAMES]),
    stage=st.sampled_from([None, *STAGES]),
    metric=st.sampled_from(sorted({*METRICS, *SCORES["T1"], *SCORES["T2"]})),
    operator=st.sampled_from(OPERATORS),
    number=st.floats(1e-3, 1e6),
    reference=st.sampled_from([None, "V0", "V1-b16", "V7_all_optimised", "saved"]),
    blank=st.sampled_from(["", " ", "  "]),
)
def test_any_valid_gate_is_read_back(
    task, stage, metric, operator, number, reference, blank
) -> None:
    """Any valid combination of parts is read back, with any spacing."""
    is_had = task is None or metric in METRICS or metric in SCORES[task]
    task = task if is_had else None
    stage = stage if metric in METRICS and METRICS[metric].staged else None
    value = repr(number) + (f"{blank}*{blank}{reference}" if reference else "")
    text = ".".join(filter(None, (task, stage, metric))) + f"{blank}{operator}{blank}{value}"
    gate = parse(text, TASK_NAMES, SCORES)
    assert (gate.task, gate.stage, gate.metric, gate.operator, gate.reference) == (
        task,
        stage,
        metric,
        operator,
        reference,
    )
    assert gate.number == pytest.approx(number)


def test_an_example_is_about_a_task_of_the_suite() -> None:
    """By its first score, in its direction and unit; without known scores it is about none."""
    examples = []
    for scores in ({"price": {"mae": False}}, {"answers": {"bleu": True}}, None):
        with pytest.raises(UsageError) as caught:
            parse("energy <=", scores=scores)
        examples.append(str(caught.value).partition("energy <= 0.60*V0, ")[2].partition(";")[0])
    also = "training.time <= 1.1*saved"
    assert examples == [f"price.mae <= 1.02*V0, {also}", f"answers.bleu >= V0-2, {also}", also]


@given(st.text(max_size=30))
def test_any_text_is_a_gate_or_a_usage_error(text: str) -> None:
    """No text raises anything but a UsageError."""
    with contextlib.suppress(UsageError):
        assert isinstance(parse(text), Gate)


def test_a_gate_applies_where_its_metric_is_known() -> None:
    """Without a task, a gate on a score applies to the task that has the score."""
    assert [parse("mcc > 0", scores=SCORES).applies(t) for t in TASK_NAMES] == [False, True]
    assert [parse("accuracy > 0").applies(t) for t in TASK_NAMES] == [True, True]
    assert [parse("energy < 1").applies(t) for t in TASK_NAMES] == [True, True]
    assert [parse("T1.energy < 1").applies(t) for t in TASK_NAMES] == [True, False]


def test_a_gate_may_be_about_a_task_whose_scores_are_unknown() -> None:
    """What a pyproject.toml says of a task that the compared runs lack is no mistake."""
    gate = parse("T3.mae <= 2", scores=SCORES)
    assert (gate.task, gate.metric) == ("T3", "mae")


def test_every_primary_score_is_one_that_its_task_gives() -> None:
    """The scores of a task are those that it is judged by, with their directions."""
    assert dict(HIGHER_IS_BETTER) == BUILT_IN["T2"].scores
    for task in BUILT_IN.values():
        assert set(task.primary) <= set(task.scores)
