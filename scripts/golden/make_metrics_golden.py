"""Writes test/golden/metrics.json: what scikit-learn and SciPy say of predictions drawn at random.

Run `python scripts/golden/make_metrics_golden.py` in an environment with scikit-learn and SciPy. Only whoever changes a
case needs it: the file is part of the repository, and neither the product nor its tests run Python.
"""

import json
import platform
from pathlib import Path

import numpy
import scipy
import sklearn
from scipy import stats
from sklearn import metrics

OUT = Path(__file__).resolve().parents[2] / "test" / "golden" / "metrics.json"
MADE_WITH = (
    f"scikit-learn {sklearn.__version__}, SciPy {scipy.__version__}, NumPy {numpy.__version__},"
    f" Python {platform.python_version()}"
)
draw = numpy.random.default_rng(7)


def of_classes(classes: int, samples: int, held: int) -> dict:
    """`held` of the classes are ever right or said."""
    right = draw.integers(0, held, samples)
    said = numpy.where(draw.random(samples) < 0.6, right, draw.integers(0, held, samples))
    expected = {
        "accuracy": metrics.accuracy_score(right, said),
        "f1-macro": metrics.f1_score(right, said, average="macro", zero_division=0),
        "f1-micro": metrics.f1_score(right, said, average="micro", zero_division=0),
        "mcc": metrics.matthews_corrcoef(right, said),
    }
    if classes == 2:
        expected["f1"] = metrics.f1_score(right, said, zero_division=0)
    return dict(
        kind="class", classes=classes, width=1, right=right.tolist(), said=said.tolist(), expected=expected
    )


def of_labels(labels: int, samples: int) -> dict:
    right = (draw.random((samples, labels)) < 0.3).astype(int)
    right[:, -1] = 0
    said = numpy.where(draw.random((samples, labels)) < 0.8, right, 1 - right)
    said[:, -1] = 0
    expected = {
        "accuracy": metrics.accuracy_score(right, said),
        "f1-macro": metrics.f1_score(right, said, average="macro", zero_division=0),
        "f1-micro": metrics.f1_score(right, said, average="micro", zero_division=0),
    }
    return dict(
        kind="labels",
        classes=labels,
        width=labels,
        right=right.ravel().tolist(),
        said=said.ravel().tolist(),
        expected=expected,
    )


def of_values(samples: int, steps: int) -> dict:
    """Of so few `steps` that many values are equal."""
    right = numpy.round(draw.normal(size=samples) * steps) / steps
    said = numpy.round((right + draw.normal(size=samples)) * steps) / steps
    expected = {
        "pearson": stats.pearsonr(said, right).statistic,
        "spearman": stats.spearmanr(said, right).statistic,
        "mae": metrics.mean_absolute_error(right, said),
    }
    return dict(kind="value", classes=None, width=1, right=right.tolist(), said=said.tolist(), expected=expected)


CASES = [
    of_classes(2, 40, 2),
    of_classes(2, 12, 1),
    of_classes(5, 60, 5),
    of_classes(6, 50, 4),
    of_labels(4, 30),
    of_values(50, 4),
    of_values(40, 1024),
]
OUT.write_text(json.dumps(dict(made_with=MADE_WITH, cases=CASES), indent=None, separators=(",", ":")) + "\n")
print(OUT, MADE_WITH)
