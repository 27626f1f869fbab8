"""Models of several outputs beside other packages, at the same objective.

Each contender is timed in turn with ours, after a round that warms both up, by the time
of a processor; what is printed is the median of the ratios. "off" is by how much the
objective of the other is above ours, of ours: it may be lower by what tolerances leave.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/outputs.py
    python benchmarks/outputs.py quantiles  # rows whose name has this in it

It needs statsmodels and, for their rows, mord and skordinal; rows of packages that are
not there are left out.
"""

import sys
import time
import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression, MultiTaskElasticNet
from sklearn.multiclass import OneVsRestClassifier
from timing import in_turn

import sklearn_losses as ours

ROUNDS = 3


def ordered(n=50_000, d=20, n_classes=5):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    latent = X @ rng.normal(size=d) / np.sqrt(d) + rng.logistic(size=n)
    ends = np.quantile(latent, np.arange(1, n_classes) / n_classes)
    return X, np.digitize(latent, ends)


def spread(n=20_000, d=10):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    return X, X.sum(axis=1) + rng.standard_t(3, size=n) * (1 + 0.3 * np.abs(X[:, 0]))


def several(n=20_000, d=500, n_tasks=10):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    W = np.zeros((d, n_tasks))
    W[rng.choice(d, 30, replace=False)] = rng.normal(size=(30, n_tasks))
    return X, X @ W + 3.0 * rng.normal(size=(n, n_tasks))


def labels(n=100_000, d=100, n_labels=50):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    raw = X @ rng.normal(size=(d, n_labels)) / np.sqrt(d) - 1.0
    return X, (raw + rng.logistic(size=raw.shape) > 0).astype(int)


# ------------------------------------------------------------------ proportional odds
def our_ordinal(loss):
    def fit(X, y):
        return ours.LinearOrdinalClassifier(loss, penalty=None).fit(X, y).objective_

    return fit


def mean_of(loss, X, y, coef, thresholds):
    values = {"location": X @ coef, "thresholds": thresholds}
    return loss.mean(y, loss.raw_of(values, len(y)))


def statsmodels_odds(X, y):
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    model = OrderedModel(y, X, distr="logit")
    found = model.fit(method="bfgs", disp=False)
    return -found.llf / len(y)


def skordinal_odds(X, y):
    from skordinal.classifiers import POM

    model = POM().fit(X, y)
    loss = ours.CumulativeLogit()
    return mean_of(loss, X, y, np.ravel(model.coef_), model.thresholds_)


def mord_all_threshold(X, y):
    import mord

    model = mord.LogisticAT(alpha=0.0).fit(X, y)
    return mean_of(ours.AllThreshold(), X, y, model.coef_, model.theta_)


# -------------------------------------------------------------------------- quantiles
LEVELS = np.arange(0.1, 0.95, 0.1)


def our_quantiles(X, y):
    loss = ours.Quantiles(LEVELS.tolist())
    model = ours.LinearRegressor(loss, penalty=None).fit(X, y)
    return float(np.mean(model.objective_))


def statsmodels_quantiles(X, y):
    from statsmodels.api import QuantReg, add_constant

    Z, found = add_constant(X), []
    for q in LEVELS:
        params = QuantReg(y, Z).fit(q=q).params
        found.append(ours.Quantile(q).mean(y, Z @ params))
    return float(np.mean(found))


# ---------------------------------------------------------------------- several tasks
ALPHA = 0.3


def task_objective(X, Y, coef, intercept):
    loss = 0.5 * np.mean((X @ coef.T + intercept - Y) ** 2)
    return loss + ALPHA / Y.shape[1] * np.linalg.norm(coef, axis=0).sum()


def our_tasks(X, Y):
    model = ours.LinearMultiTask(penalty=ours.MultiTask(), alpha=ALPHA / Y.shape[1])
    model.fit(X, Y)
    return task_objective(X, Y, model.coef_, model.intercept_)


def sklearn_tasks(X, Y):
    model = MultiTaskElasticNet(alpha=ALPHA, l1_ratio=1.0).fit(X, Y)
    return task_objective(X, Y, model.coef_, model.intercept_)


# ------------------------------------------------------------------------ many labels
def label_objective(X, Y, coef, intercept):
    raw = X @ coef.T + intercept
    loss = np.mean(np.logaddexp(0.0, raw) - Y * raw, axis=0).sum()
    return loss + 0.5e-4 * np.sum(coef**2)


def our_labels(X, Y):
    model = ours.LinearClassifier().fit(X, Y)
    return label_objective(X, Y, model.coef_, model.intercept_)


def sklearn_labels(X, Y):
    own = LogisticRegression(C=1e4 / len(X))
    model = OneVsRestClassifier(own).fit(X, Y)
    coef = np.concatenate([each.coef_ for each in model.estimators_])
    intercept = np.concatenate([each.intercept_ for each in model.estimators_])
    return label_objective(X, Y, coef, intercept)


ODDS, ALL = our_ordinal("cumulative_logit"), our_ordinal("all_threshold")
ODDS_ROW = "proportional odds, 50,000 x 20"
ROWS = [
    (ODDS_ROW, ordered, ODDS, "statsmodels", statsmodels_odds, 200),
    (ODDS_ROW, ordered, ODDS, "skordinal", skordinal_odds, 3),
    ("all thresholds, 50,000 x 20", ordered, ALL, "mord", mord_all_threshold, 20),
    (
        *("9 quantiles, 20,000 x 10", spread, our_quantiles),
        *("statsmodels", statsmodels_quantiles, 4),
    ),
    (
        *("10 tasks, l21, 20,000 x 500", several, our_tasks),
        *("scikit-learn", sklearn_tasks, 2),
    ),
    ("50 labels, 100,000 x 100", labels, our_labels, "scikit-learn", sklearn_labels, 5),
]


def measured(data, mine, other):
    """The median times, their ratio, and how far the other's objective is above."""
    ends = {}

    def timed(name, fit):
        def run(_):
            start = time.process_time()
            ends[name] = fit(*data)
            return time.process_time() - start

        return run

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        times = in_turn([timed("ours", mine), timed("other", other)], ROUNDS)
    ratio = np.median(times[1] / times[0])
    return *np.median(times, axis=1), ratio, ends["other"] / ends["ours"] - 1.0


def main(wanted=""):
    print("| work | beside | ours s | theirs s | theirs / ours | target | off |")
    print("|---|---|---|---|---|---|---|")
    for name, make, mine, peer, other, target in ROWS:
        if wanted not in name:
            continue
        try:
            own, theirs, ratio, off = measured(make(), mine, other)
        except ImportError:
            continue
        row = f"| {name} | {peer} | {own:.3f} | {theirs:.3f} | {ratio:.1f} | {target} "
        print(f"{row}| {off:.1e} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
