"""Cases for the fuzzer: an estimator with a loss, and data, all drawn from one number.

What is drawn is what users have and tests forget: units from 1e-6 to 1e9, features far
from 0, cells and rows far from all others, ties, constant columns, copies of rows,
weights of zero, rare classes, few rows.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse
from scipy.special import expit, ndtr
from sklearn.base import clone

from sklearn_losses import (
    Asymmetric,
    IdentityLink,
    LabelSmoothing,
    LinearClassifier,
    LinearRegressor,
    NumpyLoss,
    SGDClassifier,
    SGDRegressor,
    Truncated,
)
from tests.cases import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from tests.custom_functions import huber_gradient, huber_value, logistic_value

# Parameters that are in units of y; of "a" the inverse is (of Hampel see in_units).
UNITS = ("delta", "beta", "epsilon", "scale", "floor")
FORMS = ("dense", "fortran", "csr", "csr64")
SCHEDULES = ("optimal", "invscaling", "constant", "adaptive")
OPTIMIZERS = ("momentum", "nesterov", "adagrad", "rmsprop", "adam", "amsgrad")


@dataclass
class Case:
    """One fit: what is fitted, to what, and in what form the rows come."""

    number: int
    model: object
    X: np.ndarray  # dense float64, whose entries have the dtype of `dtype`
    y: np.ndarray
    weight: np.ndarray | None
    form: str
    dtype: type
    chunk: int
    notes: list = field(default_factory=list)

    @property
    def loss(self):
        return self.model.loss

    @property
    def is_linear(self):
        return isinstance(self.model, (LinearRegressor, LinearClassifier))

    @property
    def is_classifier(self):
        return isinstance(self.model, (SGDClassifier, LinearClassifier))

    @property
    def is_auto(self):
        return self.is_linear or self.model.learning_rate == "auto"

    def rows(self, form=None, X=None):
        """X as the estimator gets it."""
        form, X = form or self.form, self.X if X is None else X
        X = np.array(X, dtype=self.dtype)
        if form == "dense":
            return X
        if form == "fortran":
            return np.asfortranarray(X)
        X = sparse.csr_array(X)
        if form == "csr64":
            X.indices, X.indptr = X.indices.astype("i8"), X.indptr.astype("i8")
        return X

    def __str__(self):
        n, d = self.X.shape
        weights = "" if self.weight is None else ", weights"
        return (
            f"{self.model!r} on {n} x {d} {np.dtype(self.dtype).name} {self.form}"
            f"{weights}, chunk {self.chunk}; {', '.join(self.notes)}"
        )


def draw(number, loss=None):
    """The case of a number, the same wherever it is asked for; perhaps of one loss."""
    rng = np.random.default_rng([number, 20])
    is_classifier = rng.random() < 0.4 if loss is None else loss.task != "regression"
    notes = []
    X, Z, dtype = features(rng, notes)
    signal = Z @ rng.normal(size=Z.shape[1]) / np.sqrt(Z.shape[1])
    drawn = rng.choice(CLASSIFICATION_LOSSES if is_classifier else REGRESSION_LOSSES)
    loss = drawn if loss is None else loss
    y = (labels if is_classifier else targets)(rng, loss, signal, notes)
    loss = drawn_loss(rng, loss, y)
    weight = weights(rng, len(y), notes)
    model = estimator(rng, is_classifier, loss)
    form = str(rng.choice(FORMS))
    size = chunk(rng, len(y))
    X = with_far_entries(np.random.default_rng([number, 21]), X, Z, dtype, notes)
    return Case(number, model, X, y, weight, form, dtype, size, notes)


def chunk(rng, n):
    return int(rng.choice([1, 2, 7, 50])) if n <= 60 else int(rng.choice([40, n // 2]))


def power(rng, low, high):
    """A number between 10^low and 10^high, or more often 1."""
    return 1.0 if rng.random() < 0.4 else float(f"{10 ** rng.uniform(low, high):.2g}")


# -------------------------------------------------------------------- features
def features(rng, notes):
    """X, the same standardized (which makes the signal), and the dtype."""
    n = int(
        rng.choice([1, 2, 3, 5, 10, 30, 100, 300], p=[0.02] * 3 + [0.04] + [0.225] * 4)
    )
    d = int(rng.choice([1, 2, 5, 12, 40]))
    kind = rng.choice(["normal", "heavy", "sparse", "integers", "collinear"])
    Z = rng.normal(size=(n, d))
    if kind == "heavy":
        Z = rng.standard_t(2, size=(n, d))
    elif kind == "sparse":
        Z *= rng.random((n, d)) < 0.2
    elif kind == "integers":
        Z = np.round(Z)
    elif kind == "collinear":
        Z = Z[:, :1] + 1e-4 * Z
    if n > 3 and rng.random() < 0.15:
        Z[n // 2 :] = Z[: n - n // 2]
        notes.append("copies of rows")
    dtype = np.float32 if rng.random() < 0.2 else np.float64
    unit, offset = power(rng, -6, 9), 0.0
    if rng.random() < 0.25:
        offset = float(f"{10 ** rng.uniform(0, 6):.2g}")
    spreads = unit * 10 ** rng.uniform(-3, 3, d) if rng.random() < 0.2 else unit
    X = (Z + offset) * spreads
    if rng.random() < 0.1:
        X[:, rng.integers(d)] = rng.choice([0.0, 1.0, 7.1]) * unit
        notes.append("constant column")
    notes.append(f"{kind} X times {unit:g}, centre {offset:g}")
    return X.astype(dtype).astype(np.float64), Z, dtype


def with_far_entries(rng, X, Z, dtype, notes):
    """X with a cell or a row far from all others, or with a Pareto law, or as it is."""
    kind = rng.choice(["none", "cell", "row", "pareto"], p=[0.8, 0.08, 0.04, 0.08])
    n, d = X.shape
    if kind == "none" or n < 5:
        return X
    far, unit = float(f"{10 ** rng.uniform(3, 9):.2g}"), np.std(X) or 1.0
    X, i = X.copy(), rng.integers(n)
    if kind == "cell":
        X[i, rng.integers(d)] = rng.choice([-1.0, 1.0]) * far * unit
    elif kind == "row":
        X[i] = far * unit
    else:
        X = unit * ((1.0 - ndtr(np.clip(Z, -4.0, 4.0))) ** -2.0 - 1.0)
    notes.append("pareto X" if kind == "pareto" else f"{kind} of {far:g} spreads")
    return X.astype(dtype).astype(np.float64)


# --------------------------------------------------------------------- targets
def targets(rng, loss, signal, notes):
    """y in the domain of the loss."""
    noise = {0: 0.0, 1: 0.3 * rng.normal(size=len(signal))}
    noise[2] = 0.3 * rng.standard_t(1.5, size=len(signal))
    kind = int(rng.choice([0, 1, 2], p=[0.15, 0.6, 0.25]))
    y = signal + noise[kind]
    unit = power(rng, -6, 9)
    if loss.domain.low >= -1:
        y = np.exp(np.clip(y, -5, 5))
        unit = power(rng, -3, 6)
        if rng.random() < 0.5:
            y = rng.poisson(3 * y).astype(float)
            unit = 1.0 if rng.random() < 0.7 else unit
        y = unit * y
        if not loss.domain.contains(0.0):
            y = np.where(y > 0, y, 0.5 * unit)
        notes.append(f"counts times {unit:g}")
        return y
    offset = float(f"{10 ** rng.uniform(0, 5):.2g}") if rng.random() < 0.2 else 0.0
    if rng.random() < 0.15:
        y = np.round(y)
        notes.append("ties")
    if rng.random() < 0.03:
        y[:] = 0.7
    noise_name = ["no", "normal", "heavy"][kind]
    notes.append(f"{noise_name} noise, y times {unit:g}, centre {offset:g}")
    return unit * (y + offset)


def labels(rng, loss, signal, notes):
    n = len(signal)
    n_classes = int(rng.choice([2, 3, 6])) if loss.granularity == "point" else 3
    n_classes = max(2, min(n_classes, n))
    noisy = signal + rng.choice([0.0, 0.5, 3.0]) * rng.logistic(size=n)
    order = np.argsort(np.argsort(noisy))
    if rng.random() < 0.2 and n > n_classes:
        y = np.where(order < n - n_classes + 1, 0, order - (n - n_classes))
        notes.append("rare classes")
    else:
        y = order * n_classes // n
    notes.append(f"{n_classes} classes")
    return (
        np.array(["no", "yes", "maybe", "d", "e", "f"])[y] if rng.random() < 0.2 else y
    )


def spread(y):
    """The unit of residuals."""
    return max(float(np.std(y)), 1e-9 * float(np.abs(y).max()), 1e-300)


def weights(rng, n, notes):
    kind = rng.choice(
        ["none", "some", "zeros", "wide", "unit"], p=[0.6, 0.1, 0.1, 0.1, 0.1]
    )
    if kind == "none":
        return None
    weight = rng.uniform(0.5, 2.0, size=n)
    if kind == "zeros":
        weight[rng.random(n) < 0.3] = 0.0
        weight[0] = 1.0
    elif kind == "wide":
        weight = 10 ** rng.uniform(-6, 6, size=n)
    elif kind == "unit":
        weight *= 10 ** rng.uniform(-9, 9)
    notes.append(f"weights: {kind}")
    return weight


# ---------------------------------------------------------------------- losses
def drawn_loss(rng, loss, y):
    """The loss with parameters in units of y, perhaps as a part of another."""
    loss = clone(loss)
    if loss.task == "regression" and rng.random() < 0.6:
        loss = in_units(rng, loss, spread(y))
    kind = rng.random()
    if kind > 0.25:
        return loss
    return combined(rng, loss, 1.0 if loss.task != "regression" else spread(y))


def in_units(rng, loss, unit):
    """Parameters of from 1e-3 to 1e3 times a unit."""
    loss, size = clone(loss), float(f"{unit * power(rng, -3, 3):.3g}")
    names = loss.get_params(deep=False)
    if "scale" in names and rng.random() < 0.15:
        return loss.set_params(scale="mad")
    if loss.name == "linex":
        return loss.set_params(a=float(np.sign(loss.a) / size))
    if loss.name == "hampel":
        return loss.set_params(scale=size)
    for name in UNITS:
        if name in names and loss.name != "smooth_hinge":
            return loss.set_params(**{name: size})
    return loss


def logistic_slope(y_true, raw_prediction):
    return expit(raw_prediction) - y_true


def combined(rng, loss, unit):
    kind = rng.choice(["sum", "scaled", "truncated", "asymmetric", "smoothed", "numpy"])
    is_point = loss.granularity == "point"
    if kind == "sum":
        return loss + float(power(rng, -3, 3)) * loss
    if kind == "truncated" and is_point:
        return Truncated(loss, limit=float(power(rng, -2, 3)))
    if (
        kind == "asymmetric"
        and loss.task == "regression"
        and type(loss.link) is IdentityLink
    ):
        return Asymmetric(loss, *rng.choice([0.1, 1.0, 5.0], size=2))
    if kind == "smoothed" and loss.task != "regression":
        return LabelSmoothing(loss, 0.1)
    if kind == "numpy" and loss.task == "regression" and loss.domain.low < -1:
        return NumpyLoss(
            huber_value, huber_gradient, convex=True, delta=unit * power(rng, -3, 3)
        )
    if kind == "numpy" and loss.task == "binary":
        return NumpyLoss(logistic_value, logistic_slope, task="binary", convex=True)
    return float(power(rng, -6, 6)) * loss


# ------------------------------------------------------------------- estimators
def estimator(rng, is_classifier, loss):
    linear, sgd = (
        (LinearClassifier, SGDClassifier)
        if is_classifier
        else (LinearRegressor, SGDRegressor)
    )
    settings = dict(
        loss=loss,
        penalty=rng.choice(["l2", "l1", "elasticnet", None], p=[0.5, 0.15, 0.1, 0.25]),
        alpha=float(
            rng.choice([0.0, 1e-6, 1e-4, 1e-2, 1.0], p=[0.1, 0.1, 0.6, 0.1, 0.1])
        ),
        fit_intercept=bool(rng.random() < 0.9),
        random_state=0,
    )
    if rng.random() < 0.4 and loss.name != "perceptron":
        return linear(**settings, **linear_settings(rng, loss))
    return sgd(**settings, **sgd_settings(rng))


def linear_settings(rng, loss):
    return (
        {} if rng.random() < 0.85 else {"solver": str(rng.choice(["newton", "lbfgs"]))}
    )


def sgd_settings(rng):
    if rng.random() < 0.7:
        return {}
    settings = {"learning_rate": str(rng.choice(SCHEDULES)), "max_iter": 20}
    settings["eta0"] = float(10 ** rng.uniform(-4, 0))
    if rng.random() < 0.3:
        settings["average"] = True
    if rng.random() < 0.3:
        settings["batch_size"] = 7
    if rng.random() < 0.3:
        settings["optimizer"] = str(rng.choice(OPTIMIZERS))
    if rng.random() < 0.3:
        settings["early_stopping"] = True
    if rng.random() < 0.2:
        settings["clip_gradient"] = 1.0
    return settings
