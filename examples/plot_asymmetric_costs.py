"""
Where too little costs more than too much
=========================================

A clinic plans a year ahead for the patients of scikit-learn's diabetes data: how far
will the disease have gone? A unit that was not planned for costs four times what an
idle one does. The mean is then the wrong number to plan by, and so is the mean with
something added for all: the right one is the quantile at 4 / (4 + 1) = 0.8, and
`Quantile` fits it.

`Expectile` and `Linex` lean to the same side, for costs that grow as the square, or
exponentially. The costs below are of patients that the fit has not seen. The same cost
is a loss itself: ``Asymmetric(AbsoluteError(), under=4, over=1)`` is five times
``Quantile(0.8)``, and gives the same model but for what the penalty weighs.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.model_selection import RepeatedKFold, cross_val_predict, cross_val_score
from sklearn.preprocessing import StandardScaler

from sklearn_losses import (
    AbsoluteError,
    Asymmetric,
    Expectile,
    LinearRegressor,
    Linex,
    Quantile,
    SquaredError,
    loss_scorer,
)

UNDER, OVER = 4.0, 1.0
cost = Asymmetric(AbsoluteError(), under=UNDER, over=OVER)
losses = [
    SquaredError(),
    AbsoluteError(),
    Linex(a=-1.0),
    Expectile(0.8),
    Quantile(UNDER / (UNDER + OVER)),
    cost,
]

X, y = load_diabetes(return_X_y=True)
X = StandardScaler().fit_transform(X)
folds = RepeatedKFold(n_splits=5, n_repeats=4, random_state=0)

_, (points, spread) = plt.subplots(
    1, 2, figsize=(11, 4.6), width_ratios=[3, 2], layout="constrained"
)
names, costs, residuals = [], [], {}
for loss in losses:
    # y is standardized, so that Linex has a unit and alpha the same meaning.
    model = TransformedTargetRegressor(
        LinearRegressor(loss, alpha=1e-3), transformer=StandardScaler()
    )
    names.append(repr(loss).replace(", ", ",\n"))
    costs.append(-cross_val_score(model, X, y, cv=folds, scoring=loss_scorer(cost)))
    residuals[repr(loss)] = cross_val_predict(model, X, y, cv=5) - y
    short = np.mean(residuals[repr(loss)] < 0)
    print(f"{loss!r:56} cost {costs[-1].mean():6.1f}, too little for {short:.0%}")

mean = np.mean(costs, axis=1)
error = np.std(costs, axis=1) / np.sqrt(len(costs[0]))
colors = ["0.5"] * 4 + ["tab:blue", "tab:blue"]
for place, (m, e, color) in enumerate(zip(mean, error, colors)):
    points.errorbar(m, place, xerr=e, fmt="o", color=color, capsize=4, ms=8)
points.set_yticks(np.arange(len(losses)), names, fontsize=8)
points.invert_yaxis()
points.grid(axis="x", alpha=0.3)
points.set(xlabel="mean cost of a new patient (± its error)", title="What plans cost")

bins = np.linspace(-200, 250, 46)
for loss, color in ((losses[0], "0.5"), (losses[4], "tab:blue")):
    spread.hist(residuals[repr(loss)], bins, color=color, alpha=0.5, label=repr(loss))
spread.axvline(0, color="k", lw=1)
spread.set(
    xlabel="too little  <  planned - needed  >  too much",
    ylabel="patients",
    title="The quantile plans for the dear side",
    ylim=(0, 48),
)
spread.legend()
plt.show()
