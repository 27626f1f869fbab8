"""Rows in Spark: `RowBlocks` in fifteen lines. Needs pyspark; not run by the tests."""

import numpy as np
from pyspark.sql import SparkSession

from sklearn_losses import LinearRegressor, RowBlocks


class SparkBlocks(RowBlocks):
    """An RDD with a block (X, y) in each partition, which keep their order."""

    def __init__(self, rdd):
        self.rdd = rdd

    def __len__(self):
        return self.rdd.getNumPartitions()

    def map(self, task, *args):
        return self.rdd.map(lambda block: task(block, *args)).collect()


def block(k):
    X = np.random.default_rng(k).normal(size=(100_000, 10))
    return X, X @ np.arange(10.0)


if __name__ == "__main__":
    context = SparkSession.builder.master("local[2]").getOrCreate().sparkContext
    rdd = context.parallelize(range(8), 8).map(block).cache()
    model = LinearRegressor(alpha=0.0).fit(SparkBlocks(rdd))
    print(model.coef_, model.gap_)
