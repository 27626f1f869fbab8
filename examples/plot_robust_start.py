"""
A third of the rows is wrong
============================

Lines through such data, and the noise that each of them sees.

Three losses with the same estimator. The wrong rows lie all on one side. Least squares
follow them, Huber's loss is pulled by each of them a little, and Tukey's biweight
leaves them out: with ``scale="mad"`` it needs no number in units of y, and it begins at
the least absolute deviations, where outliers cannot trap it. On the right, residuals of
right rows are around 0 only if the wrong ones are left out.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_losses import Huber, SGDRegressor, SquaredError, TukeyBiweight

SLOPE, INTERCEPT, NOISE = 40.0, 200.0, 25.0
LOSSES = {
    "least squares": (SquaredError(), "tab:red"),
    "Huber": (Huber(scale="mad"), "tab:blue"),
    "Tukey": (TukeyBiweight(scale="mad"), "tab:green"),
}

rng = np.random.default_rng(0)
x = rng.uniform(0.0, 10.0, size=200)
y = INTERCEPT + SLOPE * x + NOISE * rng.normal(size=200)
wrong = (x > 5.0) & (rng.random(200) < 0.6)
y[wrong] += rng.uniform(300.0, 900.0, size=wrong.sum())

figure = plt.figure(figsize=(11, 5), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[3, 2])
data = left.subplots()
data.plot(x[~wrong], y[~wrong], ".", color="0.5")
data.plot(x[wrong], y[wrong], "x", color="0.5", label=f"{wrong.mean():.0%} wrong")
ends = np.array([0.0, 10.0])
data.plot(ends, INTERCEPT + SLOPE * ends, "k:", label="the truth")
panels = right.subplots(3, 1, sharex=True, sharey=True)
bins = np.linspace(-450.0, 900.0, 55)
for ax, (name, (loss, color)) in zip(panels, LOSSES.items()):
    model = SGDRegressor(loss=loss, learning_rate="auto").fit(x[:, None], y)
    slope, intercept = model.coef_[0], model.intercept_[0]
    print(f"{name:13} y = {slope:5.1f} x + {intercept:5.1f}   {model.loss_}")
    data.plot(ends, intercept + slope * ends, color=color, label=name)
    difference = y - slope * x - intercept
    both = [difference[~wrong], difference[wrong]]
    ax.hist(both, bins, stacked=True, color=[color, "0.75"], label=["right", "wrong"])
    ax.axvline(0.0, color="k", lw=0.8)
    ax.set_title(f"residuals of {name}", loc="left", fontsize=10)
    ax.set_ylabel("rows")
    ax.legend(fontsize=8)
print(f"the noise is {NOISE:.0f}, scale_ is {model.scale_:.1f}")

data.set(xlabel="x", ylabel="y", title="Rows and lines")
panels[-1].set_xlabel("y - prediction")
data.legend()
plt.show()
