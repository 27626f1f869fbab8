"""Ten million rows that are never in memory together, and nothing to tune.

A generator makes chunks of raw features: columns of 1e8 and of 1e-6, heavy tails, a
mean that drifts. partial_fit with learning_rate="auto" takes each chunk once. The
validation loss, and that of the coefficients which made the targets, are printed on the
way, and the peak of the resident memory at the start and at the end.

    python examples/stream_ten_million.py                        # 200,000 rows
    python examples/stream_ten_million.py --rows 10_000_000
"""

import argparse
import resource
import sys
import time

import numpy as np

from sklearn_losses import Huber, SGDRegressor

CHUNK, N_FEATURES = 50_000, 20
SCALES = 10.0 ** np.linspace(-6, 8, N_FEATURES)
TRUTH = np.random.default_rng(0).standard_normal(N_FEATURES) / SCALES


def chunk(seed, drift, n_rows=CHUNK):
    """Raw features and targets with outliers."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, N_FEATURES))
    X[:, 1] = rng.standard_t(3, size=n_rows)
    X[:, 2] += drift
    X *= SCALES
    y = X @ TRUTH + rng.standard_t(2, size=n_rows)
    return X, y


def peak_memory():
    """The most memory that this process has had so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    options = parser.parse_args()
    n_chunks = max(2, options.rows // CHUNK)
    loss = Huber(delta=1.0)
    X_val, y_val = chunk(seed=1, drift=2.5)
    best = loss.mean(y_val, X_val @ TRUTH)
    model = SGDRegressor(loss, learning_rate="auto", alpha=0.0)
    started, first_peak = time.perf_counter(), None
    for i in range(n_chunks):
        X, y = chunk(seed=2 + i, drift=5.0 * i / n_chunks)
        model.partial_fit(X, y)
        first_peak = first_peak or peak_memory()
        if (i + 1) & i == 0 or i + 1 == n_chunks:  # after 1, 2, 4, 8, ... chunks
            found = loss.mean(y_val, model.predict(X_val))
            print(
                f"{CHUNK * (i + 1):11,d} rows  validation loss {found:.6f}  "
                f"(of the truth {best:.6f})  {time.perf_counter() - started:.1f} s"
            )
    print(
        f"peak memory: {first_peak:.0f} MB after the first chunk, "
        f"{peak_memory():.0f} MB at the end"
    )


if __name__ == "__main__":
    main()
