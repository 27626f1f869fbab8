"""Real and adversarial data of the benchmarks, raw: nothing is scaled or centred.

>>> from datasets import load, names
>>> data = load("abalone")
>>> data.X.shape, data.task
((4177, 10), 'regression')

The files of `FOLDER` come from the UCI repository and the 1990 census; the others are
bundled with scikit-learn and statsmodels. What cannot be loaded is left out of
`names()`.
"""

import csv
import gzip
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn import datasets as bundled
from sklearn.preprocessing import StandardScaler

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass(frozen=True)
class Dataset:
    """Features and targets.

    Attributes
    ----------
    X : ndarray or csr_array of float64 of shape (n_samples, n_features)
    y : ndarray of float64 of shape (n_samples,)
        Class indices where the task is one of classes.
    task : {"regression", "counts", "binary", "multiclass"}
    alpha : float
        The strength of the penalty with which it is fitted.
    """

    X: object
    y: np.ndarray
    task: str
    alpha: float = 1e-4


def standardized(X):
    """Columns of variance 1 and, in dense data, of mean 0."""
    return StandardScaler(with_mean=not sparse.issparse(X)).fit_transform(X)


# ------------------------------------------------------------------ tables
def _rows(name, header=False):
    path = FOLDER / name
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    lines = content.decode().splitlines()
    rows = [row for row in csv.reader(lines) if row]
    return rows[1:] if header else rows


def _columns(rows):
    """Numbers as they are, everything else one column a category, gaps the median."""
    found = []
    for column in zip(*rows):
        column = np.char.strip(np.array(column))
        try:
            number = np.where(column == "", "nan", column).astype(np.float64)
        except ValueError:
            found.append((column[:, None] == np.unique(column)).astype(np.float64))
        else:
            number[np.isnan(number)] = np.nanmedian(number)
            found.append(number[:, None])
    return np.hstack(found)


def _adult():
    rows = _rows("adult-train.csv.gz")
    X = _columns([row[:-1] for row in rows])
    y = np.array([">50K" in row[-1] for row in rows], dtype=np.float64)
    return Dataset(X, y, "binary")


def _adult_csr():
    data = load("adult")
    return Dataset(sparse.csr_array(data.X), data.y, "binary")


def _adult_categories():
    """Its categories alone, in CSR: columns of zeros and ones, some of them rare."""
    data = load("adult")
    is_binary = np.isin(data.X, (0.0, 1.0)).all(axis=0)
    return Dataset(sparse.csr_array(data.X[:, is_binary]), data.y, "binary")


def _california(binary=False):
    rows = _rows("california_housing.csv", header=True)
    X = _columns([row[:8] + row[9:] for row in rows])
    y = np.array([row[8] for row in rows], dtype=np.float64)
    if binary:
        return Dataset(X, (y > np.median(y)).astype(np.float64), "binary")
    return Dataset(X, y, "regression")


def _winequality(colour, task="regression"):
    table = np.array(_rows(f"winequality-{colour}.csv"), dtype=np.float64)
    X, y = np.ascontiguousarray(table[:, :-1]), table[:, -1]
    if task == "binary":
        y = (y >= 7).astype(np.float64)
    if task == "multiclass":
        y = np.unique(y, return_inverse=True)[1].astype(np.float64)
    return Dataset(X, y, task)


def _abalone(task="regression"):
    rows = _rows("abalone.csv")
    y = np.array([row[-1] for row in rows], dtype=np.float64)
    X = _columns([row[:-1] for row in rows])
    return Dataset(X, (y > 10).astype(np.float64) if task == "binary" else y, task)


def _bundled(name, task):
    X, y = getattr(bundled, f"load_{name}")(return_X_y=True)
    return Dataset(np.ascontiguousarray(X, np.float64), y.astype(np.float64), task)


def _statsmodels(name, task, target=0):
    from statsmodels import datasets

    data = getattr(datasets, name).load_pandas()
    y = np.asarray(data.endog, dtype=np.float64).reshape(len(data.exog), -1)[:, target]
    return Dataset(np.ascontiguousarray(data.exog, np.float64), y, task)


def _star98_share():
    """The share of pupils above the median of the nation, not their number."""
    above, below = (load(name).y for name in ("star98", "star98-below"))
    return Dataset(load("star98").X, above / (above + below), "regression")


REAL = {
    "adult": _adult,
    "adult-csr": _adult_csr,
    "adult-categories": _adult_categories,
    "california": _california,
    "california-high": partial(_california, binary=True),
    "wine-red": partial(_winequality, "red"),
    "wine-white": partial(_winequality, "white"),
    "wine-white-good": partial(_winequality, "white", "binary"),
    "wine-red-classes": partial(_winequality, "red", "multiclass"),
    "abalone": _abalone,
    "abalone-counts": partial(_abalone, "counts"),
    "abalone-old": partial(_abalone, "binary"),
    "iris": partial(_bundled, "iris", "multiclass"),
    "wine": partial(_bundled, "wine", "multiclass"),
    "breast_cancer": partial(_bundled, "breast_cancer", "binary"),
    "digits": partial(_bundled, "digits", "multiclass"),
    "diabetes": partial(_bundled, "diabetes", "regression"),
    "randhie": partial(_statsmodels, "randhie", "counts"),
    "star98": partial(_statsmodels, "star98", "counts"),
    "star98-share": _star98_share,
    "stackloss": partial(_statsmodels, "stackloss", "regression"),
    "engel": partial(_statsmodels, "engel", "regression"),
}
_PARTS = {"star98-below": partial(_statsmodels, "star98", "counts", 1)}


# ------------------------------------------------------------- adversarial
def _linear(task, n=1000, d=10, change=None, seed=0, noise=1.0, alpha=1e-4):
    """Normal features, of which `change` makes the trouble, and a linear target."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    raw = X @ rng.standard_normal(d) / np.sqrt(d) + noise * rng.standard_normal(n)
    if change is not None:
        X = change(X, rng)
    y = raw if task == "regression" else (raw > 0).astype(np.float64)
    return Dataset(np.ascontiguousarray(X), y, task, alpha)


def _scaled(size, shift=0.0):
    def change(X, rng):
        X[:, 0] = size * (X[:, 0] + shift)
        return X

    return change


def _constant(X, rng):
    X[:, 0] = 3.0
    return X


def _doubled(X, rng):
    return np.hstack([X, X])


def _heavy(X, rng):
    return rng.standard_cauchy(X.shape)


def _heavy_informative(task):
    rng = np.random.default_rng(1)
    X = rng.standard_cauchy((2000, 10))
    raw = X @ np.ones(10) + rng.standard_normal(2000)
    return Dataset(X, raw if task == "regression" else 1.0 * (raw > 0), task)


def _scales(X, rng):
    return X * 10.0 ** np.linspace(-6, 6, X.shape[1])


def _rare(task):
    rng = np.random.default_rng(2)
    X = rng.standard_normal((20_000, 10))
    y = np.zeros(20_000)
    y[:20] = 1.0
    X[:20] += 1.5
    return Dataset(X, y, task)


def _one_huge_row(X, rng):
    X[0] *= 1e4
    return X


CHANGES = {
    "column of 1e8": {"change": _scaled(1e8)},
    "column of 1e-8": {"change": _scaled(1e-8)},
    "column of 1e6 +- 1": {"change": _scaled(1.0, 1e6)},
    "scales 1e-6 to 1e6": {"change": _scales},
    "constant column": {"change": _constant},
    "duplicated columns": {"change": _doubled},
    "Cauchy features, no signal": {"change": _heavy},
    "one row of 1e4": {"change": _one_huge_row},
    "10 rows": {"n": 10, "d": 3},
    "d > n": {"n": 100, "d": 500},
    "d > n, dense 3000": {"n": 300, "d": 3000},
}
ADVERSARIAL = {
    **{
        f"{name} ({task})": partial(_linear, task, **settings)
        for name, settings in CHANGES.items()
        for task in ("regression", "binary")
    },
    **{
        f"Cauchy features, signal ({task})": partial(_heavy_informative, task)
        for task in ("regression", "binary")
    },
    "separable, alpha=0 (binary)": partial(_linear, "binary", noise=0.0, alpha=0.0),
    "20 positives of 20,000 (binary)": partial(_rare, "binary"),
}


def names(kind="real"):
    """The data sets that are there: of kind "real" or "adversarial"."""
    if kind == "adversarial":
        return list(ADVERSARIAL)
    return [name for name in REAL if _is_there(name)]


def _is_there(name):
    try:
        load(name)
    except (FileNotFoundError, ImportError) as error:
        print(f"{name} is left out: {error}")
        return False
    return True


@cache
def load(name):
    """The data set of this name, as a `Dataset`."""
    return {**REAL, **ADVERSARIAL, **_PARTS}[name]()
