"""
Quantile bands and their coverage
=================================

What Belgian households of 1857 spent on food, by their income (Engel's data, which come
with statsmodels). Rich households differ from each other more than poor ones do, so a
band of constant width is wrong at both ends. Five levels of `Quantiles` follow the
spread, and `BandsDisplay` draws them.

A band of 90% should hold nine of ten households that the fit has not seen. On the
right, the share of those below each line, over 20 random halves of the data: near the
diagonal, with the noise of some hundred households.
"""

import matplotlib.pyplot as plt
import numpy as np
import statsmodels.api as sm
from sklearn.model_selection import ShuffleSplit

from sklearn_losses import BandsDisplay, LinearRegressor, Quantiles

data = sm.datasets.engel.load_pandas().data
X, y = data[["income"]], data["foodexp"].rename("spent on food")
levels = [0.05, 0.25, 0.5, 0.75, 0.95]
model = LinearRegressor(Quantiles(levels), penalty=None).fit(X, y)

_, (left, right) = plt.subplots(
    1, 2, figsize=(11, 4.6), width_ratios=[3, 2], layout="constrained"
)
BandsDisplay.from_estimator(model, X, y, ax=left)
left.set(xlim=(300, 2600), ylim=(200, 1500), xlabel="income, francs a year")
left.set_title("Two bands, and the median")

shares = []
for train, test in ShuffleSplit(20, test_size=0.5, random_state=0).split(X):
    lines = model.fit(X.iloc[train], y.iloc[train]).predict(X.iloc[test])
    shares.append((y.iloc[test].to_numpy()[:, None] <= lines).mean(axis=0))
shares = np.array(shares)
for level, below in zip(levels, shares.T):
    print(f"{level:4}: {below.mean():.1%} of new households are below")
inside = shares[:, -1] - shares[:, 0]
print(f"between 0.05 and 0.95: {inside.mean():.1%} ± {inside.std():.1%}")
right.plot([0, 1], [0, 1], "--", color="0.6")
right.errorbar(
    levels, shares.mean(axis=0), yerr=shares.std(axis=0), fmt="o", capsize=4, ms=7
)
right.set(
    xlabel="level of the quantile",
    ylabel="share of new households below",
    title=f"The band of 90% holds {inside.mean():.0%} of them",
    aspect="equal",
)
right.grid(alpha=0.3)
plt.show()
