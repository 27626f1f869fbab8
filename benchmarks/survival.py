"""LinearSurvival beside other packages, at the same objective, on one thread.

Each contender gets tolerances that fall tenfold until its objective is within 1e-6 of
what is to be gained over coefficients of 0, and is then timed with that tolerance, in
turn with ours, after a fit that warms it up (and, of skglm, compiles it). "off" is the
part of the gain that is missing. What is not installed is left out; what takes long is
timed once.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/survival.py [row ...]
"""

import os
import sys
import time
import warnings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
from timing import median_ms, seconds  # noqa: E402

import sklearn_losses as ours  # noqa: E402

NEAR = 1e-6  # of the gain over coefficients of 0
ROUNDS, LONG = 5, 3.0  # seconds of CPU, of what is timed once
TOLERANCES = 0.1 ** np.arange(2, 13)
ALPHA = 1e-3
ALMOST = 1e-9  # the share of an l1 norm, where 0 is refused


def times_of(n, d, n_times=None):
    """Features, times and events; of n_times distinct times."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    w = np.where(np.arange(d) < 10, rng.normal(size=d) / 3.0, 0.0)
    time, end = rng.exponential(np.exp(-X @ w)), rng.exponential(2.0, size=n)
    event, time = time <= end, np.minimum(time, end)
    if n_times is not None:
        edges = np.quantile(time, np.linspace(0.0, 1.0, n_times + 1)[1:-1])
        time = 1.0 + np.searchsorted(edges, time)
    return X, time, event


# ------------------------------------------------------------ proportional hazards
class Cox:
    """The partial likelihood, with an l2 norm or paths of an l1 norm.

    Parameters
    ----------
    n, d, n_times, ties
    """

    def __init__(self, n, d, n_times=None, ties="breslow"):
        self.X, self.time, self.event = times_of(n, d, n_times)
        self.y, self.ties = ours.survival_target(self.event, self.time), ties
        self.loss = ours.CoxPH(ties)

    def objective(self, coef):
        value = self.loss.value(self.y, self.X @ coef).sum() / len(self.X)
        return value + 0.5 * ALPHA * coef @ coef

    def zero(self):
        return np.zeros(self.X.shape[1])

    def ours(self, tol):
        model = ours.LinearSurvival(self.loss, alpha=ALPHA, tol=tol)
        return model.fit(self.X, self.y).coef_

    def coxdev(self, tol):
        """Newton's method with the kernels of glmnet's authors."""
        from coxdev import CoxDeviance

        X, n = self.X, len(self.X)
        kernel = CoxDeviance(self.time, self.event * 1, tie_breaking=self.ties)
        coef = self.zero()
        for _ in range(50):
            at = kernel(X @ coef)
            gradient = X.T @ at.gradient / (2 * n) + ALPHA * coef
            hessian = X.T @ (kernel.information(X @ coef) @ X) / n
            hessian[np.diag_indices(len(coef))] += ALPHA
            step = np.linalg.solve(hessian, gradient)
            coef = coef - step
            if gradient @ step <= tol:
                break
        return coef

    def coxnet(self, tol):
        from sksurv.linear_model import CoxnetSurvivalAnalysis

        if self.ties == "efron":
            raise ImportError
        model = CoxnetSurvivalAnalysis(alphas=[ALPHA], l1_ratio=ALMOST, tol=tol)
        return model.fit(self.X, self._surv()).coef_.ravel()

    def skglm(self, tol):
        from skglm.estimators import CoxEstimator

        settings = dict(l1_ratio=0.0, method=self.ties, tol=tol)
        model = CoxEstimator(alpha=ALPHA, **settings)
        y = np.column_stack([self.time, self.event]).astype(float)
        return model.fit(np.asfortranarray(self.X), y).coef_

    def sksurv(self, tol):
        from sksurv.linear_model import CoxPHSurvivalAnalysis

        alpha = ALPHA * len(self.X)
        model = CoxPHSurvivalAnalysis(alpha=alpha, ties=self.ties, tol=tol)
        return model.fit(self.X, self._surv()).coef_

    def lifelines(self, tol):
        from lifelines import CoxPHFitter

        if self.ties != "efron" and len(np.unique(self.time)) < len(self.time):
            raise ImportError  # it has Efron's ties alone
        frame = _frame(self.X, time=self.time, event=self.event)
        # Of features over their spread, so that the optimum is about ours.
        settings = dict(fit_options={"precision": max(tol, 1e-9)})
        fitter = CoxPHFitter(penalizer=ALPHA)
        return fitter.fit(frame, "time", "event", **settings).params_.to_numpy()

    def _surv(self):
        return np.array(
            list(zip(self.event, self.time)), dtype=[("event", "?"), ("time", "<f8")]
        )


class CoxPath(Cox):
    """A hundred alphas of an l1 norm, down to 0.05 of the largest."""

    RATIO, N = 0.05, 100

    def __init__(self, n, d):
        super().__init__(n, d)
        lasso = ours.LinearSurvival(penalty="l1")
        largest = ours.alpha_max(lasso, self.X, self.y)
        self.alphas = largest * np.geomspace(1.0, self.RATIO, self.N)

    def objective(self, coefs):
        """The mean over the alphas."""
        found = [
            self.loss.value(self.y, self.X @ w).sum() / len(self.X)
            + alpha * np.abs(w).sum()
            for alpha, w in zip(self.alphas[:: self.N // 10], coefs[:: self.N // 10])
        ]
        return np.mean(found)

    def zero(self):
        return np.zeros((self.N, self.X.shape[1]))

    def ours(self, tol):
        lasso = ours.LinearSurvival(penalty="l1", tol=tol)
        return ours.regularization_path(lasso, self.X, self.y, self.alphas).coefs

    def coxnet(self, tol):
        from sksurv.linear_model import CoxnetSurvivalAnalysis

        settings = dict(l1_ratio=1.0, tol=tol, max_iter=1_000_000)
        model = CoxnetSurvivalAnalysis(alphas=self.alphas, **settings)
        found = model.fit(self.X, self._surv())
        coefs = self.zero()
        coefs[: found.coef_.shape[1]] = found.coef_.T
        return coefs

    coxdev = skglm = sksurv = lifelines = None


# -------------------------------------------------------- accelerated failure times
class Weibull:
    """A Weibull distribution of times, some of which are intervals.

    Parameters
    ----------
    n, d : int
    intervals : bool
    """

    def __init__(self, n, d, intervals=False):
        self.X, time, event = times_of(n, d)
        if intervals:
            low = np.floor(4.0 * time) / 4.0
            self.low = np.where(event, low, time)
            self.high = np.where(event, low + 0.25, np.inf)
        else:
            self.low, self.high = time, np.where(event, time, np.inf)
        self.time, self.event, self.intervals = time, event, intervals
        self.y = ours.survival_target(lower=self.low, upper=self.high)
        self.ends = np.column_stack([self.low, self.high])

    def objective(self, point):
        coef, intercept, scale = point
        loss = ours.WeibullAFT(scale)
        raw = (self.X @ coef + intercept)[:, None]
        return loss.mean(self.ends, raw)

    def zero(self):
        loss = ours.WeibullAFT()
        d, s = loss.optimal_constant(self.ends)
        return np.zeros(self.X.shape[1]), d / s, 1.0 / s

    def ours(self, tol):
        model = ours.LinearSurvival(ours.WeibullAFT(), penalty=None, tol=tol)
        model.fit(self.X, self.y)
        return model.coef_, model.intercept_[0], model.loss_.scale

    def lifelines(self, tol):
        from lifelines import WeibullAFTFitter

        fitter, d = WeibullAFTFitter(), self.X.shape[1]
        if self.intervals:
            frame = _frame(self.X, low=self.low, high=self.high)
            found = fitter.fit_interval_censoring(frame, "low", "high")
        else:
            frame = _frame(self.X, time=self.time, event=self.event)
            found = fitter.fit(frame, "time", "event")
        of_location = found.params_["lambda_"]
        coef = of_location[[f"x{j}" for j in range(d)]].to_numpy()
        rho = np.exp(found.params_["rho_"]["Intercept"])
        return coef, of_location["Intercept"], 1.0 / rho

    coxdev = coxnet = skglm = sksurv = None


def _frame(X, **columns):
    import pandas as pd

    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])
    return frame.assign(**columns)


# -------------------------------------------------------------------------- scores
class Concordance:
    """Harrell's c of 20,000 rows; its objective is the difference to ours."""

    def __init__(self, n):
        X, self.time, self.event = times_of(n, 3)
        self.risk = X[:, 0]
        self.y = ours.survival_target(self.event, self.time)

    def objective(self, c):
        return 1.0 + abs(c - self.ours(0))

    def zero(self):
        return 0.0

    def ours(self, tol):
        return ours.concordance_index_score(self.y, self.risk)

    def sksurv(self, tol):
        from sksurv.metrics import concordance_index_censored

        return concordance_index_censored(self.event, self.time, self.risk)[0]

    def lifelines(self, tol):
        from lifelines.utils import concordance_index

        return concordance_index(self.time, -self.risk, self.event)

    coxdev = coxnet = skglm = None


ROWS = {
    "Cox 20k x 50, no ties": lambda: Cox(20_000, 50),
    "Cox 20k x 50, 500 times, Breslow": lambda: Cox(20_000, 50, 500),
    "Cox 20k x 50, 500 times, Efron": lambda: Cox(20_000, 50, 500, "efron"),
    "Cox 20k x 50, l1 path of 100": lambda: CoxPath(20_000, 50),
    "Cox 2k x 5,000, l1 path of 100": lambda: CoxPath(2_000, 5_000),
    "Weibull 20k x 20, right-censored": lambda: Weibull(20_000, 20),
    "Weibull 20k x 20, intervals": lambda: Weibull(20_000, 20, True),
    "concordance index, 20k": lambda: Concordance(20_000),
}
PEERS = {
    "coxnet": "scikit-survival Coxnet",
    "coxdev": "coxdev, Newton",
    "skglm": "skglm",
    "sksurv": "scikit-survival",
    "lifelines": "lifelines",
}


def tolerance(problem, fit, lowest, gain):
    """The largest that is enough, and what part of the gain is missing there."""
    for tol in TOLERANCES:
        start = time.process_time()
        point = fit(tol)
        is_long = time.process_time() - start > LONG
        off = (problem.objective(point) - lowest) / gain
        if off <= NEAR:
            break
    return tol, off, is_long


def compare(problem):
    """Yield each contender's times and ours, taken in turn."""
    sharp = problem.ours(TOLERANCES[-2])
    lowest = problem.objective(sharp)
    gain = problem.objective(problem.zero()) - lowest
    own_tol, own_off, _ = tolerance(problem, problem.ours, lowest, gain)
    for name in PEERS:
        fit = getattr(problem, name)
        if fit is None:
            continue
        try:
            tol, off, is_long = tolerance(problem, fit, lowest, gain)
        except ImportError:
            continue
        n_rounds = 1 if is_long else ROUNDS
        times = [
            (seconds(problem.ours, own_tol), seconds(fit, tol)) for _ in range(n_rounds)
        ]
        yield name, *np.array(times).T, own_off, off


def main():
    warnings.simplefilter("ignore")
    print("| work | peer | ours ms | peer ms | peer / ours | off: ours | off: peer |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for row, make in ROWS.items():
        if sys.argv[1:] and not any(word in row for word in sys.argv[1:]):
            continue
        for name, own, theirs, own_off, off in compare(make()):
            ratio = np.median(theirs / own)
            print(
                f"| {row} | {PEERS[name]} | {median_ms(own)} | {median_ms(theirs)} "
                f"| {ratio:.2g} | {own_off:.0e} | {off:.0e} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
