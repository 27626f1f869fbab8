"""
Rankings within queries
=======================

What makes a query good is not what makes a row the best of its query.

Customers of a shop see lists of products. Lists of cheap products sell more, so that a
regression of sales learns to recommend the cheap; but within a list it is the better
one, which is dearer, that is bought. A loss of the rows of a list sees only what
differs within it.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_losses import (
    LinearRanker,
    LinearRegressor,
    ListNet,
    PairwiseLogistic,
    PairwiseSquaredHinge,
    PlackettLuce,
    ndcg_score,
)

N_LISTS, LENGTH = 600, 12
FEATURES = "price", "rating", "photos", "noise"

rng = np.random.default_rng(0)
lists = np.repeat(np.arange(N_LISTS), LENGTH)
level = rng.normal(size=N_LISTS)[lists]  # how dear a list is
price = 1.5 * level + rng.normal(size=len(lists))
others = rng.normal(size=(len(lists), 3))
X = np.column_stack([price, others])
appeal = (price - 1.5 * level) * 0.8 + others @ [1.0, 0.5, 0.0]
sales = appeal - 2.5 * level + rng.logistic(size=len(lists))
relevance = np.digitize(sales, np.quantile(sales, [0.5, 0.75, 0.9, 0.97])).astype(float)

train = lists < N_LISTS // 2
test = ~train
models = {
    "regression of relevance": LinearRegressor(),
    "PairwiseLogistic": LinearRanker(PairwiseLogistic()),
    "PairwiseSquaredHinge": LinearRanker(PairwiseSquaredHinge()),
    "ListNet": LinearRanker(ListNet()),
    "PlackettLuce": LinearRanker(PlackettLuce("efron")),
}
styles = "ko:", "C0o-", "C1s--", "C2^-.", "C3v-"

_, (quality, bars) = plt.subplots(
    1, 2, figsize=(11, 4.5), width_ratios=[3, 2], layout="constrained"
)
depths = np.arange(1, LENGTH + 1)
print(f"{'':26}{'NDCG@3':>8}  " + "".join(f"{name:>8}" for name in FEATURES))
for k, ((name, model), style) in enumerate(zip(models.items(), styles)):
    more = {"groups": lists[train]} if isinstance(model, LinearRanker) else {}
    model.fit(X[train], relevance[train], **more)
    score = model.predict(X[test])
    found = [
        ndcg_score(relevance[test], score, groups=lists[test], k=depth)
        for depth in depths
    ]
    quality.plot(depths, found, style, label=name, ms=5)
    direction = model.coef_ / np.abs(model.coef_).max()
    color = style[0] if style[0] == "k" else style[:2]
    bars.barh(np.arange(4) + 0.15 * (2 - k), direction, 0.15, color=color)
    print(f"{name:26}{found[2]:8.3f}  " + "".join(f"{w:8.2f}" for w in direction))

quality.set(xlabel="rows that are shown, k", ylabel="NDCG@k of new lists")
quality.set_title("How good the order is")
quality.legend()
bars.axvline(0.0, color="k", lw=0.8)
bars.set(yticks=range(4), yticklabels=FEATURES, xlabel="coefficient / largest")
bars.set_title("What is learnt")
bars.invert_yaxis()
plt.show()
