"""An exact fit of rows that are never in memory together, generated block by block.

Each block is made anew whenever a pass over the rows asks for it, from its number
alone, so that a hundred million rows (16 GB) need no disk, and no more memory than two
blocks. The coefficients are those of a fit of all rows at once, and the gap proves it.

    python examples/blocks_of_rows.py                        # 1,000,000 rows
    python examples/blocks_of_rows.py --rows 100_000_000     # some minutes a core
"""

import argparse
import resource
import sys
import time
from functools import partial

import numpy as np

from sklearn_losses import LinearClassifier, LogLoss, StoredBlocks

BLOCK, N_FEATURES = 250_000, 20
TRUTH = np.linspace(-1.0, 1.0, N_FEATURES)


def block(k):
    """Features and labels, from the number of the block alone."""
    rng = np.random.default_rng(k)
    X = rng.random((BLOCK, N_FEATURES))
    chance = 1.0 / (1.0 + np.exp(-4.0 * (X - 0.5) @ TRUTH))
    return X, rng.random(BLOCK) < chance


def peak_memory():
    """The most memory that this process has had so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    n_blocks = max(2, parser.parse_args().rows // BLOCK)
    before, start = peak_memory(), time.perf_counter()
    blocks = StoredBlocks([partial(block, k) for k in range(n_blocks)])
    model = LinearClassifier(LogLoss(), alpha=1e-6, verbose=1).fit(blocks)
    size = n_blocks * BLOCK * N_FEATURES * 8 / 2**20
    print(
        f"{n_blocks * BLOCK:,} rows ({size:,.0f} MB) in {model.n_iter_} passes, "
        f"{time.perf_counter() - start:.0f} s and {peak_memory() - before:.0f} MB more "
        f"memory than before; gap {model.gap_:.0e}"
    )
    error = np.abs(model.coef_[0] - 4.0 * TRUTH).max()
    print(f"The coefficients are off by {error:.4f}, as the labels are random.")
    assert model.gap_ < 1e-6
    assert error < 100.0 / np.sqrt(n_blocks * BLOCK)


if __name__ == "__main__":
    main()
