"""
A loss for data with outliers
=============================

Murders in the states of the US in 2009, and the share of households that are led by a
single parent: 50 states and the District of Columbia, which is unlike any of them. The
data come with statsmodels.

Least squares follow the one row. `Huber` bounds its pull, and `TukeyBiweight` leaves it
out. ``scale="mad"`` measures the noise, so that no parameter has to be given in units
of y. On the right, what the odd row does: the slope of a fit of all rows, and of one
without it. Whether it should count is no matter of the fit but of the question: whether
it is an error, or something that will come again.
"""

import matplotlib.pyplot as plt
import numpy as np
import statsmodels.api as sm

from sklearn_losses import (
    AbsoluteError,
    Huber,
    LinearRegressor,
    SquaredError,
    TukeyBiweight,
)

data = sm.datasets.statecrime.load_pandas().data
X, y = data[["single"]].to_numpy(), data["murder"].to_numpy()
losses = {
    "SquaredError()": SquaredError(),
    "AbsoluteError()": AbsoluteError(),
    'Huber(scale="mad")': Huber(scale="mad"),
    'TukeyBiweight(scale="mad")': TukeyBiweight(scale="mad"),
}

_, (lines, slopes) = plt.subplots(
    1, 2, figsize=(11, 4.6), width_ratios=[3, 2], layout="constrained"
)
odd = y.argmax()
lines.plot(X[:, 0], y, "o", color="0.6", ms=5)
lines.annotate(
    data.index[odd],
    (X[odd, 0], y[odd]),
    (-8, -4),
    textcoords="offset points",
    ha="right",
)
ends = np.array([[X.min()], [X.max()]])
others = np.arange(len(y)) != odd
for place, (name, loss) in enumerate(losses.items()):
    model = LinearRegressor(loss, penalty=None)
    without = model.fit(X[others], y[others]).coef_[0]
    every = model.fit(X, y).coef_[0]
    (line,) = lines.plot(ends, model.predict(ends), lw=2, label=name)
    color = line.get_color()
    slopes.plot([without, every], [place, place], color=color, lw=3)
    slopes.plot(every, place, "o", color=color, ms=10)
    slopes.plot(without, place, "o", color=color, ms=10, mfc="white", mew=2)
    print(f"{name:27} slope {every:.2f}, without {data.index[odd]} {without:.2f}")
lines.set(
    xlabel="households with a single parent, %",
    ylabel="murders per 100,000",
    title="Fits of all rows",
)
lines.legend()
slopes.plot([], [], "o", color="0.3", ms=10, label="all rows")
slopes.plot(
    [], [], "o", color="0.3", ms=10, mfc="white", mew=2, label="without the odd one"
)
slopes.set_yticks(range(len(losses)), [name.split("(")[0] for name in losses])
slopes.set(
    xlabel="murders more for each percent of households",
    title="What one row of 51 does to the slope",
    ylim=(len(losses) - 0.2, -0.6),
)
slopes.grid(axis="x", alpha=0.3)
slopes.legend(loc="lower left", ncols=2, fontsize=9)
plt.show()
