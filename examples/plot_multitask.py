"""
A detector: one model for boxes and categories
==============================================

Digits on a canvas: where they are, how large, and which, by one linear model.

Digits of scikit-learn are pasted at random places and sizes on canvases with noise, or
not at all. The features of an image are whether there is light before, and behind, each
line, by which linear models know a place, and the part with light at 8 x 8 pixels. One
model predicts the box, where there is a digit (nan elsewhere), and the digit or "none".
``SmoothL1()`` fits edges, alone and with ``rank=6``: six maps of the features, which
boxes and digits share. ``GIoU()`` fits overlaps, and is not convex: steps of Adam are
the way to its minimum, as in a deep detector.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from sklearn_losses import (
    CrossEntropy,
    GIoU,
    LinearMultiTask,
    SGDMultiTask,
    SmoothL1,
)

SIDE, NONE = 24, 5  # of the canvas; the class of an empty one
N = 2000


def images(rng, digits, n):
    """Canvases, boxes (left, top, right, bottom; nan if empty) and classes."""
    canvas = rng.uniform(0.0, 0.25, size=(n, SIDE, SIDE))
    boxes, kinds = np.full((n, 4), np.nan), np.full(n, float(NONE))
    for i in np.flatnonzero(rng.uniform(size=n) < 0.8):
        kind = rng.integers(NONE)
        size = rng.integers(8, 17)
        left, top = rng.integers(0, SIDE - size + 1, size=2)
        at = (np.arange(size) * 8) // size
        digit = digits[kind][rng.integers(len(digits[kind]))][np.ix_(at, at)] / 16.0
        rows, columns = (np.flatnonzero(digit.any(axis=k)) for k in (1, 0))
        patch = canvas[i, top : top + size, left : left + size]
        np.maximum(patch, digit, out=patch)
        boxes[i, :2] = left + columns[0], top + rows[0]
        boxes[i, 2:] = left + columns[-1] + 1, top + rows[-1] + 1
        kinds[i] = kind
    return canvas, boxes, kinds


def features(canvas):
    """Whether there is light before and behind each line, and what has light."""
    bright = np.maximum(canvas - 0.3, 0.0)
    lines = [bright.sum(axis=k) > 0.15 for k in (2, 1)]
    before = [np.cumsum(line, axis=1) > 0 for line in lines]
    behind = [np.cumsum(line[:, ::-1], axis=1) > 0 for line in lines]
    patches = np.zeros((len(canvas), 8, 8))
    for i, (rows, columns) in enumerate(zip(*lines)):
        if rows.any() and columns.any():
            at = [
                np.linspace(p[0], p[-1], 8).round().astype(int)
                for p in (np.flatnonzero(rows), np.flatnonzero(columns))
            ]
            patches[i] = bright[i][np.ix_(*at)]
    return np.hstack([*before, *behind, patches.reshape(len(canvas), -1)])


def overlap(y, p):
    """The area that two boxes share, over that of their union."""
    low, high = np.maximum(y[:, :2], p[:, :2]), np.minimum(y[:, 2:], p[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    both = [np.prod(np.maximum(b[:, 2:] - b[:, :2], 0), axis=1) for b in (y, p)]
    return shared / (both[0] + both[1] - shared)


rng = np.random.default_rng(0)
data = load_digits()
digits = [data.images[data.target == k] for k in range(NONE)]
train, boxes, kinds = images(rng, digits, N)
scaler = StandardScaler().fit(features(train))
X, Y = scaler.transform(features(train)), np.column_stack([boxes, kinds])
test, true_boxes, true_kinds = images(rng, digits, 1000)
Z = scaler.transform(features(test))
seen = true_kinds < NONE

columns = {"box": slice(0, 4), "kind": 4}
adam = dict(optimizer="adam", learning_rate="adaptive", eta0=0.01, batch_size=32)
for box, estimator in (
    (SmoothL1(), LinearMultiTask(alpha=1e-3)),
    (SmoothL1(), LinearMultiTask(alpha=1e-3, rank=6, tol=1e-3)),
    (GIoU(), SGDMultiTask(alpha=1e-3, random_state=0, **adam)),
):
    losses = {"box": box, "kind": CrossEntropy()}
    model = estimator.set_params(loss=losses, columns=columns).fit(X, Y)
    found = model.predict(Z)
    inside = overlap(true_boxes[seen], found[seen, :4])
    print(type(model).__name__, box, f"rank={model.rank}")
    print(f"  overlap {inside.mean():.2f}, over a half in {np.mean(inside > 0.5):.0%}")
    print(f"  right class {np.mean(found[:, 4] == true_kinds):.1%}")

figure = plt.figure(figsize=(12, 7), layout="constrained")
grid = figure.add_gridspec(3, 6)
names = [*map(str, range(NONE)), "none"]
for k in range(12):
    axes = figure.add_subplot(grid[k // 6, k % 6])
    axes.imshow(test[k], cmap="gray", vmin=0, vmax=1)
    for box, kind, color in (
        (true_boxes[k], true_kinds[k], "w"),
        (found[k, :4], found[k, 4], "C1"),
    ):
        if kind < NONE:
            size = box[2:] - box[:2]
            patch = plt.Rectangle(box[:2] - 0.5, *size, fill=False, color=color, lw=2)
            axes.add_patch(patch)
    axes.set_title(
        f"{names[int(found[k, 4])]} (is {names[int(true_kinds[k])]})", fontsize="small"
    )
    axes.set_axis_off()
shares = figure.add_subplot(grid[2, :])
unit = np.abs(model.coef_).max(axis=1, keepdims=True)
shares.imshow(model.coef_ / unit, aspect="auto", cmap="RdBu", vmin=-1, vmax=1)
shares.set_yticks(range(4 + len(names)), ["left", "top", "right", "bottom", *names])
shares.set(xlabel="feature", title="Coefficients of all outputs")
plt.show()
