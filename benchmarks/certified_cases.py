"""What LinearRegressor and LinearClassifier are timed on."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from certified_contenders import (
    EPSILON,
    HUBER,
    LASSO,
    MANY,
    QUANTILE,
    SVC,
    SVR,
    certified,
    glum,
    logistic,
    mean_of,
    ridge,
    skglm,
)
from data import Data, make_sparse
from sklearn.linear_model import HuberRegressor

import sklearn_losses as ours

ALPHA = 1e-4
TUBE = 0.1  # of EpsilonInsensitive


@dataclass(frozen=True)
class Problem:
    """Data and the objective of them.

    Attributes
    ----------
    X, y : the data; labels are 0 .. K - 1
    loss : Loss
    penalty : {"l2", "l1"}
    alpha : float
    intercept : bool
        False where a contender would penalise it.
    """

    X: object
    y: np.ndarray
    loss: object
    penalty: str = "l2"
    alpha: float = ALPHA
    intercept: bool = True

    @property
    def C(self):
        """The factor of the sum of losses where the penalty has none."""
        return 1.0 / (self.alpha * self.X.shape[0])

    @property
    def l1_ratio(self):
        return 1.0 if self.penalty == "l1" else 0.0

    def objective(self, model):
        """The one number by which all are judged."""
        coef = np.atleast_2d(model.coef_)
        raw = self.X @ coef.T + model.intercept_
        raw = raw if len(coef) > 1 else raw[:, 0]
        size = np.abs(coef).sum() if self.penalty == "l1" else np.sum(coef**2) / 2
        return self.loss.mean(self.y, raw) + self.alpha * size


def rng_of(loss):
    """The same for all sizes, another one for each loss."""
    return np.random.default_rng(list(loss.name.encode()))


@lru_cache(maxsize=1)
def rows(n, d, nonzeros=None, relevant=None):
    """X with correlated columns, or CSR, and ten columns of raw predictions.

    The raw predictions have a standard deviation near 1. Of the coefficients, only so
    many as are `relevant` are not 0.
    """
    rng = np.random.default_rng(0)
    if nonzeros:
        X = make_sparse(Data(n, d, nonzeros=nonzeros), rng)
    else:
        mix = np.eye(d) + 0.3 * rng.standard_normal((d, d)) / np.sqrt(d)
        X = rng.standard_normal((n, d)) @ mix
    w = rng.standard_normal((d, 10))
    w[relevant or d :] = 0.0
    raw = X @ w
    return X, raw / raw.std(axis=0)


def tweedie(mean, power, rng):
    """Sums of a Poisson number of gamma variables, with a dispersion of 1."""
    number = rng.poisson(mean ** (2.0 - power) / (2.0 - power))
    shape = number * (2.0 - power) / (power - 1.0)
    return (power - 1.0) * mean ** (power - 1.0) * rng.standard_gamma(shape)


def targets(loss, raw, rng):
    """y of the model that the loss belongs to, given ten columns of raw predictions."""
    eta = raw[:, 0]
    mean = np.exp(0.3 * eta)
    if loss.task == "binary":
        return (rng.random(len(eta)) < 1.0 / (1.0 + np.exp(-eta))).astype(np.int64)
    if loss.task == "multiclass":
        return np.argmax(raw + rng.gumbel(size=raw.shape), axis=1)
    if loss.name == "poisson":
        return rng.poisson(mean).astype(np.float64)
    if loss.name == "gamma":
        return mean * rng.standard_gamma(2.0, len(mean)) / 2.0
    if loss.name == "tweedie":
        return tweedie(mean, loss.power, rng)
    return eta + rng.standard_t(3, len(eta))


@dataclass(frozen=True)
class Case:
    """A problem, who solves it, and how much faster ours should be.

    Attributes
    ----------
    name : str
    loss : Loss
    contenders : list of Contender
    target : float
        The time of the fastest of them over ours, at least.
    shape : (n, d)
    nonzeros : int or None
        Of a row of CSR.
    classes : int
        Of a multiclass loss.
    share : float or None
        Of `alpha_max`: then the penalty is the l1 norm.
    intercept : bool
    bound : float
        The relative suboptimality at which times are compared.
    why_missed : str
        Why the target is missed, if it is.
    """

    name: str
    loss: object
    contenders: list
    target: float
    shape: tuple = (200_000, 50)
    nonzeros: int | None = None
    classes: int = 10
    share: float | None = None
    intercept: bool = True
    bound: float = 1e-6
    why_missed: str = ""

    @property
    def is_large(self):
        return self.shape[0] > 1000

    def size(self, quick):
        n, d = self.shape
        if not (quick and self.is_large):
            return n, d
        return n // 50, d // 20 if d > 50 else d

    def data(self, quick):
        """The shape as a sentence has it."""
        n, d = self.size(quick)
        return str(Data(n, d, nonzeros=self.nonzeros))

    def problem(self, quick):
        n, d = self.size(quick)
        relevant = 20 if self.share else None
        X, raw = rows(n, d, self.nonzeros, relevant)
        y = targets(self.loss, raw[:, : self.classes], rng_of(self.loss))
        if self.loss.name == "huber":
            return huber_problem(X, y)
        penalty = "l1" if self.share or self.loss.name == "quantile" else "l2"
        problem = Problem(X, y, self.loss, penalty, intercept=self.intercept)
        if not self.share:
            return problem
        alpha = self.share * ours.alpha_max(certified(problem, 1e-6), X, y)
        return Problem(X, y, self.loss, penalty, alpha, self.intercept)


def huber_problem(X, y):
    """Huber's loss at the scale that HuberRegressor finds.

    Its objective, at a fixed scale s and divided by 2 n / s, is the mean of
    Huber(EPSILON * s) plus alpha s / n |w|^2 / 2.
    """
    alpha = ALPHA * len(y)
    scale = (
        HuberRegressor(epsilon=EPSILON, alpha=alpha, max_iter=MANY, tol=1e-8)
        .fit(X, y)
        .scale_
    )
    return Problem(X, y, ours.Huber(EPSILON * scale), alpha=alpha * scale / len(y))


PROOF = (
    "X is read four times: for the check of its numbers, and at three points, where a "
    "pass sums losses, slopes and gradient, and with them the bound. lbfgs proves "
    "nothing."
)
SCATTERED = (
    "Seven passes, the first of them for spread and first gradient. A pass "
    "takes 2.1 ns an entry, to read it from memory and to add to scattered places. A "
    "step gains a factor of ten, as that of conjugate gradients would. Tried: "
    "coefficients beside their gradient (nothing), fewer rows at a time (nothing), to "
    "ask for entries ahead (a tenth, in place)."
)
ROWWISE = (
    "X has 320 MB, and is read each time that all features are looked at: at the "
    "start, and after a round with 50 of them. Those are most of the time, so it "
    "follows what the memory gives at the moment. skglm is given X by columns, and "
    "reads less of it. Tried: to let a sample of the rows choose the first features, "
    "which misses a third of them."
)
OVERHEAD = (
    "0.7 to 1.2 milliseconds, half of them Python: 0.2 are scikit-learn's checks, on "
    "both sides; what is made once takes 0.2, a step 0.15, and the bound 0.1. "
    "scikit-learn proves nothing."
)


def cases():
    """The large ones first, each of which gets a panel of the picture."""
    lbfgs, cholesky, cg, sag, saga, liblinear = map(
        logistic, ("lbfgs", "newton-cholesky", "newton-cg", "sag", "saga", "liblinear")
    )
    irls, cd = glum("irls-ls"), glum("irls-cd")
    means = [mean_of("lbfgs"), mean_of("newton-cholesky"), irls, glum("lbfgs")]
    sparse = {"shape": (20_000, 2000), "share": 0.1, "why_missed": ROWWISE}
    prox, anderson = skglm("ProxNewton"), skglm("AndersonCD")
    return [
        Case(
            "logistic, l2",
            ours.LogLoss(),
            [lbfgs, cholesky, cg, sag, irls, glum("lbfgs")],
            target=2.0,
            why_missed=PROOF,
        ),
        Case(
            "logistic, l2",
            ours.LogLoss(),
            [lbfgs, cg, sag, liblinear, glum("lbfgs")],
            target=2.0,
            shape=(200_000, 50_000),
            nonzeros=50,
            intercept=False,
            why_missed=SCATTERED,
        ),
        Case(
            "10 classes, l2",
            ours.CrossEntropy(),
            [lbfgs, cholesky, cg, sag],
            2.0,
            why_missed=PROOF,
        ),
        Case("Poisson, l2", ours.Poisson(), means, 1.5, why_missed=PROOF),
        Case("Gamma, l2", ours.Gamma(), means, 1.5, why_missed=PROOF),
        Case("Tweedie(1.5), l2", ours.Tweedie(1.5), means, 1.5, why_missed=PROOF),
        Case("Huber, l2", ours.Huber(), [HUBER], 3.0),
        Case(
            "Quantile(0.9), l1",
            ours.Quantile(0.9),
            QUANTILE,
            target=100.0,
            shape=(50_000, 20),
            bound=1e-5,
        ),
        Case("Hinge, l2", ours.Hinge(), [SVC], 2.0, intercept=False),
        Case("SquaredHinge, l2", ours.SquaredHinge(), [SVC], 2.0, intercept=False),
        Case(
            "logistic, l1",
            ours.LogLoss(),
            [liblinear, saga, cd, prox, anderson],
            target=1.5,
            intercept=False,
            **sparse,
        ),
        Case("Poisson, l1", ours.Poisson(), [cd, prox], 1.5, **sparse),
        Case(
            "squared error, l1",
            ours.SquaredError(),
            [LASSO, cd, anderson],
            1.5,
            **sparse,
        ),
        *small_cases(),
    ]


def small_cases():
    lbfgs, cholesky = logistic("lbfgs"), logistic("newton-cholesky")
    means = [mean_of("lbfgs"), mean_of("newton-cholesky")]
    small = {"shape": (1000, 20), "target": 1.0, "why_missed": OVERHEAD}
    return [
        Case("logistic, l2", ours.LogLoss(), [lbfgs, cholesky], **small),
        Case(
            "5 classes, l2", ours.CrossEntropy(), [lbfgs, cholesky], classes=5, **small
        ),
        Case("Poisson, l2", ours.Poisson(), means, **small),
        Case("Gamma, l2", ours.Gamma(), means, **small),
        Case("squared error, l2", ours.SquaredError(), [ridge("cholesky")], **small),
        Case("SquaredHinge, l2", ours.SquaredHinge(), [SVC], intercept=False, **small),
        Case("Hinge, l2", ours.Hinge(), [SVC], intercept=False, **small),
        Case("Huber, l2", ours.Huber(), [HUBER], **small),
        Case("Quantile(0.9), l1", ours.Quantile(0.9), QUANTILE, **small),
        Case(
            "EpsilonInsensitive, l2",
            ours.EpsilonInsensitive(TUBE),
            [SVR],
            intercept=False,
            **small,
        ),
    ]
