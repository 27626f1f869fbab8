"""
Wrong labels, found by their influence
======================================

scikit-learn's data of breast cancer, with twelve labels turned over. `influence` asks
of each row what a logistic regression without it would say of it: `loss_left_out`. Rows
whose label nobody else believes in come first, and an expert need look at few of them.
The loss in the fit itself needs more looks, for a row that is far out in the features
draws the fit to its label.

On the right, `InfluenceDisplay` draws how far out each row is, and how hard it pulls
without having drawn the fit to itself. Lines are of equal Cook's distance, how far the
coefficients move without the row.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale

from sklearn_losses import InfluenceDisplay, LinearClassifier, LogLoss, influence

X, y = load_breast_cancer(return_X_y=True)
X = scale(X)
rng = np.random.default_rng(0)
wrong = rng.choice(len(y), 12, replace=False)
y[wrong] = 1 - y[wrong]

model = LinearClassifier(LogLoss(), alpha=1e-3).fit(X, y)
found = influence(model, X, y)
is_wrong = np.isin(np.arange(len(y)), wrong)


def caught(score):
    """How many wrong labels are among the first rows."""
    return np.cumsum(is_wrong[np.argsort(-score)])


_, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
rows = np.arange(1, 61)
scores = {
    "loss in the fit without the row": found.loss_left_out,
    "loss in the fit": found.loss,
    "Cook's distance": found.cook,
}
for name, score in scores.items():
    left.plot(rows, caught(score)[:60], label=name, linewidth=1.8)
    print(f"{name:32} all are among the first {np.argmax(caught(score) == 12) + 1}")
left.axhline(12, color="0.8", linewidth=0.8)
left.set(xlabel="rows that are looked at", ylabel="wrong labels that are found")
left.legend(frameon=False, loc="lower right")

display = InfluenceDisplay.from_influence(found).plot(right, n_named=0)
right.scatter(
    display.distance[wrong],
    display.pull[wrong],
    s=60,
    facecolors="none",
    edgecolors="C3",
)
right.set_title("wrong labels are circled")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()
