"""
A regularization path and the alpha to choose
=============================================

A quantile with an l1 norm on scikit-learn's diabetes data: measures of 442 patients,
and how far the disease goes within a year in the worst tenth of them. The path begins
at `alpha_max`, from where on no coefficient is left, and each fit begins where the one
before ended, which makes the whole path cheap.

Which alpha? The one with the least loss in cross-validation or, for a model with fewer
features that is as good for all one can tell, the largest whose loss is within one
standard error of that. Every fit is proved: its duality gap is a share of the objective
that the last line prints.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

from sklearn_losses import LinearRegressor, Quantile, regularization_path

loss = Quantile(0.9)
X, y = load_diabetes(return_X_y=True, as_frame=True)
names = list(X.columns)
X, y = StandardScaler().fit_transform(X), y.to_numpy()
model = LinearRegressor(loss, penalty="l1")
path = regularization_path(model, X, y, n_alphas=40, ratio=3e-3)

losses = []  # of each fold, along the path
for train, test in KFold(5, shuffle=True, random_state=0).split(X):
    part = regularization_path(model, X[train], y[train], alphas=path.alphas)
    raw = X[test] @ part.coefs.T + np.ravel(part.intercepts)
    losses.append([loss.mean(y[test], column) for column in raw.T])
mean = np.mean(losses, axis=0)
error = np.std(losses, axis=0, ddof=1) / np.sqrt(len(losses))
best = mean.argmin()
simple = np.argmax(mean <= mean[best] + error[best])  # alphas fall along the path
chosen = {"least loss": (best, "tab:red"), "one standard error": (simple, "black")}

_, (coefs, scores) = plt.subplots(
    2, 1, figsize=(8.5, 7.5), height_ratios=[3, 2], sharex=True, layout="constrained"
)
for name, along in zip(names, path.coefs.T):
    coefs.semilogx(path.alphas, along, label=name)
scores.errorbar(path.alphas, mean, yerr=error, fmt=".", color="0.5", capsize=2)
for rule, (k, color) in chosen.items():
    for ax in (coefs, scores):
        ax.axvline(path.alphas[k], color=color, ls="--", lw=1)
    scores.plot(path.alphas[k], mean[k], "o", color=color, label=rule)
    kept = [name for name, c in zip(names, path.coefs[k]) if c != 0]
    print(f"{rule}: alpha = {path.alphas[k]:.4f} keeps {', '.join(kept)}")
print(f"largest gap: {(path.gaps / path.objectives).max():.1e} of the objective")
coefs.axhline(0.0, color="0.7", lw=0.8, zorder=0)
coefs.set(ylabel="coefficient", title="The quantile of 0.9 with an l1 norm")
coefs.legend(ncols=2, fontsize=9)
scores.set(xlabel="alpha, falling", ylabel="pinball loss, 5 folds")
scores.legend()
scores.invert_xaxis()
plt.show()
