"""
Verification: are two images of the same digit?
===============================================

A door that opens to a face compares two pictures, and has no list of classes.

What is asked of a pair of images is one number, their distance, and a threshold for
it. The distance between pixels is a poor one: it counts how a digit is written as much
as which one it is. A linear map of the 64 pixels to a few numbers, learned from pairs,
knows what to count. Here that is shown of images that were not in the fit, in two
dimensions and by the ROC curve of all their pairs.

What is learned is what tells apart the digits that were seen. Seven of them say little
about the other three, as the last line that is printed shows: where new classes come,
as with faces, a fit needs many classes.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import roc_curve

from sklearn_losses import (
    NCA,
    InfoNCE,
    LinearEmbedding,
    LogisticPair,
    TripletMargin,
    pair_auc_score,
)

X, digit = load_digits(return_X_y=True)
rng = np.random.default_rng(0)
seen = rng.uniform(size=len(X)) < 0.5


def pairs_of(Z, labels):
    """Whether all pairs of rows are of one class, and their distances."""
    i, j = np.triu_indices(len(Z), 1)
    return labels[i] == labels[j], np.linalg.norm(Z[i] - Z[j], axis=1)


maps = {
    "pixels": None,
    "PCA, 8 components": PCA(8),
    "TripletMargin, 8": LinearEmbedding(8, loss=TripletMargin(), alpha=0.01),
    "LogisticPair, 8": LinearEmbedding(8, loss=LogisticPair(mining="all"), alpha=0.01),
    "InfoNCE, 8": LinearEmbedding(8, loss=InfoNCE(), alpha=0.01),
}
styles = "k:", "k--", "C0-", "C1-", "C2-"

figure, (before, after, roc) = plt.subplots(
    1, 3, figsize=(13, 4.4), layout="constrained"
)
flat = PCA(2).fit(X[seen])
plane = LinearEmbedding(2, loss=NCA(), alpha=0.001).fit(X[seen], digit[seen])
for ax, Z, title in (
    (before, flat.transform(X[~seen]), "Before: two principal components"),
    (after, plane.transform(X[~seen]), "After: NCA in two dimensions"),
):
    dots = ax.scatter(*Z.T, c=digit[~seen], cmap="tab10", s=9, vmin=-0.5, vmax=9.5)
    ax.set(title=title, xticks=[], yticks=[])
figure.colorbar(dots, ax=after, ticks=range(10)).ax.set_title("digit", size=9)

for (name, model), style in zip(maps.items(), styles):
    Z = X if model is None else model.fit(X[seen], digit[seen]).transform(X)
    same, distance = pairs_of(Z[~seen], digit[~seen])
    wrong, found, _ = roc_curve(same, -distance)
    area = pair_auc_score(same, distance)
    roc.plot(wrong, found, style, label=f"{name}: {area:.3f}")
    print(f"{name:20} area under the curve {area:.3f}")
roc.set(
    xscale="log",
    xlim=(1e-3, 1.0),
    xlabel="pairs of two digits that are let in",
    ylabel="pairs of one digit that are found",
    title="Images that were not in the fit",
)
roc.grid(alpha=0.25)
roc.legend(loc="lower right", fontsize="small")

model = maps["LogisticPair, 8"]
pairs = np.array([[0, 10], [0, 1]])  # of the first images: 0 and 0, 0 and 1
print(
    f"threshold {model.threshold_:.2f}: of digits {digit[pairs].tolist()} it says",
    model.predict(X[pairs]),
)

new = digit > 6
few = LinearEmbedding(8, loss=LogisticPair(mining="all"), alpha=0.01)
few.fit(X[seen & ~new], digit[seen & ~new])
areas = [pair_auc_score(*pairs_of(Z[new], digit[new])) for Z in (X, few.transform(X))]
print("of digits that a fit has not seen: pixels {:.3f}, learned {:.3f}".format(*areas))
plt.show()
