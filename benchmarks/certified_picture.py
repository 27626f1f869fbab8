"""Suboptimality against time, a panel for each case."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullFormatter

COLUMNS = 5
FLOOR = 1e-11  # what is below is drawn here
# One look for each contender, in all panels, and what the legend calls it. Those of a
# package share a colour, or two.
OURS = dict(color="black", marker="o", linewidth=2.6, markersize=5, zorder=5)
LOOKS = {
    "ours": ("sklearn_losses", OURS),
    "lbfgs": ("scikit-learn, lbfgs", dict(color="tab:blue", marker="o")),
    "newton-cholesky": (
        "scikit-learn, newton-cholesky",
        dict(color="tab:blue", marker="s", linestyle="--"),
    ),
    "newton-cg": (
        "scikit-learn, newton-cg",
        dict(color="tab:blue", marker="^", linestyle=":"),
    ),
    "sag": ("scikit-learn, sag", dict(color="tab:cyan", marker="v")),
    "saga": ("scikit-learn, saga", dict(color="tab:cyan", marker="^")),
    "liblinear": ("scikit-learn, liblinear", dict(color="tab:brown", marker="D")),
    "LinearSVC": (
        "scikit-learn, LinearSVC (liblinear)",
        dict(color="tab:brown", marker="D", linestyle="--"),
    ),
    "HuberRegressor": (
        "scikit-learn, HuberRegressor",
        dict(color="tab:purple", marker="s"),
    ),
    "highs": (
        "scikit-learn, QuantileRegressor (highs)",
        dict(color="tab:purple", marker="P", markersize=8),
    ),
    "highs-ipm": (
        "scikit-learn, QuantileRegressor (highs-ipm)",
        dict(color="tab:pink", marker="P", markersize=8),
    ),
    "Lasso": ("scikit-learn, Lasso", dict(color="tab:blue", marker="p")),
    "glum irls": ("glum, irls", dict(color="tab:green", marker="s")),
    "glum lbfgs": (
        "glum, lbfgs",
        dict(color="tab:green", marker="o", linestyle="--"),
    ),
    "skglm ProxNewton": (
        "skglm, ProxNewton",
        dict(color="tab:orange", marker="s"),
    ),
    "skglm AndersonCD": (
        "skglm, AndersonCD",
        dict(color="tab:orange", marker="^", linestyle="--"),
    ),
}


def panel(ax, race):
    for name, points in race.curves.items():
        times = [point.seconds for point in points]
        below = [max(race.suboptimality(point), FLOOR) for point in points]
        label, look = LOOKS[name]
        ax.loglog(times, below, label=label, **dict(markersize=4, linewidth=1.3) | look)
    ax.axhline(race.case.bound, color="0.3", linewidth=0.9, linestyle="--", zorder=1)
    n, d = race.case.shape
    kind = "CSR" if race.case.nonzeros else "dense"
    ax.set_title(f"{race.case.name}\n{n:,} x {d:,} {kind}", fontsize=10)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(FLOOR / 3, 3.0)
    ax.set_yticks(10.0 ** np.arange(-10, 1, 2))
    ax.tick_params(labelsize=8)
    ax.grid(color="0.92")
    ax.set_axisbelow(True)  # or the grid hides the dashed line


def draw(races, output):
    """Write the picture of all races to a path or a file object."""
    n_rows = -(-len(races) // COLUMNS)
    figure, axes = plt.subplots(
        n_rows,
        COLUMNS,
        figsize=(3.1 * COLUMNS, 2.9 * n_rows + 1.6),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for ax, race in zip(axes.flat, races):
        panel(ax, race)
        ax.xaxis.set_tick_params(labelbottom=True)
    for ax in axes.flat[max(0, len(races) - COLUMNS) : len(races)]:
        ax.set_xlabel("seconds of a fit", fontsize=9)
    for ax in axes.flat[len(races) :]:
        ax.axis("off")
    axes.flat[0].set_xlim(*_common_range(races))
    figure.suptitle(
        "How far above the optimum a fit is, after how many seconds, by tolerance"
    )
    figure.legend(*_legend(axes.flat), loc="outside lower center", ncols=4, fontsize=9)
    figure.supylabel("(F - F*) / |F*|; dashed: where times are compared", fontsize=10)
    figure.savefig(output, dpi=110, format="png")
    plt.close(figure)


def _common_range(races):
    """The decades that hold all times of all panels."""
    curves = [points for race in races for points in race.curves.values()]
    decades = np.log10([point.seconds for points in curves for point in points])
    return 10.0 ** np.floor(decades.min()), 10.0 ** np.ceil(decades.max())


def _legend(axes):
    """Lines and names, each once, in the order of `LOOKS`."""
    shown = {}
    for ax in axes:
        lines, names = ax.get_legend_handles_labels()
        shown |= dict(zip(names, lines))
    names = [label for label, _ in LOOKS.values() if label in shown]
    return [shown[name] for name in names], names
