"""Suboptimality against time, a panel for each case."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullFormatter

COLUMNS = 5
FLOOR = 1e-11  # what is below is drawn here
# One look for each contender, in all panels. Related ones share a colour.
LOOKS = {
    "ours": dict(color="black", marker="o", linewidth=2.6, markersize=5, zorder=5),
    "lbfgs": dict(color="tab:blue", marker="o"),
    "newton-cholesky": dict(color="tab:blue", marker="s", linestyle="--"),
    "newton-cg": dict(color="tab:blue", marker="^", linestyle=":"),
    "sag": dict(color="tab:cyan", marker="v"),
    "saga": dict(color="tab:cyan", marker="^"),
    "liblinear": dict(color="tab:brown", marker="D"),
    "LinearSVC": dict(color="tab:brown", marker="D"),
    "HuberRegressor": dict(color="tab:purple", marker="s"),
    "highs": dict(color="tab:purple", marker="P", markersize=8),
    "highs-ipm": dict(color="tab:pink", marker="P", markersize=8),
    "Lasso": dict(color="tab:blue", marker="p"),
    "glum irls": dict(color="tab:green", marker="s"),
    "glum lbfgs": dict(color="tab:green", marker="o", linestyle="--"),
    "skglm ProxNewton": dict(color="tab:orange", marker="s"),
    "skglm AndersonCD": dict(color="tab:orange", marker="^", linestyle="--"),
}


def panel(ax, race):
    for name, points in race.curves.items():
        times = [point.seconds for point in points]
        below = [max(race.suboptimality(point), FLOOR) for point in points]
        look = dict(markersize=4, linewidth=1.3) | LOOKS[name]
        ax.loglog(times, below, label=name, **look)
    ax.axhline(race.case.bound, color="0.3", linewidth=0.9, linestyle="--", zorder=1)
    n, d = race.case.shape
    kind = "CSR" if race.case.nonzeros else "dense"
    ax.set_title(f"{race.case.name}\n{n:,} x {d:,} {kind}", fontsize=10)
    decades = np.log10([p.seconds for points in race.curves.values() for p in points])
    ends = np.floor(decades.min() - 0.1), np.ceil(decades.max() + 0.1)
    ax.set_xlim(10.0 ** np.array(ends))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(FLOOR / 3, 3.0)
    ax.set_yticks(10.0 ** np.arange(-10, 1, 2))
    ax.tick_params(labelsize=8)
    ax.grid(color="0.92")
    ax.set_axisbelow(True)  # or the grid hides the dashed line


def draw(races, output):
    """Write the picture of all races to a path or a file object."""
    n_rows = -(-(len(races) + 1) // COLUMNS)  # one cell or more for the legend
    figure, axes = plt.subplots(
        n_rows,
        COLUMNS,
        figsize=(3.1 * COLUMNS, 2.9 * n_rows),
        sharey=True,
        layout="constrained",
    )
    for ax, race in zip(axes.flat, races):
        panel(ax, race)
    empty = axes.flat[len(races) :]
    for ax in empty:
        ax.axis("off")
    shown = {}
    for ax in axes.flat[: len(races)]:
        lines, names = ax.get_legend_handles_labels()
        shown |= dict(zip(names, lines))
    shown = {name: shown[name] for name in LOOKS if name in shown}
    legend = empty[0].legend(
        shown.values(), shown, loc="center left", ncols=min(2, len(empty)), fontsize=9
    )
    legend.set_in_layout(False)  # it may reach over two cells, which stay as they are
    figure.supxlabel("seconds of a fit, with smaller and smaller tolerances")
    figure.supylabel("(F - F*) / |F*|; dashed: where times are compared")
    figure.savefig(output, dpi=110, format="png")
    plt.close(figure)
