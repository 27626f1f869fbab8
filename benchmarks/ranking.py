"""Rankings beside what other packages make of them, at the same objective.

Losses of pairs against linear classifiers of differences of rows, which are built (and
whose time is counted without that); one query against scikit-survival's ranking SVM;
lists against statsmodels. "off" is the part of the gain over coefficients of 0 that is
missing, of the best objective that anybody found. Times are of the process (CPU), of
one thread.

    python benchmarks/ranking.py            # writes benchmarks/RANKING.md

Rows of packages that are not installed are left out.
"""

import os
import platform
import resource
import time
import warnings
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ndcg_score as one_list
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

import sklearn_losses as ours
from benchmarks.timing import in_turn, median_ms

ROUNDS = 3
C = 1.0
HEAD = """# Rankings beside other packages

This file is made by `python benchmarks/ranking.py`: medians of {rounds} rounds, taken
in turn, of the CPU time of one thread, on {machine} (load {load:.1f}).

"off" is the missing part of the gain over coefficients of 0. The memory is that which
the process has come to need.

| work | peer | peer ms | ours ms | peer / ours | target | off: peer | off: ours |
|---|---|---|---|---|---|---|---|
"""


@dataclass
class Queries:
    """Rows of queries, whose relevance is a score with noise."""

    n: int = 20_000
    d: int = 50
    n_queries: int = 500
    levels: tuple = (-0.5, 0.5, 1.5)
    seed: int = 0

    def __post_init__(self):
        rng = np.random.default_rng(self.seed)
        self.X = rng.normal(size=(self.n, self.d))
        self.q = np.sort(rng.integers(self.n_queries, size=self.n))
        self.score = self.X @ rng.normal(size=self.d) / np.sqrt(self.d)
        self.score += rng.normal(size=self.n)
        self.y = np.digitize(self.score, self.levels).astype(float)

    @cached_property
    def differences(self):
        """Those of all pairs, half of them with the sign changed, and their signs."""
        found = []
        for g in range(self.n_queries):
            r = np.flatnonzero(self.q == g)
            i, j = np.nonzero(self.y[r][:, None] > self.y[r])
            found.append(self.X[r[i]] - self.X[r[j]])
        D = np.vstack(found)
        sign = np.where(np.arange(len(D)) % 2, 1.0, -1.0)
        return D * sign[:, None], sign


def loss_of(loss, data, y=None):
    """The objective without penalty, as a function of coefficients."""
    y = data.y if y is None else y
    return lambda w: loss.mean(y, data.X @ w, data.q)


def ridge(value, alpha):
    return lambda w: value(w) + 0.5 * alpha * w @ w


def pairs(data, loss, peer):
    """Ours and a classifier of differences, and their common objective."""
    D, sign = data.differences
    alpha = 1.0 / (C * len(D))
    model = ours.LinearRanker(loss, alpha=alpha)
    value = ridge(loss_of(loss, data), alpha)
    return (
        lambda: model.fit(data.X, data.y, groups=data.q).coef_,
        lambda: peer.fit(D, sign).coef_.ravel(),
        value,
    )


def one_query(n):
    """A ranking SVM of one query, whose relevances all differ."""
    from sksurv.svm import FastSurvivalSVM

    data = Queries(n=n, n_queries=1)
    target = ours.survival_target(np.ones(n, bool), data.score - data.score.min() + 1)
    # Its objective is alpha / 2 sum over pairs + |w|^2 / 2, with later times first.
    loss, n_pairs = ours.PairwiseSquaredHinge("pair"), n * (n - 1) / 2
    strength = 2e3 / n_pairs
    alpha = 2.0 / (strength * n_pairs)
    peer = FastSurvivalSVM(alpha=strength, rank_ratio=1.0, tol=1e-8, max_iter=100)
    model = ours.LinearRanker(loss, alpha=alpha)
    value = ridge(loss_of(loss, data, data.score), alpha)
    return (
        lambda: model.fit(data.X, data.score, groups=data.q).coef_,
        lambda: peer.fit(data.X, target).coef_,
        value,
    )


def conditional_logit():
    """One row is chosen of each list."""
    from statsmodels.discrete.conditional_models import ConditionalLogit

    data = Queries()
    best = np.lexsort((data.score, data.q))
    chosen = np.zeros(data.n)
    chosen[best[np.append(np.flatnonzero(np.diff(data.q[best])), data.n - 1)]] = 1.0
    loss = ours.ListNet("proportional")
    model = ours.LinearRanker(loss, penalty=None)
    return (
        lambda: model.fit(data.X, chosen, groups=data.q).coef_,
        lambda: ConditionalLogit(chosen, data.X, groups=data.q).fit(disp=0).params,
        loss_of(loss, data, chosen),
    )


def ranks():
    """Whole orders: proportional hazards with a stratum for each list."""
    from statsmodels.duration.hazard_regression import PHReg

    data, loss = Queries(), ours.PlackettLuce()
    model = ours.LinearRanker(loss, penalty=None)
    status = np.ones(data.n)
    when = data.score.max() - data.score + 1.0
    return (
        lambda: model.fit(data.X, data.score, groups=data.q).coef_,
        lambda: PHReg(when, data.X, status=status, strata=data.q).fit().params,
        loss_of(loss, data, data.score),
    )


def scores():
    """NDCG@10 of 500 queries, in a loop over scikit-learn's."""
    data = Queries()
    score = data.X[:, 0]
    each = [np.flatnonzero(data.q == g) for g in range(data.n_queries)]
    gain = np.exp2(data.y) - 1.0

    def loop():
        found = [one_list([gain[r]], [score[r]], k=10) for r in each if gain[r].any()]
        return np.mean(found)

    return lambda: ours.ndcg_score(data.y, score, groups=data.q, k=10), loop, None


def seconds(function):
    """Of the process, which a busy machine disturbs least."""
    start = time.process_time()
    function()
    return time.process_time() - start


def compared(make, *args):
    """Times in turn, and what is missing of the objective: peer, ours, off, off."""
    mine, other, value = make(*args)
    times = in_turn([lambda _: seconds(other), lambda _: seconds(mine)], ROUNDS)
    if value is None:
        assert abs(mine() - other()) < 1e-12
        return times, (0.0, 0.0)
    at_peer, here = value(other()), value(mine())
    gain = value(np.zeros(len(mine()))) - min(at_peer, here)
    return times, tuple((v - min(at_peer, here)) / gain for v in (at_peer, here))


def rows():
    """The lines of the table."""
    data = Queries()
    svc = LinearSVC(C=C, dual=False, fit_intercept=False, tol=1e-4)
    logistic = LogisticRegression(C=C, fit_intercept=False, tol=1e-4)
    hinge = ours.PairwiseSquaredHinge("pair")
    works = [
        ("pairwise logistic, 20k x 50, 500 queries", "LogisticRegression", "9",
         pairs, (data, ours.PairwiseLogistic("pair"), logistic)),
        ("pairwise squared hinge, the same", "LinearSVC", "9", pairs,
         (data, hinge, svc)),
        ("one query of 20k, 200M pairs", "sksurv FastSurvivalSVM", "20", one_query,
         (20_000,)),
        ("ListNet, one of each list", "statsmodels ConditionalLogit", "100",
         conditional_logit, ()),
        ("ListMLE, 500 queries", "statsmodels PHReg", "100", ranks, ()),
        ("NDCG@10 of 500 queries", "ndcg_score in a loop", "100", scores, ()),
    ]  # fmt: skip
    for work, peer, target, make, args in works:
        package = peer.split()[0]
        if package in ("sksurv", "statsmodels") and not find_spec(package):
            continue
        (theirs, mine), (off, own) = compared(make, *args)
        ratio = np.median(theirs / mine)
        yield (
            f"| {work} | {peer} | {median_ms(theirs)} | {median_ms(mine)} | "
            f"{ratio:.3g} | {target} | {off:.1e} | {own:.1e} |\n"
        )


def large():
    """One query of a million rows: seconds, the gap, and gigabytes of the process."""
    data = Queries(n=1_000_000, d=10, n_queries=1)
    model = ours.LinearRanker(ours.PairwiseLogistic("pair"), alpha=1e-4)
    fit_time = seconds(lambda: model.fit(data.X, data.y, groups=data.q))
    share = model.gap_ / (np.log(2.0) - model.objective_)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return fit_time, share, memory


MISSED = """
What is missed: a fit of `PairwiseLogistic` evaluates its kernel 29 times in 11 passes,
one of `PlackettLuce` 36 times in 17, which is not half of their time; the rest are sums
over features. That value, slopes and bends of a pair share an exponential was the last
that helped. NDCG sorts the rows of each query by themselves, and for the best order
their gains alone; sorting is about two fifths of its time.
"""


def main():
    warnings.simplefilter("ignore")
    threadpool_limits(1)
    fit_time, share, memory = large()  # first, for memory is that of all so far
    load = os.getloadavg()[0]
    text = HEAD.format(rounds=ROUNDS, machine=platform.machine(), load=load)
    for line in rows():
        print(line, end="", flush=True)
        text += line
    text += (
        f"\nOne query of 1,000,000 x 10 with four levels of relevance (some 3e11 "
        f"pairs), `PairwiseLogistic`: {fit_time:.1f} s (target: 10) to a gap of "
        f"{share:.0e} of the gain; the process has taken {memory:.1f} GB.\n{MISSED}"
    )
    print(text.rpartition("\n\n")[2])
    Path(__file__).with_name("RANKING.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
