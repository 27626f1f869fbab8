"""
Learning to rank: which loss, and against trees
===============================================

Documents of a search, with grades from 0 to 4, and what is scored is NDCG: how much of
the gain of the best order is in the first places. Which of the losses of a query comes
nearest, with a linear model, and what do LightGBM's trees gain?

The data are those of LightGBM's own example, where the environment variable
`LAMBDARANK` names a folder with its files ``rank.train``, ``rank.train.query``,
``rank.test`` and ``rank.test.query`` (``examples/lambdarank`` of its repository).
Otherwise they are simulated: sparse features, of which few matter, two of them in
pairs, which a linear model cannot see. Without LightGBM its line is left out.
"""

import os
from importlib.util import find_spec
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy import sparse
from sklearn.datasets import load_svmlight_file
from sklearn.model_selection import GridSearchCV, GroupKFold

from sklearn_losses import (
    ApproxNDCG,
    LambdaRank,
    LinearRanker,
    LinearRegressor,
    ListNet,
    PairwiseLogistic,
    PlackettLuce,
    ndcg_score,
    ndcg_scorer,
    ranking_target,
)


def lightgbm_data(part):
    """X, grades and queries of a file of LightGBM's example."""
    folder = Path(os.environ["LAMBDARANK"])
    X, y = load_svmlight_file(str(folder / f"rank.{part}"), n_features=300)
    sizes = np.loadtxt(folder / f"rank.{part}.query", dtype=int)
    return X, y, np.repeat(np.arange(len(sizes)), sizes)


def simulated(n_queries, seed):
    """The same of documents whose grades come from few of their words."""
    rng = np.random.default_rng(seed)
    q = np.repeat(np.arange(n_queries), rng.integers(5, 26, size=n_queries))
    X = sparse.random_array((len(q), 100), density=0.3, rng=rng, format="csr")
    some = X[:, :20].toarray()
    signal = some @ np.linspace(2.0, -2.0, 20) + 8.0 * some[:, 0] * some[:, 1]
    signal += 2.0 * rng.normal(size=n_queries)[q]  # queries are easy or hard
    signal += rng.logistic(scale=0.5, size=len(q))
    grades = np.digitize(signal, np.quantile(signal, [0.5, 0.75, 0.9, 0.97]))
    return sparse.csr_matrix(X), grades.astype(float), q


if "LAMBDARANK" in os.environ:
    name = "LightGBM's lambdarank example"
    (X, y, q), (X_new, y_new, q_new) = map(lightgbm_data, ("train", "test"))
else:
    name = "simulated documents"
    (X, y, q), (X_new, y_new, q_new) = simulated(150, 0), simulated(150, 1)

# %%
# The strength of the penalty is chosen for each loss, by folds of whole queries. The
# targets carry the queries, so that model and scorer see them; `groups` is for folds.
losses = {
    "PairwiseLogistic": PairwiseLogistic(),
    "ListNet": ListNet(),
    "PlackettLuce": PlackettLuce("efron"),
    "LambdaRank(k=5)": LambdaRank(k=5),
    "ApproxNDCG": ApproxNDCG(),
}
models = {"regression of grades": LinearRegressor()}
models |= {name: LinearRanker(loss, tol=1e-3) for name, loss in losses.items()}
depths, found = np.arange(1, 11), {}


def curve(score):
    """NDCG@1 to NDCG@10 of new queries."""
    return [ndcg_score(y_new, score, groups=q_new, k=k) for k in depths]


for label, model in models.items():
    target = ranking_target(y, q) if isinstance(model, LinearRanker) else y
    scoring = ndcg_scorer(k=5) if isinstance(model, LinearRanker) else None
    grid = {"alpha": [1e-3, 1e-2, 1e-1]}
    search = GridSearchCV(model, grid, scoring=scoring, cv=GroupKFold(3))
    found[label] = curve(search.fit(X, target, groups=q).predict(X_new))
if find_spec("lightgbm"):
    from lightgbm import LGBMRanker

    trees = LGBMRanker(n_estimators=100, n_jobs=1, verbose=-1)
    trees.fit(X, y, group=np.bincount(q))
    found["LightGBM, 100 trees"] = curve(trees.predict(X_new))
found["by chance"] = curve(np.zeros(len(y_new)))

# %%
# Simulated grades are a score with noise, so that losses of all pairs and of the whole
# order use most of what there is. On LightGBM's data it is those of the first places
# that gain: NDCG@5 is 0.69 with `ListNet`, 0.68 with `LambdaRank`, 0.67 with its trees
# and 0.64 with `PairwiseLogistic`. Few queries say little: other folds, other seeds or
# another split of the data move these numbers by some hundredths.
_, (lines, bars) = plt.subplots(
    1, 2, figsize=(11, 4.5), width_ratios=[3, 2], layout="constrained"
)
colors = plt.get_cmap("tab10")
styles = {"by chance": ":", "LightGBM, 100 trees": "--"}
for i, (label, values) in enumerate(found.items()):
    color = "k" if label in styles else colors(i)
    style = styles.get(label, "o-")
    lines.plot(depths, values, style, label=label, color=color, ms=4)
    bars.barh(label, values[4], color=color, alpha=0.4 if color == "k" else 1.0)
    bars.text(values[4], i, f" {values[4]:.3f}", va="center")
    print(f"{label:24}NDCG@5 {values[4]:.3f}")
lines.set(xlabel="first places that count, k", ylabel="NDCG@k of new queries")
lines.set_title(name)
lines.legend(fontsize=8)
bars.set(xlabel="NDCG@5", xlim=(0, 1))
bars.invert_yaxis()
plt.show()
