"""A task of a scikit-learn estimator or pipeline: whatever has fit, predict and get_params."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, make_dataclass
from typing import TYPE_CHECKING

from greenbench.adapters.task import AdaptedTask, SuiteFunction
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.protocols import Opaque


@dataclass(frozen=True, kw_only=True)
class EstimatorTask(AdaptedTask):
    """Fits copies of an estimator; splits are columns ``(X, y)``, knobs are its parameters."""

    estimator: Opaque

    def train(self, options: Opaque, data: Opaque, seed: int) -> Opaque:
        """Return a fitted copy with the options' values; all its random states are the seed."""
        from sklearn.base import clone

        model = clone(self.estimator)
        random = [name for name in model.get_params() if name.endswith("random_state")]
        model.set_params(**dict.fromkeys(random, seed), **asdict(options))
        return model.fit(*data.train)

    def predict(self, model: Opaque, rows: Opaque, _options: Opaque) -> Opaque:
        """Return what the model says of ``X``."""
        return model.predict(rows[0])


def estimator_task(
    estimator: Opaque, load: SuiteFunction, knobs: Sequence[str] = (), **parts: Opaque
) -> EstimatorTask:
    """Return the task of ``estimator``, with the parameters ``knobs`` as knobs, and these parts.

    A knob without a proof of the suite's own is proved by ``get_params()`` of the fitted copy. That
    shows that the estimator was made with the value, not what it did with it. Raises UsageError for
    a parameter that does not exist, and for one whose type its value, None, does not tell.
    """
    from sklearn.base import is_classifier
    from sklearn.dummy import DummyClassifier, DummyRegressor

    known, classifies = estimator.get_params(), is_classifier(estimator)
    name, dummy = ("accuracy", DummyClassifier()) if classifies else ("error", DummyRegressor())
    if unknown := [knob for knob in knobs if knob not in known]:
        raise UsageError(f"{estimator} has no parameter {unknown[0]}; it has {', '.join(known)}")
    options = parts.pop("Options", None) or _options(estimator, known, knobs)
    proofs = {f.name: lambda m, n=f.name: m.get_params()[n] for f in fields(options)}
    proofs |= parts.pop("PROOFS", {})

    def score(rows: Opaque, predictions: Opaque) -> Mapping[str, Opaque]:
        return {name: predictions == rows[1] if classifies else abs(predictions - rows[1])}

    def baselines(data: Opaque) -> Mapping[str, Opaque]:
        return {"constant": dummy.fit(*data.train).predict(data.test[0])}

    made = {"PRIMARY": name, "HIGHER_IS_BETTER": classifies, "score": score, "baselines": baselines}
    made |= {"load": load, "Options": options, "PROOFS": proofs, **parts}
    return EstimatorTask(estimator=estimator, **made)


def _options(estimator: Opaque, known: Mapping[str, Opaque], knobs: Sequence[str]) -> type:
    """Return a class whose fields are parameters, of the types of the estimator's own values."""
    declared = []
    for knob in knobs:
        default = known[knob]
        if default is None:
            raise UsageError(
                f"{estimator}: the knob {knob} is None, which does not tell its type; instead of "
                f"knobs= pass Options=, a frozen dataclass with a field like {knob}: int | None = "
                "None for each knob"
            )
        declared.append((knob, type(default), default))
    return make_dataclass("Options", declared, frozen=True)
