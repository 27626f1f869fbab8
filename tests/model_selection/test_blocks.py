"""LossSearchCV of rows in blocks: what the same folds of rows at hand give."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_losses import (
    AbsoluteError,
    CrossEntropy,
    Huber,
    LinearClassifier,
    LinearRegressor,
    LogLoss,
    LossSearchCV,
    Poisson,
    PseudoHuber,
    Quantile,
    SGDRegressor,
    SquaredError,
    SquaredHinge,
    StoredBlocks,
)
from sklearn_losses.model_selection._block_folds import BlockFolds
from sklearn_losses.problem._posed import data_of

RNG = np.random.default_rng(0)
N, D, ROWS = 600, 3, 110
X = RNG.normal(size=(N, D)) * [1.0, 10.0, 0.1] + [0.0, 5.0, 100.0]
Z = (X - X.mean(axis=0)) / X.std(axis=0) @ [1.0, -0.5, 0.3]
Y = Z + RNG.standard_t(3, size=N)
LABELS = np.array(["low", "middle", "high"])[np.digitize(Y, [-1.0, 1.0])]
WEIGHT = RNG.integers(0, 3, size=N).astype(float)
OFFSET = RNG.normal(size=N)
ALPHAS = [1.0, 0.1, 1e-3]


def folds_of(y, has_labels, n_folds=3):
    """The folds that blocks have, as splits of all rows."""
    folds, parts = BlockFolds(n_folds, has_labels), []
    for start in range(0, N, ROWS):
        rows = slice(start, start + ROWS)
        parts.append(folds.of(data_of((X[rows], y[rows]))))
    which = np.concatenate(parts)
    assert np.bincount(which).min() > N / n_folds - 10
    return [(np.flatnonzero(which != k), np.flatnonzero(which == k)) for k in (0, 1, 2)]


CASES = {
    "losses": (LinearRegressor(), [PseudoHuber(), SquaredError()], Y),
    "counts": (LinearRegressor(), [Poisson()], RNG.poisson(np.exp(Z / 4)) * 1.0),
    "binary": (LinearClassifier(), [LogLoss(), SquaredHinge()], LABELS == "low"),
    "one versus rest": (LinearClassifier(), [LogLoss()], LABELS),
    "joint": (LinearClassifier(), [CrossEntropy()], LABELS),
}


@pytest.mark.parametrize("given", ["plain", "weights and offset"])
@pytest.mark.parametrize("name", CASES)
def test_newton_is_that_of_the_same_folds(name, given):
    model, losses, y = CASES[name]
    model.set_params(tol=1e-9)
    classes = len(np.unique(y)) if isinstance(model, LinearClassifier) else 1
    offset = OFFSET if classes < 3 else OFFSET[:, None] * np.arange(3.0)
    data = {} if given == "plain" else {"sample_weight": WEIGHT, "offset": offset}
    scoring = {"losses": AbsoluteError(), "binary": "accuracy"}.get(name, losses[0])
    settings = dict(losses=losses, alphas=ALPHAS, scoring=scoring)
    blocks = StoredBlocks.arrays(X, y, *data.values(), n_rows=ROWS)
    there = LossSearchCV(model, cv=3, method="newton", **settings).fit(blocks)
    splits = folds_of(y, classes > 1)
    here = LossSearchCV(model, cv=splits, method="exact", **settings).fit(X, y, **data)
    assert set(there.cv_results_["method"]) == {"newton"}
    _assert_same(there, here, rtol=0.05 if scoring == "accuracy" else 4e-3)
    assert there.best_estimator_.coef_ == pytest.approx(
        here.best_estimator_.coef_, rel=1e-3
    )


def _assert_same(there, here, rtol):
    for name, value in there.cv_results_.items():
        if name.startswith("split"):
            np.testing.assert_allclose(value, here.cv_results_[name], rtol=rtol)
    np.testing.assert_array_equal(
        there.cv_results_["n_rows"], here.cv_results_["n_rows"]
    )
    assert str(there.cv_results_["params"]) == str(here.cv_results_["params"])


@pytest.mark.parametrize("losses", [[Quantile(0.8)], [Huber()]], ids=str)
def test_fits_are_those_of_the_same_folds(losses):
    model = LinearRegressor(penalty="l1")
    settings = dict(losses=losses, alphas=[0.1, 0.01])
    blocks = StoredBlocks.arrays(X, Y, n_rows=ROWS)
    there = LossSearchCV(model, cv=3, **settings).fit(blocks)
    here = LossSearchCV(model, cv=folds_of(Y, False), **settings).fit(X, Y)
    assert set(there.cv_results_["method"]) == {"exact"}
    _assert_same(there, here, rtol=1e-4)
    assert (there.cv_results_["gap"] < 1e-5).all()
    assert there.score(blocks) == pytest.approx(here.score(X, Y), rel=1e-4)


def test_homes_and_small_blocks():
    """Blocks of no rows, of two, and of CSR rows, with paths of alphas."""
    da = pytest.importorskip("dask.array")
    settings = dict(losses=[LogLoss()], alphas=3, cv=4)
    y, ends = (Y > 0) * 1, (0, 2, 302, 302, N)
    cuts = [slice(*both) for both in pairwise(ends)]
    stored = StoredBlocks([lambda c=c: (X[c], y[c]) for c in cuts])
    one = LossSearchCV(LinearClassifier(), **settings).fit(stored)
    chunks = tuple(np.diff(ends).tolist())
    rows = da.from_array(X, chunks=(chunks, D)), da.from_array(y, chunks=(chunks,))
    two = LossSearchCV(LinearClassifier(), **settings).fit(*rows)
    some = StoredBlocks(
        [*stored.blocks[:3], lambda: (sparse.csr_matrix(X[302:]), y[302:])]
    )
    three = LossSearchCV(LinearClassifier(), **settings).fit(some)
    assert one.n_splits_ == 4
    scores = [found.cv_results_["mean_test_score"] for found in (one, two, three)]
    np.testing.assert_array_equal(*scores[:2])
    np.testing.assert_allclose(scores[2], scores[0], rtol=0.05)  # other folds
    assert isinstance(two.predict_proba(rows[0]), da.Array)
    assert two.score(*rows) == pytest.approx(two.score(X, y), rel=1e-9)


BLOCKS = StoredBlocks.arrays(X, Y, n_rows=ROWS)
RARE = np.where(np.arange(N) == 7, "rare", LABELS)


@pytest.mark.parametrize(
    ("search", "blocks", "error", "message"),
    [
        ({"cv": [(0, 1)]}, BLOCKS, ValueError, "'cv' .* folds are cut within each"),
        ({"cv": 1}, BLOCKS, ValueError, "'cv' .* must be >= 2"),
        ({"cv": 700}, BLOCKS, ValueError, "Fold 0 of 'cv' has no row to test with"),
        ({"race": True}, BLOCKS, ValueError, "'race' .*Use race=False"),
        ({"n_jobs": 2}, BLOCKS, ValueError, "'n_jobs' .* works on them"),
        ({"scoring": "r2"}, BLOCKS, ValueError, "'scoring' .* no mean over rows"),
        ({"method": "loo"}, BLOCKS, ValueError, "not left out one by one"),
        ({"estimator": SGDRegressor()}, BLOCKS, TypeError, "cannot fit rows in blocks"),
        (
            {"estimator": make_pipeline(StandardScaler(), LinearRegressor())},
            BLOCKS,
            ValueError,
            "a Pipeline transforms rows in one place",
        ),
        (
            {"estimator": LinearClassifier(), "losses": ["log_loss"]},
            StoredBlocks.arrays(X, RARE, n_rows=ROWS),
            ValueError,
            "no row of the class 'rare' to train with",
        ),
        (
            {"losses": [Huber(scale="mad")], "scoring": AbsoluteError()},
            BLOCKS,
            ValueError,
            "Use a number for the scale",
        ),
        ({}, StoredBlocks.arrays(X * np.nan, Y), ValueError, "Block 0: X is nan in"),
    ],
)
def test_what_cannot_be_done_is_said(search, blocks, error, message):
    settings = {"estimator": LinearRegressor(), "losses": [Huber()], "alphas": [1.0]}
    with pytest.raises(error, match=message):
        LossSearchCV(**settings | search).fit(blocks)


def test_groups_are_refused():
    with pytest.raises(TypeError, match="got 'groups' with rows in blocks"):
        LossSearchCV(LinearRegressor(), [Huber()]).fit(BLOCKS, groups=np.ones(N))


def test_metrics_of_others_are_not_of_blocks():
    found = LossSearchCV(LinearRegressor(), [Huber()], alphas=[0.1]).fit(X, Y)
    assert found.score(BLOCKS) == pytest.approx(found.score(X, Y))
    assert isinstance(LinearRegression().fit(X, Y).score(X, Y), float)
