"""
One model for a box and a class
===============================

Digits on a canvas: where they are, how large, and which, by one linear model.

Digits of scikit-learn are pasted at random places and sizes, or not at all. The
features of an image are its brightness in cells, and where bright rows and columns are.
One model predicts the box, where there is a digit (nan elsewhere), and the digit or
"none". With ``MultiTask()`` a feature is used for all of them or for none.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from sklearn_losses import CrossEntropy, Huber, LinearMultiTask, MultiTask

SIDE, NONE = 24, 3  # of the canvas; the class of an empty one
N = 2000


def images(rng, digits, n):
    """Canvases, boxes (left, top, width, height; nan if empty) and classes."""
    canvas = rng.uniform(0.0, 0.25, size=(n, SIDE, SIDE))
    boxes, kinds = np.full((n, 4), np.nan), np.full(n, float(NONE))
    for i in np.flatnonzero(rng.uniform(size=n) < 0.8):
        kind = rng.integers(NONE)
        size = rng.integers(8, 17)
        left, top = rng.integers(0, SIDE - size + 1, size=2)
        at = (np.arange(size) * 8) // size
        digit = digits[kind][rng.integers(len(digits[kind]))][np.ix_(at, at)] / 16.0
        patch = canvas[i, top : top + size, left : left + size]
        np.maximum(patch, digit, out=patch)
        boxes[i], kinds[i] = (left, top, size, size), kind
    return canvas, boxes, kinds


def features(canvas):
    """Cells of 4 x 4 pixels, and where the bright ones begin and end."""
    cells = canvas.reshape(-1, 6, 4, 6, 4).mean(axis=(2, 4)).reshape(len(canvas), -1)
    bright = np.maximum(canvas - 0.3, 0.0)
    rows, columns = bright.sum(axis=2), bright.sum(axis=1)
    total = rows.sum(axis=1, keepdims=True) + 0.5
    place = np.arange(SIDE)
    moments = [p @ place**k / total[:, 0] for p in (rows, columns) for k in (1, 2)]
    ends = [
        pick(np.where(p > 0.15, place, other), axis=1)
        for p in (rows, columns)
        for pick, other in ((np.min, SIDE), (np.max, -1))
    ]
    return np.column_stack([cells, total, *moments, *ends])


rng = np.random.default_rng(0)
data = load_digits()
digits = [data.images[data.target == k] for k in range(NONE)]
train, boxes, kinds = images(rng, digits, N)
scaler = StandardScaler().fit(features(train))
X, Y = scaler.transform(features(train)), np.column_stack([boxes, kinds])
test, true_boxes, true_kinds = images(rng, digits, 500)
Z = scaler.transform(features(test))

losses = {"box": Huber(delta=2.0), "kind": CrossEntropy()}
columns = {"box": slice(0, 4), "kind": 4}
model = LinearMultiTask(
    losses, columns=columns, penalty=MultiTask(), alpha=0.05, weights="uncertainty"
).fit(X, Y)
found = model.predict(Z)
seen = ~np.isnan(true_boxes[:, 0])
error = np.abs(found[seen, :4] - true_boxes[seen]).mean(axis=0)
used = (model.coef_ != 0).any(axis=0)
print("weights", {k: round(v, 2) for k, v in model.weights_.items()})
print("mean error in pixels (left, top, width, height)", error.round(2))
print(f"right class {np.mean(found[:, 4] == true_kinds):.1%}")
print(f"features used {used.sum()} of {len(used)}, gap {model.gap_:.1e}")

figure = plt.figure(figsize=(12, 7), layout="constrained")
grid = figure.add_gridspec(3, 6)
names = [*map(str, range(NONE)), "none"]
for k in range(12):
    axes = figure.add_subplot(grid[k // 6, k % 6])
    axes.imshow(test[k], cmap="gray", vmin=0, vmax=1)
    for box, color in ((true_boxes[k], "w"), (found[k, :4], "C1")):
        empty = found[k, 4] == NONE if color == "C1" else np.isnan(box[0])
        if not empty:
            at = box[:2] - 0.5
            patch = plt.Rectangle(at, *box[2:], fill=False, color=color, lw=2)
            axes.add_patch(patch)
    axes.set_title(
        f"{names[int(found[k, 4])]} (is {names[int(true_kinds[k])]})", fontsize="small"
    )
    axes.set_axis_off()
shares = figure.add_subplot(grid[2, :])
limit = np.abs(model.coef_).max() / 3
shares.imshow(model.coef_, aspect="auto", cmap="RdBu", vmin=-limit, vmax=limit)
shares.set_yticks(range(8), ["left", "top", "width", "height", *names])
shares.set(
    xlabel="feature", title="Coefficients: a feature is used for all or for none"
)
plt.show()
