"""Use the loss of this package: fit, search, pickle, and how fast it is.

Run ``python demo.py`` once the package is installed; see README.md.
"""

import pickle
import statistics
import time

import numpy as np
from quartic_loss import QuarticHuber
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sklearn_losses import Huber, SGDRegressor
from sklearn_losses.inspection import check_loss

rng = np.random.default_rng(0)
coef = rng.normal(size=20)
X = rng.normal(size=(100_000, 20))
y = X @ coef + 0.5 * rng.standard_t(3, size=len(X))


def fit(loss):
    return SGDRegressor(
        loss, learning_rate="invscaling", max_iter=5, tol=None, random_state=0
    ).fit(X, y)


def seconds(loss):
    start = time.perf_counter()
    fit(loss)
    return time.perf_counter() - start


loss = QuarticHuber(delta=1.0)
print(f"{loss}: value({{0, 1, 10}}) = {loss.value(0.0, np.array([0.0, 1.0, 10.0]))}")
check_loss(loss)
print("check_loss: its derivatives and traits are what it says.")
assert repr(clone(loss)) == repr(pickle.loads(pickle.dumps(loss))) == repr(loss)
print(f"fit: largest error of a coefficient {np.abs(fit(loss).coef_ - coef).max():.4f}")

search = GridSearchCV(
    SGDRegressor(loss, random_state=0),
    {"loss__delta": [0.5, 1.0, 2.0]},
    scoring="neg_mean_absolute_error",
    n_jobs=2,
).fit(X[:5000], y[:5000])
print(f"grid search in two processes: {search.best_params_}")

pairs = [(seconds(loss), seconds(Huber())) for _ in range(15)]
ratio = statistics.median(mine / builtin for mine, builtin in pairs)
print(f"time of a fit, divided by that with the built-in Huber(): {ratio:.2f}")
