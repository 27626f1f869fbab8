"""
Penalties in one picture
========================

Their value, what they make of a coefficient, and what they make of a fit.

Above: the penalty of a coefficient, and its proximal operator, which an orthogonal
design applies to the least squares; the dashed line is no penalty at all. Below: the
coefficients of a fit of correlated features along alpha, for one that shrinks what it
keeps (the l1 norm), one that does not (MCP), and one of groups; the dotted lines are
what the data were made with.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_losses import (
    L1,
    L2,
    MCP,
    SCAD,
    ElasticNet,
    GroupLasso,
    LinearRegressor,
    regularization_path,
)

SINGLE = {
    "L1()": L1(),
    "L2()": L2(),
    "ElasticNet(0.5)": ElasticNet(0.5),
    "MCP(gamma=3.0)": MCP(),
    "SCAD(gamma=3.7)": SCAD(),
}
TRUE = np.repeat([3.0, 1.0, 0.0, 0.0], 2)
PATHS = {
    "L1()": L1(),
    "MCP()": MCP(),
    "GroupLasso(pairs)": GroupLasso(np.arange(8) // 2),
}


def data(n=100):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 8)) + 0.5 * rng.normal(size=(n, 1))
    return X, X @ TRUE + 2.0 * rng.normal(size=n)


def draw_values(axes):
    w = np.linspace(-5, 5, 501)
    for name, penalty in SINGLE.items():
        axes[0].plot(w, [penalty.value([x]) for x in w], label=name)
        axes[1].plot(w, penalty.prox(w))
    axes[1].plot(w, w, "k--", lw=0.8)
    axes[0].set(xlabel="coefficient", title="value, alpha=1", ylim=(0, 6))
    axes[1].set(xlabel="v", title="prox(v), alpha=1", aspect="equal")
    axes[0].legend(fontsize=8)


def draw_paths(axes):
    X, y = data()
    colors = plt.cm.viridis(np.repeat([0.0, 0.3, 0.6, 0.9], 2))
    for ax, (name, penalty) in zip(axes, PATHS.items()):
        model = LinearRegressor(penalty=penalty)
        path = regularization_path(model, X, y, n_alphas=60, ratio=1e-2)
        for j, color in enumerate(colors):
            ax.semilogx(path.alphas, path.coefs[:, j], color=color)
        for level in (3.0, 1.0):
            ax.axhline(level, color="k", lw=0.8, ls=":")
        ax.invert_xaxis()
        ax.set(xlabel="alpha", title=name, ylim=(-0.8, 4.0))


def main():
    figure = plt.figure(figsize=(10, 7.5), layout="constrained")
    above, below = figure.subfigures(2, 1)
    draw_values(above.subplots(1, 2))
    paths = below.subplots(1, 3, sharey=True)
    draw_paths(paths)
    paths[0].set_ylabel("coefficients")
    plt.show()


if __name__ == "__main__":
    main()
