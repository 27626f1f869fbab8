"""LossSearchCV beside GridSearchCV over the same candidates: time, winner and scores.

Times are of the process (CPU), of one thread, and in fits of such models: the mean over
the losses, with the default alpha, of medians of fits before, between and after the
searches, as busy as the machine then is. "off" is the largest error of a mean score, in
its own standard errors; GridSearchCV fits with a tolerance of 1e-8 for that, once, and
is timed with the default.

    OMP_NUM_THREADS=1 python benchmarks/search.py            # prints a table
    OMP_NUM_THREADS=1 python benchmarks/search.py --quick    # small data alone
"""

import sys
import time
import warnings

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sklearn_losses import (
    AbsoluteError,
    Huber,
    LinearClassifier,
    LinearRegressor,
    LogCosh,
    LogLoss,
    LossSearchCV,
    ModifiedHuber,
    PolyLoss,
    PseudoHuber,
    SquaredError,
    SquaredHinge,
)

SHARP = 1e-8
COLUMNS = "data", "search", "s", "fits' worth", "GridSearchCV s", "ratio"
MORE = "winner", "off", "exact", "left in the race"


def regression(n, d):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    y = X @ rng.normal(size=d) + rng.standard_t(2, size=n)
    losses = [Huber(), PseudoHuber(), LogCosh(), SquaredError()]
    return X, y, LinearRegressor(), losses, AbsoluteError()


def classification(n, d):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    y = X @ rng.normal(size=d) + 3.0 * rng.standard_t(2, size=n) > 0
    losses = [LogLoss(), ModifiedHuber(), PolyLoss()]
    return X, y, LinearClassifier(), losses, LogLoss()


def labels(n, d):
    X, y, model, losses, _ = classification(n, d)
    return X, y, model, [*losses, SquaredHinge()], "accuracy"


def seconds(function):
    start = time.process_time()
    found = function()
    return time.process_time() - start, found


def times_of(models, X, y):
    """Seconds of three fits of each."""
    return [[seconds(lambda m=m: m.fit(X, y))[0] for m in models] for _ in range(3)]


def grid_of(search, **settings):
    """GridSearchCV over the candidates of a search."""
    lists = [{k: [v] for k, v in p.items()} for p in search.cv_results_["params"]]
    estimator = clone(search.estimator).set_params(**settings)
    return GridSearchCV(estimator, lists, scoring=search.scorer_)


def off(search, grid):
    """The largest error of a mean score of who is in the race to its end."""
    ours, theirs = search.cv_results_, grid.cv_results_
    here = ours["n_rows"] == ours["n_rows"].max()
    error = np.abs(ours["mean_test_score"] - theirs["mean_test_score"])
    return float((error / (theirs["std_test_score"] / 2.0))[here].max())


def lines(name, make, n, d):
    X, y, model, losses, scoring = make(n, d)
    searches = {
        kind: LossSearchCV(model, losses, scoring=scoring, **settings)
        for kind, settings in {"": {}, "race": {"race": True}}.items()
        if kind == "" or n > 10_000
    }
    found, fits = {}, []
    each = [clone(model).set_params(loss=loss) for loss in losses]
    for kind, search in searches.items():
        search.fit(X, y)  # warm
        fits += times_of(each, X, y)
        found[kind] = seconds(lambda search=search: search.fit(X, y))[0]
        fits += times_of(each, X, y)
    reference, _ = seconds(lambda: grid_of(searches[""]).fit(X, y))
    sharp = grid_of(searches[""], tol=SHARP).fit(X, y)
    best = str(sorted(map(str, sharp.best_params_.items())))
    for kind, search in searches.items():
        same = str(sorted(map(str, search.best_params_.items()))) == best
        behind = (
            sharp.best_score_ - sharp.cv_results_["mean_test_score"][search.best_index_]
        )
        spread = sharp.cv_results_["std_test_score"][search.best_index_] / 2.0
        yield (
            f"{name}, {n:,} x {d}",
            kind or "all rows",
            f"{found[kind]:.3f}",
            f"{found[kind] / np.median(fits, axis=0).mean():.1f}",
            f"{reference:.2f}",
            f"{reference / found[kind]:.1f}",
            "same" if same else f"worse by {behind / spread:.0e} SE",
            f"{off(search, sharp):.3f}",
            f"{np.mean(search.cv_results_['method'] == 'exact'):.0%}",
            f"{np.mean(search.cv_results_['n_rows'] > n / 2):.0%}",
        )


def main():
    warnings.simplefilter("ignore")
    sizes = [(500, 10), (5_000, 20)]
    if "--quick" not in sys.argv:
        sizes.append((200_000, 20))
    print("| " + " | ".join(COLUMNS + MORE) + " |")
    print("|" + " --- |" * len(COLUMNS + MORE))
    kinds = {"regression": regression, "log loss": classification, "accuracy": labels}
    for n, d in sizes:
        for name, make in kinds.items():
            for line in lines(name, make, n, d):
                print("| " + " | ".join(line) + " |", flush=True)


if __name__ == "__main__":
    main()
