"""A loss in numba: compiled while Python runs, and as fast as a built-in one.

The functions are in numba_tilted.py beside this script, so that the loss can be
pickled: in a pickle, as on its way to the workers of a grid search, a C function is the
path under which numba's is imported.

Run ``python examples/custom_loss_numba/custom_loss_numba.py``.
"""

import os
import pickle
import statistics
import time
from pathlib import Path

import numba_tilted
import numpy as np
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV

from sklearn_losses import CFunctionLoss, Expectile, SGDRegressor

# Workers import numba_tilted too.
here = str(Path(__file__).parent)
os.environ["PYTHONPATH"] = os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])

loss = CFunctionLoss(
    numba_tilted.value, numba_tilted.gradient, convex=True, smoothness=2.0, tilt=0.5
)

rng = np.random.default_rng(0)
X = rng.normal(size=(50_000, 10))
y = X @ rng.normal(size=10) + rng.exponential(size=len(X))  # skewed noise

print("The loss, its parameter, and one that has been through a pickle:")
print(" ", loss.get_params()["tilt"], loss.value(0.0, np.array([-1.0, 1.0])))
copy = pickle.loads(pickle.dumps(loss)).set_params(tilt=0.9)
print(" ", copy.get_params()["tilt"], copy.value(0.0, np.array([-1.0, 1.0])))
print("  pickled as", copy.get_params()["value"])

model = SGDRegressor(loss=loss, random_state=0)
search = GridSearchCV(
    model,
    {"loss__tilt": [0.1, 0.5, 0.9]},
    scoring=make_scorer(Expectile(0.9), greater_is_better=False),
    n_jobs=2,
).fit(X, y)
print("\nScored by Expectile(0.9), a search in two processes finds the same tilt:")
print(" ", search.best_params_)


def seconds(loss):
    start = time.perf_counter()
    SGDRegressor(
        loss=loss, learning_rate="invscaling", max_iter=5, tol=None, random_state=0
    ).fit(X, y)
    return time.perf_counter() - start


pairs = [(seconds(loss), seconds(Expectile(0.5))) for _ in range(9)]
ratio = statistics.median(mine / builtin for mine, builtin in pairs)
print(f"\nTime of a fit, divided by that with the built-in Expectile(): {ratio:.2f}")
