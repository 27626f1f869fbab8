"""
Survival curves, strata and confidence bands
============================================

Survival curves that a model predicts, how sure they are, and those of the rows.

Two clinics treat the same illness; at one patients come late, so that its baseline is
another. A model with a stratum for each clinic, and an l1 norm that leaves most of
forty measurements out, is fitted on half of the patients. The others are divided by
their predicted risk: on the left are the means of their predicted curves, and the
estimates of Kaplan and Meier, which know nothing of the model.

How sure is the curve of a single patient? The measurements that were chosen are fitted
again, to the other half and without a penalty, so that neither the choice nor the
penalty biases what `survival_bands` says. In the middle are three patients, and where
their curves are with a confidence of 95%; the truth is dotted. On the right is the path
of the coefficients.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_losses import (
    LinearSurvival,
    regularization_path,
    survival_bands,
    survival_target,
)

N, D = 4000, 40

rng = np.random.default_rng(0)
X = rng.normal(size=(N, D))
clinic = rng.integers(2, size=N)
risk = X[:, :4] @ [0.8, -0.6, 0.4, 0.3]
# Weibull times, whose shape depends on the clinic, in months.
spread = np.where(clinic, 1.6, 0.7)
time = 40.0 * (rng.exponential(size=N) * np.exp(-risk)) ** spread
censored = rng.uniform(6.0, 60.0, size=N)
y = survival_target(time <= censored, np.minimum(time, censored))


def kaplan_meier(y, times):
    """The share that is left at some times, of whom was still seen."""
    moments = np.unique(y["time"][y["event"]])
    at_risk = (y["time"][:, None] >= moments).sum(axis=0)
    ends = ((y["time"][:, None] == moments) & y["event"][:, None]).sum(axis=0)
    left = np.append(1.0, np.cumprod(1.0 - ends / at_risk))
    return left[np.searchsorted(moments, times, side="right")]


train = np.arange(N) < N // 2
test = ~train
lasso = LinearSurvival(penalty="l1")
path = regularization_path(
    lasso, X[train], y[train], groups=clinic[train], n_alphas=30, ratio=0.02
)
scores = [
    lasso.set_params(alpha=alpha)
    .fit(X[train], y[train], strata=clinic[train])
    .score(X[test], y[test], strata=clinic[test])
    for alpha in path.alphas
]
best = int(np.argmax(scores))
model = lasso.set_params(alpha=path.alphas[best])
model.fit(X[train], y[train], strata=clinic[train])
chosen = np.flatnonzero(model.coef_)
print(
    f"alpha {model.alpha:.3g}: {len(chosen)} of {D} measurements, "
    f"c-index of new patients {scores[best]:.3f}, gap {model.gap_:.1g}"
)

_, axes = plt.subplots(1, 3, figsize=(14, 4.3), layout="constrained")
times = np.linspace(0.0, 55.0, 200)
names, thirds = ("low", "medium", "high"), [1 / 3, 2 / 3]
third = np.digitize(model.predict(X), np.quantile(model.predict(X), thirds))
for k, name in enumerate(names):
    here = test & (clinic == 0) & (third == k)
    curves = model.predict_survival_function(X[here], times, strata=clinic[here])
    axes[0].plot(times, curves.mean(axis=0), f"C{k}", lw=2, label=f"{name} risk")
    axes[0].step(times, kaplan_meier(y[here], times), f"C{k}:", where="post")
axes[0].plot([], [], "k:", label="Kaplan-Meier")
axes[0].set(title="Thirds of the new patients of clinic A")

few = X[:, chosen]
sure = LinearSurvival(penalty=None).fit(few[test], y[test], strata=clinic[test])
order = np.flatnonzero(train & (clinic == 1))
order = order[np.argsort(risk[order])]
patients = order[(np.array([0.1, 0.5, 0.9]) * len(order)).astype(int)]
bands = survival_bands(
    sure,
    few[test],
    y[test],
    few[patients],
    times,
    strata=clinic[test],
    rows_strata=clinic[patients],
)
for k in range(3):
    axes[1].step(times, bands.survival[k], f"C{k}", lw=2, where="post")
    ends = bands.lower[k], bands.upper[k]
    axes[1].fill_between(times, *ends, color=f"C{k}", alpha=0.25, step="post", lw=0)
    rate = np.exp(risk[patients[k]])
    axes[1].plot(times, np.exp(-rate * (times / 40.0) ** (1 / 1.6)), "k:")
axes[1].plot([], [], "k:", label="the truth")
axes[1].set(title="Three patients of clinic B, 95% bands")
for ax in axes[:2]:
    ax.set(xlabel="months", ylim=(0, 1))
    ax.legend()
axes[0].set_ylabel("share without the event")
axes[2].semilogx(path.alphas, path.coefs[:, 4:], color="0.75", lw=0.8)
axes[2].semilogx(path.alphas, path.coefs[:, :4], lw=2)
axes[2].axvline(model.alpha, color="k", ls=":", label="best c-index of new patients")
axes[2].set(xlabel="alpha", ylabel="log hazard ratio", title="l1 path")
axes[2].invert_xaxis()
axes[2].legend()
plt.show()
