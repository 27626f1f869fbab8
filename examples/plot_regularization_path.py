"""
A regularization path and the alpha to choose
=============================================

Which coefficients an l1 norm keeps, and a proof that each fit is at its optimum.

A quantile with an l1 norm on scikit-learn's diabetes data: measures of 442 patients,
and how far the disease goes within a year in the worst tenth of them. The path begins
at `alpha_max`, from where on no coefficient is left, and each fit begins where the one
before ended. Below are the duality gaps, as shares of the objective: no coefficients
at all have an objective that is smaller by more.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler

from sklearn_losses import (
    LinearRegressor,
    Quantile,
    alpha_max,
    regularization_path,
)


def main():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    names = list(X.columns)
    X = StandardScaler().fit_transform(X)
    model = LinearRegressor(Quantile(0.9), penalty="l1")
    path = regularization_path(model, X, y, n_alphas=60)
    print(f"alpha_max = {alpha_max(model, X, y):.4f}")
    for k in range(0, len(path.alphas), 10):
        kept = [name for name, c in zip(names, path.coefs[k]) if c != 0]
        print(f"alpha = {path.alphas[k]:.4f}: {', '.join(kept) or 'none'}")
    print(f"largest gap: {(path.gaps / path.objectives).max():.1e} of the objective")

    _, (coefs, gaps) = plt.subplots(
        *(2, 1),
        figsize=(8, 6.5),
        height_ratios=[3, 1],
        sharex=True,
        layout="constrained",
    )
    for name, along in zip(names, path.coefs.T):
        coefs.semilogx(path.alphas, along, label=name)
    coefs.axhline(0.0, color="0.7", linewidth=0.8, zorder=0)
    coefs.set(ylabel="coefficient", title="The quantile of 0.9 with an l1 norm")
    coefs.legend(ncols=2, fontsize=9)
    gaps.loglog(path.alphas, path.gaps / path.objectives, ".", color="black")
    gaps.set(xlabel="alpha, falling", ylabel="gap / objective")
    gaps.invert_xaxis()
    plt.show()


if __name__ == "__main__":
    main()
