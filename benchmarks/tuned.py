"""TunedRegressor and TunedClassifier beside grids of some 150 settings, on real data.

The metric is the same function of the same folds for both, so that the difference is
the search alone. A grid has seven values of each of two parameters of the loss and
three of alpha, or seven of one and 21 of alpha, over the ranges that are searched; it
is fitted by Newton steps from its neighbours, too, so that seconds can be compared.

    OMP_NUM_THREADS=1 python benchmarks/tuned.py > benchmarks/TUNED.md
"""

import time
import warnings
from itertools import product

import numpy as np
from datasets import load, names, standardized
from scipy import sparse

from sklearn_losses import (
    Barron,
    Focal,
    LinearClassifier,
    LinearRegressor,
    LogLoss,
    PseudoHuber,
    TunedClassifier,
    TunedRegressor,
    influence,
)
from sklearn_losses.model_selection import _tuned

MOST_ROWS, MOST_FEATURES, N_SETS = 2000, 64, 10
MAX_FITS = 50
HEAD = """# Tuning by gradient beside grids

`OMP_NUM_THREADS=1 python benchmarks/tuned.py` fits ten real sets, of at most 2,000 rows
each: regression by `Barron` with alpha, scale and penalty learned, judged by a
pseudo-Huber loss; two classes by `Focal` with gamma and penalty, judged by the log
loss; in five folds. "excess" is the metric minus that of the best of the grid, as a
share of it. "derivative off" is by how much the gradient at the middle of the ranges
differs from differences of fits on their own, as a share of its largest entry.
Targets: at most 1e-4, in at most 50 fits; derivatives to 1e-6.
**Seconds were measured on a busy machine.**
"""
COLUMNS = "data", "rows", "features", "metric", "of the grid", "excess"
MORE = "fits", "fits of the grid", "s", "s of the grid", "derivative off", "learned"
STEP = 1e-4  # of the ranges, for differences


def small(name):
    """Some rows of a set, standardized, with y of spread 1."""
    data = load(name)
    if data.task not in ("regression", "binary"):
        return None
    n, d = data.X.shape
    if sparse.issparse(data.X) or d > MOST_FEATURES or n < 100:
        return None
    rows = np.random.default_rng(0).permutation(n)[:MOST_ROWS]
    X, y = standardized(data.X[rows]), data.y[rows]
    if data.task == "binary":
        return X, (y > y.min()).astype(int)
    middle = np.median(y)
    return X, (y - middle) / (1.4826 * np.median(np.abs(y - middle)) or y.std())


def model_for(y):
    """What is tuned, and how many values of each the grid has."""
    if y.dtype.kind == "i":
        tune = {"loss__gamma": (0.0, 5.0), "alpha": (1e-6, 1.0, "log")}
        settings = dict(metric=LogLoss(), max_fits=MAX_FITS)
        return TunedClassifier(LinearClassifier(Focal()), tune, **settings), (7, 21)
    tune = {
        "loss__alpha": (-4.0, 2.0),
        "loss__scale": (0.05, 5.0, "log"),
        "alpha": (1e-6, 1.0, "log"),
    }
    settings = dict(metric=PseudoHuber(), max_fits=MAX_FITS)
    return TunedRegressor(LinearRegressor(Barron()), tune, **settings), (7, 7, 3)


def seconds(function):
    start = time.process_time()
    found = function()
    return time.process_time() - start, found


def kept_outer(fit):
    """What a fit has measured its settings with."""
    kept, usual = [], _tuned.Outer

    def keep(*args):
        kept.append(usual(*args))
        return kept[-1]

    _tuned.Outer = keep
    try:
        fit()
    finally:
        _tuned.Outer = usual
    return kept[0]


def best_of_grid(outer, sizes):
    """The least metric of a grid, in the order in which neighbours are near."""
    axes = [np.linspace(0.0, 1.0, n) for n in sizes]
    return min(outer.measure(np.array(x))[0] for x in product(*axes))


def derivative_off(outer):
    """By how much a gradient differs from differences, of its largest entry."""
    x = np.full(len(outer.ranges), 0.5)

    def alone(at):
        for part in outer.parts:
            part.inner.forget()
        return outer.measure(at)

    gradient = alone(x)[1]
    moves = STEP * np.eye(len(x))
    differences = [alone(x + m)[0] - alone(x - m)[0] for m in moves]
    off = np.abs(np.array(differences) / (2.0 * STEP) - gradient).max()
    return off / np.abs(gradient).max()


def compared(name):
    data = small(name)
    if data is None:
        return None
    X, y = data
    model, sizes = model_for(y)
    took, outer = seconds(lambda: kept_outer(lambda: model.fit(X, y)))
    grid_took, of_grid = seconds(lambda: best_of_grid(outer, sizes))
    learned = ", ".join(
        f"{k.removeprefix('loss__')}{'' if 'loss' in k else ' of the penalty'} {v:.3g}"
        for k, v in model.best_params_.items()
    )
    excess = model.best_score_ / of_grid - 1.0
    sizes = np.prod(sizes)
    return (
        *(name, *X.shape, f"{model.best_score_:.6f}", f"{of_grid:.6f}"),
        *(f"{excess:.1e}", model.n_fits_, sizes, f"{took:.1f}", f"{grid_took:.1f}"),
        f"{derivative_off(outer):.0e}",
        learned,
    )


def of_influence():
    """Influence beside statsmodels, and beside fits without a row."""
    import statsmodels.api as sm

    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 20))
    y = X @ rng.normal(size=20) + rng.normal(size=20_000)
    model = LinearRegressor("squared_error", penalty=None).fit(X, y)
    took, found = seconds(lambda: influence(model, X, y))

    def known():
        fitted = sm.OLS(y, np.column_stack([X, np.ones(len(y))])).fit()
        of = fitted.get_influence()
        return of.hat_matrix_diag, of.cooks_distance[0]

    other, (hat, cook) = seconds(known)
    off = max(abs(found.leverage - hat).max(), abs(found.cook - cook).max())
    return took, other, off


def main():
    warnings.simplefilter("ignore")
    print(HEAD)
    columns = COLUMNS + MORE
    print("| " + " | ".join(columns) + " |")
    print("|" + " --- |" * len(columns), flush=True)
    n = 0
    for name in names():
        row = compared(name)
        if row is not None:
            print("| " + " | ".join(map(str, row)) + " |", flush=True)
            n += 1
        if n == N_SETS:
            break
    took, other, off = of_influence()
    print(
        "\n`influence` of least squares on 20,000 x 20: "
        f"{took:.2f} s, statsmodels' OLSInfluence (leverage and Cook's distance) "
        f"{other:.2f} s; they differ by {off:.0e}."
    )


if __name__ == "__main__":
    main()
