"""The loss is a hyperparameter: search over it, and over its own parameters.

A loss is an object, so ``GridSearchCV`` takes losses as values of ``sgd__loss`` and
their parameters as ``sgd__loss__delta``; and as it is a function too, the same object
can be the score.

The data are 20,190 person-years of the RAND Health Insurance Experiment, which come
with statsmodels: how often did somebody see a doctor in a year? Half of them once or
never, one 77 times. Under such a skew the typical year, the mean year and the busy
year are three questions, and each has a loss of its own.

Run ``python examples/tune_losses.py``. It prints a table and saves tune_losses.png.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.api as sm
from sklearn.dummy import DummyRegressor
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_losses import (
    AbsoluteError,
    EpsilonInsensitive,
    Huber,
    Poisson,
    Quantile,
    SGDRegressor,
    SquaredError,
)

data = sm.datasets.randhie.load_pandas().data
X, y = data.drop(columns="mdvis"), data["mdvis"]
# There is no id, but the rows of a family are neighbours and mostly have one insurance
# plan (lncoins). Runs of one plan stay in one fold, so that few are tested by a model
# that has seen their other years.
households = X["lncoins"].diff().ne(0).cumsum()
cv = list(GroupKFold(5, shuffle=True, random_state=0).split(X, y, households))

# ---------------------------------------------------------------------- the search
# With Poisson large steps overshoot, because its inverse link is exp: eta0 is small.
model = Pipeline(
    [
        ("scale", StandardScaler()),
        ("sgd", SGDRegressor(learning_rate="adaptive", eta0=3e-4, random_state=0)),
    ]
)
deltas = [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64]
constants = [("mean", None), ("median", None), ("quantile", 0.9)]
grid = [
    {"sgd__loss": [SquaredError(), AbsoluteError(), Poisson()]},
    {"sgd__loss": [Huber()], "sgd__loss__delta": deltas},
    {"sgd__loss": [Quantile()], "sgd__loss__quantile": [0.25, 0.5, 0.75, 0.9]},
    {"sgd__loss": [EpsilonInsensitive()], "sgd__loss__epsilon": [0.5, 1, 2]},
    {"sgd": [DummyRegressor(strategy=s, quantile=q) for s, q in constants]},
]
scoring = {
    "MAE": "neg_mean_absolute_error",
    "RMSE": "neg_root_mean_squared_error",
    # Losses score, too: those with the identity link, where raw predictions are
    # the predictions.
    "pinball 0.9": make_scorer(Quantile(0.9).mean, greater_is_better=False),
}
search = GridSearchCV(model, grid, scoring=scoring, refit="MAE", cv=cv, n_jobs=2)
search.fit(X, y)

# ----------------------------------------------------------------------- the table
names = [
    "SquaredError",
    "Poisson",
    "Huber",
    "EpsilonInsensitive",
    "AbsoluteError",
    "Quantile",
    "best constant",
]


def describe(params):
    """The family of a candidate, and the parameter that was searched over."""
    if "sgd" in params:
        constant = params["sgd"]
        quantile = f" {constant.quantile:g}" if constant.quantile else ""
        return "best constant", constant.strategy + quantile
    loss, *others = sorted(params)  # "sgd__loss" comes before "sgd__loss__delta"
    parameter = [f"{name.split('__')[-1]}={params[name]:g}" for name in others]
    return type(params[loss]).__name__, "".join(parameter)


candidates = [describe(params) for params in search.cv_results_["params"]]
family, parameter = map(np.array, zip(*candidates))
errors = {  # of shape (n_candidates, n_folds)
    score: -np.transpose(
        [search.cv_results_[f"split{k}_test_{score}"] for k in range(len(cv))]
    )
    for score in scoring
}
best = {  # the best candidate of each family
    score: [
        min(np.flatnonzero(family == name), key=lambda i: error[i].mean())
        for name in names
    ]
    for score, error in errors.items()
}
table = pd.DataFrame(
    {
        score: [
            f"{error[i].mean():.3f} ± {error[i].std():.3f}  {parameter[i]:<13}"
            for i in best[score]
        ]
        for score, error in errors.items()
    },
    index=names,
)
print(
    f"{len(family)} candidates, {len(cv)} folds. Errors in visits a year, mean ± std "
    "over the folds,\nof each family with its best parameter for the score:\n"
)
print(table.to_string(justify="left"), "\n")


def excess(score, i, reference):
    """How far candidate i is above another one in the same fold, in percent."""
    return 100 * (errors[score][i] / errors[score][reference] - 1)


winner = {
    score: min(best[score], key=lambda i: errors[score][i].mean()) for score in best
}
tied = {  # within one standard deviation of the difference
    score: [
        i
        for i in best[score]
        if abs(excess(score, i, w).mean()) <= excess(score, i, w).std()
    ]
    for score, w in winner.items()
}
for score, w in winner.items():
    equals = ", ".join(family[i] for i in tied[score] if i != w)
    costs = " and ".join(
        f"{excess(other, w, winner[other]).mean():.1f} % in {other}"
        for other in scoring
        if other != score
    )
    print(
        f"{family[w]}({parameter[w]}) wins {score}"
        f"{f' (within one std: {equals})' if equals else ''},\n"
        f"    but is worse than the winner by {costs}."
    )
print(
    f"One loss won all scores: {family[winner['MAE']]}."
    if len(set(winner.values())) == 1
    else "So choose the loss by the question: no model here wins every score."
)

# ------------------------------------------------------------------ the best model
loss = search.best_estimator_["sgd"].loss_
constant = np.full(len(y), loss.optimal_constant(y))
print(
    f"\nThe model refitted for MAE has loss_ = {loss!r}. Its mean loss on all rows is "
    f"{loss(y, search.predict(X)):.3f};\nthat of the best constant is "
    f"{loss(y, constant):.3f}."
)

# Poisson's predictions are positive, and so have a deviance; a line's need not be.
scores = cross_validate(
    model.set_params(sgd__loss=Poisson()),
    X,
    y,
    cv=cv,
    scoring={"deviance": "neg_mean_poisson_deviance", "R2": "r2"},
)
print(
    f"Poisson(), cross-validated: deviance {-scores['test_deviance'].mean():.3f} "
    f"± {scores['test_deviance'].std():.3f}, "
    f"R2 {scores['test_R2'].mean():.3f} ± {scores['test_R2'].std():.3f}."
)

# --------------------------------------------------------------------- the picture
question = {"MAE": "typical year", "RMSE": "mean year", "pinball 0.9": "busy year"}
colors = dict(zip(scoring, ["tab:blue", "tab:orange", "tab:green"]))
squared = np.flatnonzero(family == "SquaredError")[0]
places = np.arange(len(names))
figure = plt.figure(figsize=(15, 5.6), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1.75, 1])

left.suptitle("The loss in training decides which score is won")
axes = left.subplots(1, 3, sharey=True)
for ax, score in zip(axes, scoring):
    change = np.array([excess(score, i, squared) for i in best[score]])
    mean, std = change.mean(axis=1), change.std(axis=1)
    ax.axvline(0, color="0.6", linewidth=1)
    ax.errorbar(mean, places, xerr=std, fmt="o", capsize=3, color=colors[score])
    for place, i in enumerate(best[score]):
        if i in tied[score]:
            ax.plot(mean[place], place, "o", ms=14, mfc="none", mec="black")
        ax.annotate(
            parameter[i],
            (mean[place], place),
            xytext=(0, 10),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    ax.set_title(f"{score}: the {question[score]}")
    ax.margins(x=0.3)
    ax.grid(axis="x", alpha=0.3)
axes[0].set_yticks(places, names)
axes[0].set_ylim(places[-1] + 0.5, -0.5)
axes[0].set_ylabel("loss in training")
left.supxlabel(
    "error against that of SquaredError in the same fold, % (mean ± std over 5 folds; "
    "left is better)\ncircled: the best, and all within one std of it",
    fontsize=10,
)

right.suptitle("Huber's delta slides from the median to the mean")
ax = right.subplots()
huber = np.flatnonzero(family == "Huber")
for score, color in colors.items():
    change = np.array([excess(score, i, squared) for i in huber])
    mean, std = change.mean(axis=1), change.std(axis=1)
    ax.plot(deltas, mean, "o-", color=color, label=f"{score}: the {question[score]}")
    ax.fill_between(deltas, mean - std, mean + std, color=color, alpha=0.2)
ax.axhline(0, color="0.6", linewidth=1, label="SquaredError")
ax.set_xscale("log", base=2)
ax.set_xticks(deltas, [f"{delta:g}" for delta in deltas])
ax.set_xlabel("delta of Huber, visits a year")
ax.set_ylabel("error against that of SquaredError, %")
ax.grid(alpha=0.3)
ax.legend(title="mean, band: ± std over 5 folds")

path = Path(__file__).with_suffix(".png")
figure.savefig(path, dpi=100)
print(f"\nSaved {path.name}.")
