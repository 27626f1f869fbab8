"""What a loss looks like: the value and the gradient of every built-in one.

A loss is a function of numpy arrays: ``loss.value(y, raw)`` and
``loss.gradient(y, raw)`` are the formulas that the solvers minimize, evaluated by the
same compiled code.

Run ``python examples/plot_losses.py``. It saves plot_losses.png.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sklearn_losses import (
    AbsoluteError,
    CrossEntropy,
    EpsilonInsensitive,
    Hinge,
    Huber,
    LogLoss,
    ModifiedHuber,
    Perceptron,
    Poisson,
    Quantile,
    SquaredEpsilonInsensitive,
    SquaredError,
    SquaredHinge,
)

raw = np.linspace(-3, 3, 601)
# Each column of the picture: title, label of x, target, raw predictions, losses.
columns = [
    (
        "Regression: a residual",
        "raw prediction - y",
        0.0,
        raw,
        [
            SquaredError(),
            AbsoluteError(),
            Quantile(quantile=0.8),
            Huber(delta=1.5),
            EpsilonInsensitive(epsilon=1.0),
            SquaredEpsilonInsensitive(epsilon=1.0),
        ],
    ),
    (
        "Counts: the log of a mean, y = 2",
        "raw prediction = log(mean)",
        2.0,
        raw,
        [Poisson()],
    ),
    (
        "Binary: a margin",
        "margin = raw prediction for y = 1",
        1.0,
        raw,
        [LogLoss(), Hinge(), Perceptron(), SquaredHinge(), ModifiedHuber()],
    ),
    (
        "Multiclass: y = 0 of 3 classes",
        "raw prediction of class 0; the others are 0",
        np.zeros(len(raw)),
        np.stack([raw, 0 * raw, 0 * raw], axis=1),
        [CrossEntropy(), CrossEntropy(label_smoothing=0.3)],
    ),
]

figure, axes = plt.subplots(
    2, len(columns), figsize=(17, 8), sharex=True, layout="constrained"
)
styles = ["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1))]
for (title, label, y, prediction, losses), (top, bottom) in zip(columns, axes.T):
    for loss, style in zip(losses, styles):
        value, gradient = loss.value(y, prediction), loss.gradient(y, prediction)
        if gradient.ndim == 2:  # one derivative for each class
            gradient = gradient[:, 0]
        if not loss.differentiable:  # do not draw a slope where the gradient jumps
            gradient[np.flatnonzero(np.abs(np.diff(gradient)) > 0.1)] = np.nan
        top.plot(raw, value, linestyle=style, linewidth=2, label=repr(loss))
        bottom.plot(raw, gradient, linestyle=style, linewidth=2)
    top.set_title(title)
    bottom.set_xlabel(label)
    top.legend(loc="upper center" if title[0] in "RC" else "upper right", fontsize=8)
    for ax in (top, bottom):
        ax.grid(alpha=0.3)
axes[0, 0].set_ylabel("value")
axes[1, 0].set_ylabel("gradient: d value / d raw prediction")
for k, (value_limits, gradient_limits) in {
    0: ((-0.2, 6.5), (-4, 4)),
    1: ((-0.5, 9), (-4, 8)),
    2: ((-0.2, 6), (-6, 1)),
    3: ((-0.2, 5), (-1.2, 0.4)),
}.items():
    axes[0, k].set_ylim(value_limits)
    axes[1, k].set_ylim(gradient_limits)
path = Path(__file__).with_suffix(".png")
figure.savefig(path, dpi=90)
print(f"Saved {path.name}.")
