"""
A third of the rows is wrong
============================

Lines through such data, and the noise that each of them sees.

Three losses with the same estimator. The wrong rows lie all on one side. Least squares
follow them, Huber's loss is pulled by each of them a little, and Tukey's biweight
leaves them out: with ``scale="mad"`` it needs no number in units of y, and it begins at
the least absolute deviations, where outliers cannot trap it.
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

_, (data, residuals) = plt.subplots(
    1, 2, figsize=(11, 4.5), width_ratios=[3, 2], layout="constrained"
)
data.plot(x[~wrong], y[~wrong], ".", color="0.5")
data.plot(x[wrong], y[wrong], "x", color="0.5", label=f"{wrong.mean():.0%} wrong")
ends = np.array([0.0, 10.0])
data.plot(ends, INTERCEPT + SLOPE * ends, "k:", label="the truth")
bins = np.linspace(-500.0, 900.0, 57)
for name, (loss, colour) in LOSSES.items():
    model = SGDRegressor(loss=loss, learning_rate="auto").fit(x[:, None], y)
    slope, intercept = model.coef_[0], model.intercept_[0]
    print(f"{name:13} y = {slope:5.1f} x + {intercept:5.1f}   {model.loss_}")
    data.plot(ends, intercept + slope * ends, color=colour, label=name)
    difference = y - slope * x - intercept
    residuals.hist(difference, bins, histtype="step", color=colour, label=name)
residuals.axvspan(
    -model.scale_, model.scale_, color="0.85", label=f"scale_ = {model.scale_:.0f}"
)
print(f"the noise is {NOISE:.0f}, scale_ is {model.scale_:.1f}")

data.set(xlabel="x", ylabel="y", title="Rows and lines")
residuals.set(xlabel="y - prediction", ylabel="rows", title="Residuals")
data.legend()
residuals.legend()
plt.show()
