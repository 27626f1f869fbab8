"""A Parquet file that is larger than the memory which this script allows itself.

It writes the file row group by row group, sets a limit on the memory of its process
that the file would not fit in, and fits all of it: a row group is a block. Needs
pyarrow, and Linux for the limit.

    python examples/parquet_beyond_memory.py                    # 160 MB
    python examples/parquet_beyond_memory.py --rows 20_000_000  # 3.4 GB
"""

import argparse
import resource
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow import parquet

from sklearn_losses import Huber, LinearRegressor, StoredBlocks, loss_scorer

GROUP, N_FEATURES = 50_000, 20
NAMES = [f"feature_{j}" for j in range(N_FEATURES)]
TRUTH = np.linspace(-1.0, 1.0, N_FEATURES)


def table(k):
    rng = np.random.default_rng(k)
    X = rng.normal(size=(GROUP, N_FEATURES))
    y = X @ TRUTH + rng.standard_t(2, size=GROUP)
    return pyarrow.table(dict(zip([*NAMES, "target"], [*X.T, y])))


def write(path, n_groups):
    with parquet.ParquetWriter(path, table(0).schema) as writer:
        for k in range(n_groups):
            writer.write_table(table(k), row_group_size=GROUP)


def allow(n_bytes):
    """Let this process have so much more memory than it has now."""
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + n_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    n_groups = max(2, parser.parse_args().rows // GROUP)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        write(path, n_groups)
        size = path.stat().st_size
        blocks = StoredBlocks.parquet(path, "target")
        LinearRegressor(Huber()).fit(StoredBlocks(blocks.blocks[:2]))  # starts threads
        allow(100 * 2**20)
        model = LinearRegressor(Huber(), alpha=1e-6, verbose=1).fit(blocks)
        loss = -loss_scorer(Huber())(model, blocks)
    print(
        f"{n_groups * GROUP:,} rows in a file of {size / 2**20:.0f} MB, with at most "
        f"100 MB: {model.n_iter_} passes, gap {model.gap_:.0e}, mean loss {loss:.4f}"
    )
    assert np.abs(model.coef_ - TRUTH).max() < 20.0 / np.sqrt(n_groups * GROUP)


if __name__ == "__main__":
    main()
