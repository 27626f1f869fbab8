"""Rows in Ray: `RowBlocks` in fifteen lines. Needs ray; not run by the tests."""

import numpy as np
import ray

from sklearn_losses import LinearRegressor, RowBlocks


class RayBlocks(RowBlocks):
    """Blocks (X, y) in Ray's object store."""

    def __init__(self, blocks):
        self.blocks = blocks
        self.call = ray.remote(max_retries=3)(lambda task, args, b: task(b, *args))

    def __len__(self):
        return len(self.blocks)

    def map(self, task, *args):
        task, args = ray.put(task), ray.put(args)
        return ray.get([self.call.remote(task, args, block) for block in self.blocks])


@ray.remote
def block(k):
    X = np.random.default_rng(k).normal(size=(100_000, 10))
    return X, X @ np.arange(10.0)


if __name__ == "__main__":
    model = LinearRegressor(alpha=0.0).fit(
        RayBlocks([block.remote(k) for k in range(8)])
    )
    print(model.coef_, model.gap_)
