"""
A learned link beside the true one
==================================

Pupils answer a question with four choices: who knows nothing is right in a quarter of
the cases, and careless slips keep the best at 0.95. Logistic regression supposes
probabilities from 0 to 1, and is wrong everywhere. `LearnedLink` learns a monotone
spline together with the coefficients; it is convex for each spline, and `gap_` proves
the fit.

On the right, what the two say against what is true, and how often they are right.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_losses import LearnedLink, LinearClassifier, LogLoss

rng = np.random.default_rng(0)
X = rng.normal(size=(10_000, 4))
ability = X @ [1.0, 0.8, -0.5, 0.0]


def truth(p):
    return 0.25 + 0.70 / (1.0 + np.exp(-2.5 * p))


y = rng.random(len(X)) < truth(ability)
train, test = slice(0, 5000), slice(5000, None)

_, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
order = np.argsort(ability[test])
left.plot(ability[test][order], truth(ability[test][order]), "k", lw=2.5, label="true")
for loss in (LogLoss(), LearnedLink(n_knots=8)):
    model = LinearClassifier(loss).fit(X[train], y[train])
    said = model.predict_proba(X[test])[:, 1]
    name = type(loss).__name__
    left.plot(ability[test][::25], said[::25], ".", label=name, markersize=4)
    edges = np.quantile(said, np.linspace(0, 1, 13))
    which = np.clip(np.searchsorted(edges, said) - 1, 0, 11)
    found = [(said[which == k].mean(), y[test][which == k].mean()) for k in range(12)]
    right.plot(*np.transpose(found), "o-", label=name)
    off = np.sqrt(np.mean((said - truth(ability[test])) ** 2))
    print(f"{name:12} probabilities are off by {off:.3f}, gap {model.gap_:.0e}")
right.plot([0, 1], [0, 1], color="0.7", linewidth=0.9)
left.set(xlabel="ability", ylabel="probability of a right answer")
right.set(xlabel="probability that is predicted", ylabel="share of right answers")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
plt.show()
