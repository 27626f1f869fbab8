"""
Quantile bands and their coverage
=================================

What Belgian households of 1857 spent on food, by their income (Engel's data, which come
with statsmodels). Rich households differ from each other more than poor ones do, so a
band of constant width is wrong at both ends. Five fits of `Quantile` follow the spread.

A band of 90% should hold nine of ten households that the fit has not seen. On the
right, the share of those below each line, over 20 random halves of the data: near the
diagonal, with the noise of some hundred households.
"""

import matplotlib.pyplot as plt
import numpy as np
import statsmodels.api as sm
from sklearn.model_selection import ShuffleSplit

from sklearn_losses import LinearRegressor, Quantile

data = sm.datasets.engel.load_pandas().data
X, y = data[["income"]].to_numpy(), data["foodexp"].to_numpy()
quantiles = [0.05, 0.25, 0.5, 0.75, 0.95]
halves = list(ShuffleSplit(20, test_size=0.5, random_state=0).split(X))
colors = plt.cm.viridis(np.linspace(0.1, 0.85, len(quantiles)))

_, (bands, coverage) = plt.subplots(
    1, 2, figsize=(11, 4.6), width_ratios=[3, 2], layout="constrained"
)
bands.plot(X[:, 0], y, "o", color="0.7", ms=4)
incomes = np.linspace(X.min(), 2500.0, 50)[:, None]
shares = []
for quantile, color in zip(quantiles, colors):
    model = LinearRegressor(Quantile(quantile), penalty=None)
    line = model.fit(X, y).predict(incomes)
    bands.plot(incomes, line, color=color, lw=2, label=f"Quantile({quantile})")
    below = [
        np.mean(y[test] <= model.fit(X[train], y[train]).predict(X[test]))
        for train, test in halves
    ]
    shares.append(below)
    print(f"Quantile({quantile:4}): {np.mean(below):.1%} of new households are below")
bands.set(
    xlim=(300, 2600),
    ylim=(200, 1500),
    xlabel="income, francs a year",
    ylabel="spent on food",
    title="Five quantiles",
)
bands.legend()

mean, std = np.mean(shares, axis=1), np.std(shares, axis=1)
coverage.plot([0, 1], [0, 1], "--", color="0.6")
for quantile, color, m, s in zip(quantiles, colors, mean, std):
    coverage.errorbar(quantile, m, yerr=s, fmt="o", color=color, capsize=4, ms=7)
inside = np.subtract(shares[-1], shares[0])
print(f"between 0.05 and 0.95: {inside.mean():.1%} ± {inside.std():.1%}")
coverage.set(
    xlabel="quantile of the loss",
    ylabel="share of new households below",
    title=f"The band of 90% holds {inside.mean():.0%} of them",
    aspect="equal",
)
coverage.grid(alpha=0.3)
plt.show()
