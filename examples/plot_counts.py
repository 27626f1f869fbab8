"""
Counts with too many zeros
==========================

Visits to a doctor in a year: half of all people have none, and some have many.

A Poisson distribution knows neither. Rootograms hang the square root of how often a
count was seen from the curve of how often it is expected: a bar that ends above the
line was seen less often than expected, one that ends below it more often. A negative
binomial spreads, a hurdle asks first whether there is any visit, and both together
leave nothing that the eye could see. The visits are made here, of people of whom some
never go.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit

from sklearn_losses import (
    Hurdle,
    LinearRegressor,
    NegativeBinomial,
    ZeroInflated,
    crps_scorer,
)

N, MOST = 5000, 20

rng = np.random.default_rng(0)
age, income, insured = rng.normal(size=N), rng.normal(size=N), rng.uniform(size=N) < 0.8
X = np.column_stack([age, income, insured])
mean = np.exp(0.6 + 0.35 * age + 0.3 * insured)
never = expit(-0.3 - 0.9 * age - 1.2 * insured)
y = rng.negative_binomial(1.5, 1.5 / (1.5 + mean)) * (rng.uniform(size=N) >= never)

mle = NegativeBinomial(dispersion="mle")
losses = {
    "NegativeBinomial(0), Poisson's": NegativeBinomial(dispersion=0.0),
    'NegativeBinomial("mle")': mle,
    "Hurdle()": Hurdle(),
    "ZeroInflated(NegativeBinomial)": ZeroInflated(mle),
}
_, axes = plt.subplots(2, 2, figsize=(11, 7), sharex=True, sharey=True)
counts = np.arange(MOST + 1)
seen = np.array([(y == count).sum() for count in counts])
for ax, (name, loss) in zip(axes.ravel(), losses.items()):
    features = {"zero": "all"} if hasattr(loss, "zero") else None
    model = LinearRegressor(loss, features=features, penalty=None).fit(X, y)
    frozen = model.loss_.frozen(**model.predict_distribution(X))
    expected = np.array([frozen.pmf(count).sum() for count in counts])
    top, height = np.sqrt(expected), np.sqrt(seen)
    ax.bar(counts, height, bottom=top - height, width=0.8, color="0.7")
    ax.plot(counts, top, "o-", ms=3, lw=1.5)
    ax.axhline(0.0, color="k", lw=1)
    log_likelihood = frozen.logpmf(y).sum()
    ax.set_title(f"{name}: log-likelihood {log_likelihood:.0f}")
    score = -crps_scorer()(model, X, y)
    print(
        f"{name:32} log-likelihood {log_likelihood:9.1f}, CRPS {score:.3f}, "
        f"zeros expected {expected[0]:5.0f} of {seen[0]}"
    )
for ax in axes[1]:
    ax.set_xlabel("visits")
for ax in axes[:, 0]:
    ax.set_ylabel("square root of how often")
plt.tight_layout()
plt.show()
