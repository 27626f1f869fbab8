"""
Ordered classes
===============

Wines with marks from 3 to 9: ordered classes, and what a regression makes of them.

The data are those of the UCI repository where the file is given (P. Cortez and others),
else made up in the same way. A model of ordered classes puts each wine on one axis and
finds the thresholds between the marks, which are not at equal distances; its median is
what a mean absolute error asks for.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_losses import AllThreshold, LinearOrdinalClassifier, LinearRegressor


def wines():
    """Measurements and marks."""
    if len(sys.argv) > 1:
        lines = Path(sys.argv[1]).read_text().replace(";", ",").splitlines()
        rows = [line.split(",") for line in lines if line[:1].isdigit()]
        table = np.array(rows, dtype=float)
        return table[:, :-1], table[:, -1].astype(int)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1600, 11))
    latent = X @ rng.normal(size=11) * 0.35 + rng.logistic(size=1600) * 0.6
    return X, 3 + np.digitize(latent, [-4.0, -2.6, -0.1, 2.2, 4.5])


X, y = wines()
ordinal = make_pipeline(StandardScaler(), LinearOrdinalClassifier(target="median"))
models = {
    "proportional odds, median": ordinal,
    "all thresholds": make_pipeline(
        StandardScaler(), LinearOrdinalClassifier(AllThreshold())
    ),
    "regression, rounded": make_pipeline(StandardScaler(), LinearRegressor()),
    "softmax regression": make_pipeline(StandardScaler(), LogisticRegression()),
}
for name, model in models.items():
    predicted = np.rint(cross_val_predict(model, X, y, cv=5))
    print(f"{name:26} mean absolute error {mean_absolute_error(y, predicted):.3f}")

fitted = ordinal.fit(X, y)
scaled, model = fitted[:-1].transform(X), fitted[-1]
latent = model.predict_latent(scaled)
marks, thresholds = model.classes_, model.thresholds_

_, (rows, curves) = plt.subplots(
    2, 1, figsize=(9, 7), sharex=True, layout="constrained", height_ratios=[3, 2]
)
colors = plt.get_cmap("viridis")(np.linspace(0.0, 0.9, len(marks)))
rng = np.random.default_rng(1)
for mark, color in zip(marks, colors):
    here = y == mark
    height = mark + rng.uniform(-0.35, 0.35, size=here.sum())
    rows.plot(latent[here], height, ".", ms=3, color=color, alpha=0.6)
ends = np.linspace(latent.min() - 0.5, latent.max() + 0.5, 400)
grid = np.column_stack([ends, np.tile(thresholds, (len(ends), 1))])
for mark, color, p in zip(marks, colors, model.loss_.inverse_link(grid).T):
    curves.plot(ends, p, color=color, label=f"{mark}")
for axes in (rows, curves):
    for threshold in thresholds:
        axes.axvline(threshold, color="0.6", lw=0.8, ls="--")
rows.set(ylabel="mark", title="Wines on the latent axis, and the thresholds")
curves.set(xlabel="latent value", ylabel="probability", ylim=(0, None))
curves.set_xlim(ends[0], ends[-1])
curves.legend(title="mark", fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
plt.show()
