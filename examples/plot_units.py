"""
The unit of y
=============

What a fit, and what a penalty makes of it.

scikit-learn's diabetes data, whose y is multiplied by 1e-6 to 1e9, as if it came in
other units. Left: without a penalty, how much of what Huber's loss could gain over the
best constant a fit leaves, where 1 is a model that is the constant. Right: the default
alpha, which the same fits feel more and more, and the warning that says so.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn import linear_model
from sklearn.datasets import load_diabetes

from sklearn_losses import Huber, LinearRegressor, SGDRegressor

UNITS = 10.0 ** np.arange(-6, 10)
LEAST = 1e-12  # what is drawn of a gap of 0

X, y = load_diabetes(return_X_y=True)
y = y - np.median(y)


def missed(loss, y, model):
    """The share of the gain over the constant that a model without penalty leaves."""
    best = LinearRegressor(loss, penalty=None).fit(X, y)
    constant = loss.mean(y, np.full(len(y), loss.optimal_constant(y)))
    value = loss.mean(y, model.predict(X))
    return max((value - best.objective_) / (constant - best.objective_), LEAST)


def share_kept(loss, y):
    """The share of the gain that the default alpha leaves, and whether a fit warns."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model = SGDRegressor(loss).fit(X, y)
    said = any("(the default)" in str(each.message) for each in found)
    return 1.0 - missed(model.loss_, y, model), said


models = {
    "SGDRegressor(Huber())": lambda: SGDRegressor(Huber(), penalty=None),
    "scikit-learn's SGDRegressor('huber')": lambda: linear_model.SGDRegressor(
        "huber", penalty=None, epsilon=Huber().delta, random_state=0
    ),
}
_, (fits, penalties) = plt.subplots(
    1, 2, figsize=(11, 4.5), layout="constrained", sharex=True
)
for name, make in models.items():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gaps = [missed(Huber(), unit * y, make().fit(X, unit * y)) for unit in UNITS]
    fits.loglog(UNITS, gaps, ".-", label=name)
    print(f"{name:38} leaves {min(gaps):.1e} to {max(gaps):.1e} of the gain")
fits.axhline(1.0, color="0.5", ls=":", label="the best constant")

for loss in (Huber(), Huber(scale="mad")):
    kept, said = np.transpose([share_kept(loss, unit * y) for unit in UNITS])
    (line,) = penalties.semilogx(UNITS, kept, label=repr(loss))
    for some, marker in ((said == 1, "x"), (said == 0, ".")):
        penalties.plot(UNITS[some], kept[some], marker, color=line.get_color())
    print(f"{loss!r:38} the fit warns in {said.sum():.0f} of {len(said)} units")
penalties.plot([], [], "x", color="0.3", label="the fit warns of the penalty")

fits.set(xlabel="unit of y", ylabel="missed share of the gain", title="No penalty")
penalties.set(
    xlabel="unit of y", ylabel="share of the gain", title="The default alpha=1e-4"
)
fits.legend()
penalties.legend()
plt.show()
