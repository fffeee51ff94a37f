"""The names of a binary classifier's scores, without what computes them: NumPy takes its time."""

from __future__ import annotations

HIGHER_IS_BETTER = {
    "mcc": True,
    "macro_f1": True,
    "f1": True,
    "precision": True,
    "recall": True,
    "roc_auc": True,
    "pr_auc": True,
    "accuracy": True,
    "brier": False,
    "weighted_f1": True,
}
"""The scores' names, and whether more is better.

``f1``, ``precision`` and ``recall`` are the positive class's; ``pr_auc`` is the average precision;
``brier`` the mean squared error of the probabilities (Brier 1950); ``mcc`` is Matthews'
correlation, 0 for a constant answer by convention (Chicco and Jurman, BMC Genomics 2020).
"""
