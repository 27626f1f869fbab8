"""A loss in four lines of numpy: Lp regression, between the mean and the median.

The loss abs(r)^p / p of a residual r is squared error at p = 2 and absolute error at
p = 1. In between it suits noise with heavier tails than the normal distribution's:
Gonin and Money 1989, "Nonlinear Lp-norm estimation". Its power is a parameter, which a
grid search finds as it finds any other.

Run ``python examples/custom_loss_numpy/custom_loss_numpy.py``.
"""

import pickle
import time

import numpy as np
from sklearn.model_selection import GridSearchCV

from sklearn_losses import Huber, NumpyLoss, SGDRegressor
from sklearn_losses.inspection import check_loss


def lp_value(y_true, raw_prediction, power):
    return np.abs(raw_prediction - y_true) ** power / power


def lp_gradient(y_true, raw_prediction, power):
    r = raw_prediction - y_true
    return np.sign(r) * np.abs(r) ** (power - 1)


loss = NumpyLoss(lp_value, lp_gradient, convex=True, symmetric=True, power=1.5)
print("A loss like any other, evaluated, differentiated, and minimized by a constant:")
print("  value    ", loss.value(0.0, np.array([-1.0, 4.0])))
print("  gradient ", loss.gradient(0.0, np.array([-1.0, 4.0])))
print(
    "  constants",
    [
        round(loss.set_params(power=power).optimal_constant([0.0, 0.0, 3.0]), 3)
        for power in (1.01, 1.5, 2.0)
    ],
    "from the median of 0, 0, 3 to its mean",
)
print("  pickled  ", len(pickle.dumps(loss)), "bytes")

check_loss(loss)
print("  check_loss: the gradient belongs to the value, and the traits hold")

rng = np.random.default_rng(0)
coef = rng.normal(size=5)
X = rng.normal(size=(2000, 5))
y = X @ coef + rng.standard_t(2, size=2000)

search = GridSearchCV(
    SGDRegressor(
        loss=loss, learning_rate="invscaling", max_iter=20, tol=None, random_state=0
    ),
    {"loss__power": [1.1, 1.5, 2.0]},
    scoring="neg_mean_absolute_error",
).fit(X, y)
print(
    "\nWith the noise of a t distribution of 2 degrees the search takes",
    search.best_params_,
)
for power, score in zip([1.1, 1.5, 2.0], search.cv_results_["mean_test_score"]):
    print(f"  power {power}: mean absolute error {-score:.3f}")


def microseconds(loss, **settings):
    """The time of a step in an epoch, for each sample."""
    model = SGDRegressor(
        loss=loss, learning_rate="invscaling", random_state=0, **settings
    ).partial_fit(X, y)
    start = time.perf_counter()
    for _ in range(10):
        model.partial_fit(X, y)
    return (time.perf_counter() - start) / (10 * len(X)) * 1e6


print("\nWhat a call of Python costs, in microseconds a sample:")
print(f"  Huber(), compiled          {microseconds(Huber()):6.2f}")
print(f"  this loss, row by row      {microseconds(loss):6.2f}")
print(f"  in batches of 100 rows     {microseconds(loss, batch_size=100):6.2f}")


def broken(y_true, raw_prediction):
    raise ZeroDivisionError("a mistake in my gradient")


print("\nA mistake comes out of fit as it is, and leaves the model as it was:")
try:
    SGDRegressor(loss=NumpyLoss(broken, broken)).fit(X, y)
except ZeroDivisionError as error:
    print(" ", repr(error))
