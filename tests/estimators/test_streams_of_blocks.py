"""partial_fit of rows in blocks: a call for each block, in their order."""

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_losses import (
    LinearEmbedding,
    LinearMultiTask,
    SGDClassifier,
    SGDEmbedding,
    SGDMultiTask,
    SGDOrdinalClassifier,
    SGDRanker,
    SGDRegressor,
    SGDSurvival,
    StoredBlocks,
    survival_target,
)

RNG = np.random.default_rng(0)
N, SIZE = 300, 100
X = RNG.normal(size=(N, 3))
Y = X @ [1.0, -2.0, 0.0] + RNG.normal(size=N)
CODES = np.digitize(Y, [-1.0, 1.0])
WEIGHT, OFFSET = RNG.integers(1, 4, size=N), RNG.normal(size=N)
QUERIES = np.repeat(np.arange(N // 10), 10)
TIMES = survival_target(RNG.random(N) < 0.7, np.exp(0.3 * Y))
TASKS = {"first": "huber", "second": "squared_error"}

# A model, its targets, the columns of a block besides, and settings of each call.
STREAMS = [
    (SGDRegressor("huber"), Y, {"sample_weight": WEIGHT, "offset": OFFSET}, {}),
    (SGDClassifier(), CODES, {"sample_weight": WEIGHT}, {"classes": [0, 1, 2]}),
    (SGDOrdinalClassifier(), CODES, {"offset": OFFSET}, {"classes": [0, 1, 2]}),
    (SGDRanker(), CODES, {"groups": QUERIES}, {}),
    (SGDSurvival(), TIMES, {"groups": CODES}, {}),
    (SGDMultiTask(TASKS), np.column_stack([Y, Y**2]), {"sample_weight": WEIGHT}, {}),
    (SGDEmbedding(), CODES, {}, {}),
]


def blocks_of(y, columns):
    names = "sample_weight", "offset", "groups"
    parts = [X, y, *(columns.get(name) for name in names)]

    def block(start):
        rows = slice(start, start + SIZE)
        return tuple(part if part is None else part[rows] for part in parts)

    return [block(start) for start in range(0, N, SIZE)]


@pytest.mark.parametrize(
    ("model", "y", "columns", "settings"), STREAMS, ids=lambda v: type(v).__name__
)
def test_a_stream_learns_from_each_block(model, y, columns, settings):
    blocks = blocks_of(y, columns)
    model = clone(model).set_params(random_state=0)
    stored = StoredBlocks([lambda block=block: block for block in blocks])
    learned = clone(model).partial_fit(stored, **settings)
    groups_are = "strata" if isinstance(model, SGDSurvival) else "groups"
    names = "sample_weight", "offset", groups_are
    for rows, targets, *rest in blocks:
        parts = {name: v for name, v in zip(names, rest) if v is not None}
        model.partial_fit(rows, targets, **parts, **settings)
    attribute = "coef_" if hasattr(model, "coef_") else "components_"
    for found, expected in zip(
        np.atleast_1d(getattr(learned, attribute)),
        np.atleast_1d(getattr(model, attribute)),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)


def test_what_a_stream_cannot_take_from_blocks():
    stored = StoredBlocks(
        [lambda block=block: block for block in blocks_of(CODES, {"offset": OFFSET})]
    )
    with pytest.raises(TypeError, match="Block 0 has an offset, which SGDEmbedding"):
        SGDEmbedding().partial_fit(stored)
    model = SGDRegressor()
    with pytest.raises(TypeError, match="got y beside blocks of rows"):
        model.partial_fit(stored, CODES)
    with pytest.raises(ValueError, match="requires y to be passed"):
        model.partial_fit(X)
    assert not hasattr(model, "coef_")
    for model, *_ in [*STREAMS, (LinearMultiTask(TASKS),), (LinearEmbedding(),)]:
        with pytest.raises(TypeError, match=r"X are blocks.*partial_fit of SGD"):
            clone(model).fit(stored)
