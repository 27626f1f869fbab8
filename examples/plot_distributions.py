"""
Intervals where the noise differs
=================================

Intervals where the noise is not the same everywhere: a scale with features.

The noise grows with x. A Gaussian with one scale has intervals that are too wide on the
left and too narrow on the right, although 90% of all rows are inside; with
``features={"scale": "all"}`` the same share is inside everywhere. Quantiles need no
distribution.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.preprocessing import SplineTransformer

from sklearn_losses import GaussianDistribution, LinearRegressor, Quantiles

N, COVERAGE = 3000, 0.9

rng = np.random.default_rng(0)
x = np.sort(rng.uniform(0.0, 10.0, size=N))
y = np.sin(x) + 0.1 * x + (0.1 + 0.08 * x) * rng.normal(size=N)
splines = SplineTransformer(n_knots=8).fit(x[:, None])
X = splines.transform(x[:, None])

tail = 0.5 * (1.0 - COVERAGE)
models = {
    "one scale": LinearRegressor(GaussianDistribution(), alpha=1e-5),
    'features={"scale": "all"}': LinearRegressor(
        GaussianDistribution(), features={"scale": "all"}, alpha=1e-5
    ),
    "Quantiles([0.05, 0.95])": LinearRegressor(
        Quantiles([tail, 1.0 - tail]), alpha=1e-5
    ),
}
_, axes = plt.subplots(
    2, 3, figsize=(13, 6), sharex=True, sharey="row", layout="constrained"
)
for (name, model), above, below in zip(models.items(), *axes):
    model.fit(X, y)
    is_quantiles = isinstance(model.loss_, Quantiles)
    ends = model.predict(X) if is_quantiles else model.predict_interval(X, COVERAGE)
    inside = (ends[:, 0] < y) & (y < ends[:, 1])
    above.plot(x, y, ".", ms=2, color="0.6")
    above.fill_between(x, *ends.T, alpha=0.35)
    if not is_quantiles:
        above.plot(x, model.predict(X), lw=1.5)
    above.set_title(f"{name}: {inside.mean():.1%} inside")
    parts = np.array_split(inside, 10)
    below.bar(np.arange(0.5, 10.0), [100 * part.mean() for part in parts], width=0.8)
    below.axhline(100 * COVERAGE, color="k", lw=1, ls="--")
    below.set(xlabel="x", ylim=(70, 100))
    print(
        f"{name:28} {inside.mean():.1%} inside, at the least of ten parts "
        f"{min(part.mean() for part in parts):.1%}"
    )
axes[0, 0].set_ylabel("y, and 90% intervals")
axes[1, 0].set_ylabel("% inside, by x")
plt.show()
