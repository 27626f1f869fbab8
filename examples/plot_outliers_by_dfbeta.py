"""
Outliers, by what they do to each coefficient
=============================================

A straight line through thirty points, three of which are wrong: two in the middle, and
one far out, through which least squares all but pass. Residuals point at the first two
alone. `dfbetas` says by how many standard errors each coefficient moves without a row:
the far one has the slope in its hands.

With `PseudoHuber` residuals have a bounded pull, and with `TukeyBiweight` what is far
off has none. A leverage point goes on pulling unless the loss gives it up.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_losses import (
    LinearRegressor,
    PseudoHuber,
    SquaredError,
    TukeyBiweight,
    influence,
)

rng = np.random.default_rng(3)
x = np.append(rng.uniform(0, 5, 29), 12.0)
y = 1.0 + 0.8 * x + 0.4 * rng.normal(size=30)
y[[4, 11]] += [3.0, -3.0]
y[29] -= 7.0
X, planted = x[:, None], [4, 11, 29]

losses = [SquaredError(), PseudoHuber(), TukeyBiweight()]
_, axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
grid = np.linspace(0, 13, 2)
axes[0].plot(x, y, "o", color="0.4", markersize=4)
for i in planted:
    axes[0].annotate(str(i), (x[i], y[i]), xytext=(5, 4), textcoords="offset points")
for k, loss in enumerate(losses):
    model = LinearRegressor(loss, penalty=None).fit(X, y)
    axes[0].plot(grid, model.predict(grid[:, None]), label=str(loss))
    found = influence(model, X, y)
    size = np.abs(found.dfbetas[:, 0])
    axes[1].bar(np.arange(30) + 0.27 * (k - 1), size, width=0.27, label=str(loss))
    first = np.argsort(-size)[:3]
    print(f"{loss!s:18} slope {model.coef_[0]:.2f}; rows that move it most: {first}")
axes[0].set(xlabel="x", ylabel="y")
axes[1].axhline(2 / np.sqrt(30), color="0.6", linewidth=0.8, linestyle="--")
axes[1].set(xlabel="row", ylabel="abs(dfbetas) of the slope", yscale="symlog")
axes[1].set_ylim(0)
axes[1].set_yticks([0, 0.5, 1, 2, 5], ["0", "0.5", "1", "2", "5"])
for ax in axes:
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
plt.show()
