"""Rows in the memory of two workers: a fit, probabilities and a score.

The same estimators take dask collections. Work goes to the blocks, and what comes back
are sums: nothing is gathered, and the model is that of all rows in one place. Needs
dask.distributed.

    python examples/dask_two_workers.py
    python examples/dask_two_workers.py --rows 10_000_000
"""

import argparse

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster, wait

from sklearn_losses import LinearClassifier, LogLoss, loss_scorer


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=400_000)
    n = parser.parse_args().rows
    rng = da.random.default_rng(0)
    X = rng.normal(size=(n, 10), chunks=(n // 8, 10))
    y = (X.sum(axis=1) + rng.normal(size=n, chunks=n // 8) > 0).astype(int)
    X, y = X.persist(), y.persist()  # or each pass would draw them again
    wait([X, y])
    model = LinearClassifier(LogLoss(), alpha=1e-6, verbose=1).fit(X, y)
    probabilities = model.predict_proba(X)  # a dask array: nothing is computed yet
    print(probabilities)
    print("mean probability", probabilities[:, 1].mean().compute().round(4))
    print("accuracy", round(model.score(X, y), 4), "log loss", end=" ")
    print(round(-loss_scorer(LogLoss())(model, X, y), 4), "gap", model.gap_)
    here = LinearClassifier(LogLoss(), alpha=1e-6, tol=1e-9)
    here.fit(X[: n // 8].compute(), y[: n // 8].compute())
    print(
        "an eighth of the rows differs by", np.abs(model.coef_ / here.coef_ - 1).max()
    )
    assert model.gap_ < 1e-6


if __name__ == "__main__":
    settings = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**settings) as cluster, Client(cluster):
        main()
