"""Counts and shares, with parameters that are fitted, beside statsmodels.

20,000 rows of 10 features, without a penalty. statsmodels fits with BFGS (NB2 with
Newton's method, its hurdle with its default), which is where it arrives; "off" is how
much its log-likelihood is below ours, relative to it (< 0: ours is below), and "-" that
it found none. CPU seconds, the best of three fits each, on one thread; "target" is how
many times as fast as statsmodels a fit should be.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/counts.py
"""

import sys
import time
import warnings
from pathlib import Path

import numpy as np
from scipy.special import expit, gammaln

from sklearn_losses import (
    Beta,
    Hurdle,
    LinearRegressor,
    NegativeBinomial,
    ZeroInflated,
)

N, D, ROUNDS = 20_000, 10, 3
NB2 = NegativeBinomial(dispersion="mle")
TARGETS = {"NB2": 10, "ZIP": 5, "ZINB": 20, "hurdle of Poisson": 10, "beta": 5}
RESULTS = Path(__file__).with_name("COUNTS.md")


def made():
    """Rows, and targets of the kinds that are fitted."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, D))
    mean = np.exp(0.5 + X @ (0.2 * rng.normal(size=D)))
    zero = expit(-1.0 + X @ (0.3 * rng.normal(size=D)))
    share = expit(X @ (0.3 * rng.normal(size=D)))
    poisson, nb2 = rng.poisson(mean), rng.negative_binomial(2, 2.0 / (2.0 + mean))
    seen = rng.uniform(size=N) >= zero
    beta = np.clip(rng.beta(8 * share, 8 - 8 * share), 1e-9, 1 - 1e-9)
    return X, {
        "NB2": nb2,
        "ZIP": seen * poisson,
        "ZINB": seen * nb2,
        "hurdle of Poisson": seen * poisson,
        "beta": beta,
    }


def fit_ours(kind, X, y):
    loss = {
        "NB2": NB2,
        "ZIP": ZeroInflated(),
        "ZINB": ZeroInflated(NB2),
        "hurdle of Poisson": Hurdle(),
        "beta": Beta(),
    }[kind]
    features = {"zero": "all"} if hasattr(loss, "zero") else None
    model = LinearRegressor(loss, penalty=None, features=features).fit(X, y)
    constant = 0.0 if kind == "beta" else gammaln(y + 1.0).sum()
    return -model.objective_ * len(y) - constant


def fit_statsmodels(kind, X, y):
    import statsmodels.api as sm
    from statsmodels.discrete import count_model, truncated_model
    from statsmodels.othermod.betareg import BetaModel

    Z = sm.add_constant(X)
    settings = dict(method="bfgs", maxiter=2000, disp=0)
    if kind == "NB2":
        return sm.NegativeBinomial(y, Z).fit(disp=0, maxiter=200).llf
    if kind == "ZIP":
        model = count_model.ZeroInflatedPoisson(y, Z, exog_infl=Z)
        return model.fit(**settings).llf
    if kind == "ZINB":
        model = count_model.ZeroInflatedNegativeBinomialP(y, Z, exog_infl=Z)
        return model.fit(**settings).llf
    if kind == "beta":
        return BetaModel(y, Z).fit(disp=0).llf
    above = y > 0
    zero = sm.Logit(above.astype(float), Z).fit(disp=0)
    count = truncated_model.TruncatedLFPoisson(y[above], Z[above])
    return zero.llf + count.fit(disp=0, maxiter=200).llf


def timed(fit, *args):
    """The best time of some fits, and what they return."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = fit(*args)
        times.append(time.process_time() - start)
    return min(times), found


def row(kind, X, y):
    y = y.astype(np.float64)
    ours, likelihood = timed(fit_ours, kind, X, y)
    theirs, other = timed(fit_statsmodels, kind, X, y)
    off = (likelihood - other) / abs(likelihood)
    off = f"{off:.0e}" if np.isfinite(off) else "-"
    return (
        f"| {kind} | {likelihood:.3f} | {1e3 * ours:.0f} ms | {1e3 * theirs:.0f} ms | "
        f"{theirs / ours:.1f}x | {TARGETS[kind]}x | {off} |"
    )


def main():
    X, targets = made()
    lines = [
        "# Counts and shares beside statsmodels",
        "",
        __doc__.split("\n\n")[1].replace("\n", " "),
        "",
        "| model | log-likelihood | ours | statsmodels | ratio | target | off |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [row(kind, X, y) for kind, y in targets.items()]
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    RESULTS.write_text(text)


if __name__ == "__main__":
    main()
