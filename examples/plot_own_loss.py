"""
A loss of one's own in ten lines
================================

Between the absolute error, ``abs(r)``, and the squared error, ``r ** 2 / 2``, lie all
powers in between. None of them is in this package; here they are, as two functions of
numpy arrays, with the power as a parameter that `GridSearchCV` finds. `check_loss`
tests the formulas and everything that the loss claims. For the speed of a built-in loss
the same two functions can be compiled by numba, or written in C or Cython.

The data are scikit-learn's diabetes data. The score of the search is the mean absolute
error, and yet the best power is far from 1, and near to that of the squared error: on
data without outliers it makes more of each row. (Note the scale: it is by a little.)
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV, RepeatedKFold
from sklearn.preprocessing import StandardScaler

from sklearn_losses import LinearRegressor, NumpyLoss, check_loss


def value(y_true, raw_prediction, power):
    return np.abs(raw_prediction - y_true) ** power / power


def gradient(y_true, raw_prediction, power):
    r = raw_prediction - y_true
    return np.sign(r) * np.abs(r) ** (power - 1)


loss = NumpyLoss(value, gradient, convex=True, symmetric=True, power=1.5)
report = check_loss(loss)
print(f"{len(report)} checks, all passed or skipped: {report.passed}")

# %%
# It is a loss like any other: it is fitted, searched over, and drawn.

X, y = load_diabetes(return_X_y=True)
X = StandardScaler().fit_transform(X)
powers = [1.05, 1.2, 1.35, 1.5, 1.65, 1.8, 2.0, 2.3, 2.6, 3.0]
model = TransformedTargetRegressor(
    LinearRegressor(loss, penalty=None), transformer=StandardScaler()
)
search = GridSearchCV(
    model,
    {"regressor__loss__power": powers},
    scoring="neg_mean_absolute_error",
    cv=RepeatedKFold(n_splits=5, n_repeats=2, random_state=0),
).fit(X, y)
print(search.best_params_)

_, (shapes, scores) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
r = np.linspace(-2.5, 2.5, 301)
for power, color in zip((1.05, 1.5, 2.0, 3.0), plt.cm.viridis((0.0, 0.3, 0.6, 0.9))):
    one = loss.set_params(power=power)
    shapes.plot(r, one.value(0.0, r), color=color, label=f"power {power:g}")
shapes.set(
    xlabel="raw prediction - y", ylabel="loss", title="A family of losses", ylim=(0, 4)
)
shapes.legend()

errors = -search.cv_results_["mean_test_score"]
scores.plot(powers, errors, "o-", color="0.4")
best = search.best_index_
scores.plot(powers[best], errors[best], "o", color="tab:red", ms=10, label="chosen")
scores.set(
    xlabel="power",
    ylabel="mean absolute error in new folds",
    title="The power, searched for like any parameter",
)
scores.grid(alpha=0.3)
scores.legend()
plt.show()
