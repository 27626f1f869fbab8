"""Which loss? Compare them by what the predictions are for, in one call.

The data are 20,190 person-years of the RAND Health Insurance Experiment, which come
with statsmodels: how often did somebody see a doctor in a year? Half of them once or
never, one 77 times. Under such a skew the typical year, the mean year and the busy
year are three questions, and each has a loss of its own.

Run ``python examples/tune_losses.py``. It prints a table and saves tune_losses.png.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import statsmodels.api as sm
from sklearn.model_selection import GroupKFold

from sklearn_losses import (
    AbsoluteError,
    EpsilonInsensitive,
    Huber,
    LossSearchDisplay,
    Poisson,
    Quantile,
    SquaredError,
    compare_losses,
)

data = sm.datasets.randhie.load_pandas().data
X, y = data.drop(columns="mdvis"), data["mdvis"]
# There is no id, but the rows of a family are neighbours and mostly have one insurance
# plan (lncoins): runs of one plan stay in one fold.
households = X["lncoins"].diff().ne(0).cumsum()

losses = [SquaredError(), Poisson()]
losses += [Huber(delta) for delta in (0.25, 0.5, 1, 2, 4, 8, 16, 32, 64)]
losses += [EpsilonInsensitive(epsilon) for epsilon in (0.5, 1, 2)]
losses += [AbsoluteError(), *[Quantile(q) for q in (0.25, 0.75, 0.9)]]
questions = {
    "MAE, the typical year": AbsoluteError(),
    "RMSE, the mean year": "neg_root_mean_squared_error",
    "pinball 0.9, the busy year": Quantile(0.9),
}
cv = GroupKFold(5, shuffle=True, random_state=0)
search = compare_losses(X, y, losses, scoring=questions, cv=cv, groups=households)

print(search.table().drop(columns="loss").to_string(float_format="{:.4g}".format), "\n")
print(search.verdict())

figure = plt.figure(figsize=(15, 5.2), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1.75, 1])
left.suptitle("The loss in training decides which question is answered")
axes = left.subplots(1, 3, sharey=True)
LossSearchDisplay.from_estimator(search, kind="losses", axes=axes)
right.suptitle("Huber's delta slides from the median to the mean")
LossSearchDisplay.from_estimator(
    search, kind="parameters", family="Huber", axes=right.subplots()
)
path = Path(__file__).with_suffix(".png")
figure.savefig(path, dpi=100)
print(f"\nSaved {path.name}.")
