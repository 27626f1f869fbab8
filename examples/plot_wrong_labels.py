"""
Wrong labels
============

scikit-learn's data of breast cancer, where a share of the malignant cases of the
training half is said to be benign. The test half is right. A convex loss pays ever more
for a case that is far on the wrong side, and gives way. Losses that are bounded, such
as `GeneralizedCrossEntropy` and `Savage`, hardly listen to it, and begin at the minimum
of the log loss, so that they do not end just anywhere.

They are not better on clean data, and their optimum is a local one: take them where
labels are known to be wrong.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import recall_score
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_losses import (
    GeneralizedCrossEntropy,
    LogLoss,
    Savage,
    SGDClassifier,
    SquaredHinge,
)

X, benign = load_breast_cancer(return_X_y=True)
y = 1 - benign  # malignant
losses = [LogLoss(), SquaredHinge(), GeneralizedCrossEntropy(), Savage()]
shares = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.45])
splits = list(StratifiedShuffleSplit(10, test_size=0.5, random_state=0).split(X, y))


def spoiled(labels, share, rng):
    """Labels of which a share of the ones are zeros."""
    return np.where(rng.random(len(labels)) < share, 0, labels)


def recalls(loss, share):
    """The share of malignant cases that are found, in the test half of each split."""
    model = make_pipeline(StandardScaler(), SGDClassifier(loss, alpha=1e-2))
    found = []
    for seed, (train, test) in enumerate(splits):
        labels = spoiled(y[train], share, np.random.default_rng(seed))
        predicted = model.fit(X[train], labels).predict(X[test])
        found.append(recall_score(y[test], predicted))
    return found


_, (values, ax) = plt.subplots(
    1, 2, figsize=(11, 4.6), width_ratios=[2, 3], layout="constrained"
)
margin = np.linspace(-4, 3, 300)
for loss in losses:
    values.plot(margin, loss.value(1, margin), label=repr(loss))
    mean, std = np.transpose(
        [(np.mean(r), np.std(r)) for r in (recalls(loss, share) for share in shares)]
    )
    (line,) = ax.plot(100 * shares, 100 * mean, "o-", label=repr(loss))
    ax.fill_between(
        100 * shares, 100 * (mean - std), 100 * (mean + std), alpha=0.15, lw=0
    )
    print(f"{loss!r:27}" + "".join(f"{m:8.1%}" for m in mean))
values.set(
    ylim=(0, 5),
    xlabel="margin: raw prediction towards the label",
    ylabel="loss",
    title="What a label costs",
)
ax.set(
    xlabel="malignant cases with the wrong label in training, %",
    ylabel="malignant cases found in the test half, %",
    title="Cases found (mean and std of 10 splits)",
)
ax.grid(alpha=0.3)
ax.legend()
plt.show()
