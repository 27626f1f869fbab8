"""Rankings and proportional hazards of rows in blocks that have whole groups."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone

from sklearn_losses import (
    CoxPH,
    LambdaRank,
    LinearRanker,
    LinearSurvival,
    ListNet,
    LossSearchCV,
    PairwiseHinge,
    PairwiseLogistic,
    PlackettLuce,
    RowBlocks,
    StoredBlocks,
    WeibullAFT,
    influence,
    loss_scorer,
    ranking_target,
    standard_errors,
    survival_target,
)

RNG = np.random.default_rng(0)
N, D = 1000, 4
X = RNG.normal(size=(N, D)) * np.logspace(0, 2, D) + [0.0, 3.0, 0.0, 1000.0]
RAW = (X - X.mean(axis=0)) @ (np.linspace(-1.0, 1.0, D) / X.std(axis=0))
GROUPS = np.sort(RNG.integers(0, 60, size=N))
RELEVANCE = np.digitize(RAW + RNG.normal(size=N), [-1.0, 0.0, 1.0]).astype(float)
ENDS = RNG.exponential(2.0, size=N)
TIME = RNG.exponential(np.exp(-RAW)).round(2) + 0.01
TARGET = survival_target(TIME <= ENDS, np.minimum(TIME, ENDS))
WEIGHT = RNG.integers(0, 3, size=N).astype(float)
OFFSET = RNG.normal(size=N)


class Elsewhere(RowBlocks):
    def __init__(self, blocks):
        self.blocks = blocks

    def __len__(self):
        return len(self.blocks)

    def map(self, task, *args):
        return [task(block, *args) for block in self.blocks]


def cut(*arrays, n_rows=90):
    """Blocks that end where groups do."""
    return list(StoredBlocks.arrays(*arrays, n_rows=n_rows, groups=GROUPS).map(tuple))


MODELS = {
    "pairs": (LinearRanker(PairwiseLogistic()), RELEVANCE),
    "lists": (LinearRanker(ListNet(), penalty="l1", alpha=0.01), RELEVANCE),
    "orders": (LinearRanker(PlackettLuce(), bounds=(-0.5, None)), RELEVANCE),
    "cox": (LinearSurvival(penalty=None), TARGET),
    "efron": (LinearSurvival(CoxPH(ties="efron"), alpha=0.01), TARGET),
}


@pytest.mark.parametrize("given", [(None, None), (WEIGHT, OFFSET)], ids=["", "weights"])
@pytest.mark.parametrize("name", MODELS)
def test_coefficients_are_those_of_all_rows(name, given):
    model, y = MODELS[name]
    here = clone(model).set_params(tol=1e-13).fit(X, y, given[0], GROUPS, given[1])
    there = clone(model).fit(Elsewhere(cut(X, y, *given)))
    scale = np.abs(here.coef_).max()
    np.testing.assert_allclose(there.coef_, here.coef_, rtol=1e-6, atol=1e-8 * scale)
    assert there.objective_ <= here.objective_ * (1 + 1e-14)
    assert there.objective_ - there.gap_ <= here.objective_ * (1 + 1e-12)
    assert there.gap_ < 1e-6


def test_coefficients_do_not_depend_on_the_blocks():
    model, y = MODELS["pairs"]
    coef = model.fit(Elsewhere(cut(X, y, n_rows=N))).coef_
    np.testing.assert_allclose(model.fit(Elsewhere(cut(X, y))).coef_, coef, rtol=1e-10)
    assert model.n_queries_used_ == 60


def test_a_loss_with_kinks():
    here = LinearRanker(PairwiseHinge()).fit(X, RELEVANCE, groups=GROUPS)
    there = LinearRanker(PairwiseHinge()).fit(Elsewhere(cut(X, RELEVANCE)))
    assert there.objective_ - there.gap_ <= here.objective_
    assert here.objective_ - here.gap_ <= there.objective_
    assert there.gap_ < 1e-5


@pytest.mark.parametrize(
    "form", [sparse.csr_matrix, pd.DataFrame, np.float32], ids=["csr", "frame", "f32"]
)
def test_forms_of_blocks(form):
    blocks = [(form(rows), *rest) for rows, *rest in cut(X, RELEVANCE)]
    model = LinearRanker().fit(Elsewhere(blocks))
    here = LinearRanker(tol=1e-12).fit(X, RELEVANCE, groups=GROUPS)
    rtol = 1e-4 if form is np.float32 else 1e-6
    np.testing.assert_allclose(model.coef_, here.coef_, rtol=rtol)


def test_many_rows_begin_with_whole_groups_of_some():
    groups = np.repeat(np.arange(6000), 10)
    rows = RNG.normal(size=(60_000, 3))
    y = np.digitize(rows.sum(axis=1) + RNG.normal(size=60_000), [0.0, 1.0])
    blocks = StoredBlocks.arrays(rows, y, n_rows=10_000, groups=groups)
    model = LinearRanker().fit(blocks)
    assert model.n_iter_ <= 7
    here = LinearRanker(tol=1e-12).fit(rows, y, groups=groups)
    np.testing.assert_allclose(model.coef_, here.coef_, rtol=1e-6)


def test_baselines_are_those_of_all_strata():
    here = LinearSurvival(tol=1e-13).fit(X, TARGET, WEIGHT, GROUPS)
    there = LinearSurvival().fit(Elsewhere(cut(X, TARGET, WEIGHT)))
    assert list(there.baseline_) == list(here.baseline_)
    for method in ("predict_survival_function", "predict_median"):
        one, two = (
            getattr(model, method)(X[:50], strata=GROUPS[:50])
            for model in (here, there)
        )
        np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-12)


def test_scores_are_sums():
    given = WEIGHT, GROUPS
    model, blocks = LinearRanker(), Elsewhere(cut(X, RELEVANCE, WEIGHT))
    scorer = loss_scorer(ListNet())
    wanted = model.fit(blocks).score(X, RELEVANCE, *given)
    assert model.score(blocks) == pytest.approx(wanted, rel=1e-12)
    wanted = scorer(model, X, RELEVANCE, WEIGHT, groups=GROUPS)
    assert scorer(model, blocks) == pytest.approx(wanted, rel=1e-12)
    model, blocks = LinearSurvival(), Elsewhere(cut(X, TARGET, WEIGHT))
    wanted = model.fit(blocks).score(X, TARGET, *given)
    assert model.score(blocks) == pytest.approx(wanted, rel=1e-12)
    scorer = loss_scorer("cox")
    wanted = scorer(model, X, TARGET, WEIGHT, strata=GROUPS)
    assert scorer(model, blocks) == pytest.approx(wanted, rel=1e-12)


def test_targets_may_name_their_queries():
    model, own = LinearRanker(), cut(X, RELEVANCE)
    coef = model.fit(Elsewhere(own)).coef_
    of_blocks = [(x, ranking_target(y, g)) for x, y, _, _, g in own]
    np.testing.assert_array_equal(model.fit(Elsewhere(of_blocks)).coef_, coef)
    y = ranking_target(RELEVANCE, GROUPS)
    of_all = [(x, y[g[0] <= GROUPS][: len(x)]) for x, _, _, _, g in own]
    np.testing.assert_array_equal(model.fit(Elsewhere(of_all)).coef_, coef)


def test_files_of_groups(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = dict(zip("abcd", X.T)) | {"event": TARGET["event"], "g": GROUPS}
    table = pd.DataFrame(columns | {"time": TARGET["time"]})
    for k, (_, rows) in enumerate(table.groupby(GROUPS // 20)):
        rows.to_parquet(tmp_path / f"{k}.parquet")
    assert parquet
    blocks = StoredBlocks.parquet(tmp_path, ["event", "time"], groups="g")
    there = LinearSurvival().fit(blocks)
    here = LinearSurvival(tol=1e-13).fit(X, TARGET, strata=GROUPS)
    assert there.n_features_in_ == 4
    np.testing.assert_allclose(there.coef_, here.coef_, rtol=1e-6)


def test_blocks_of_dataframes():
    pd = pytest.importorskip("pandas")
    of_X, of_y = pd.DataFrame(X, columns=list("abcd")), pd.DataFrame(TARGET)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        there = LinearSurvival().fit(Elsewhere([(of_X, of_y, None, None, GROUPS)]))
    assert there.feature_names_in_.tolist() == list("abcd")


def test_empty_blocks_and_groups_that_say_nothing():
    blocks = cut(X, RELEVANCE)
    nothing = tuple(None if part is None else part[:0] for part in blocks[0])
    same = X[:5], np.ones(5), None, None, np.full(5, 77)
    model = LinearRanker()
    coef = model.fit(Elsewhere(blocks)).coef_
    some = Elsewhere([nothing, *blocks[:3], same, *blocks[3:]])
    np.testing.assert_allclose(model.fit(some).coef_, coef, rtol=1e-2)
    assert model.n_queries_used_ == 60


SPLIT = [(X[:500], RELEVANCE[:500], None, None, GROUPS[:500])]
SPLIT += [(X[500:], RELEVANCE[500:], None, None, GROUPS[500:])]
OF_ALL = ranking_target(RELEVANCE, GROUPS)
NAMES = np.array([f"query {g}" for g in GROUPS])


@pytest.mark.parametrize(
    ("model", "blocks", "message"),
    [
        (LinearRanker(), SPLIT, "Blocks 0 and 1 have rows of the same group"),
        (
            LinearRanker(),
            [
                (X[:500], RELEVANCE[:500], None, None, NAMES[:500]),
                (X[500:], RELEVANCE[500:], None, None, NAMES[500:]),
            ],
            "rows of the same group",
        ),
        (
            LinearRanker(),
            [(X[:500], OF_ALL[:500]), (X[500:], OF_ALL[500:])],
            "rows of the same group",
        ),
        (LinearRanker(), [(X, RELEVANCE)], "Block 0: Rankings of rows .* need queries"),
        (LinearSurvival(), [(X, TARGET)], "Block 0: .* need strata=, whole ones"),
        (LinearRanker(), [(X, np.ones(N), None, None, GROUPS)], "nothing to compare"),
        (
            LinearSurvival(),
            [(X, survival_target(np.zeros(N, bool), TIME), None, None, GROUPS)],
            "nothing to compare among n_samples=1000",
        ),
        (LinearRanker(LambdaRank()), cut(X, RELEVANCE), "fits the orders of all rows"),
        (LinearSurvival(WeibullAFT()), cut(X, TARGET), "Block 0: there are groups"),
        (
            LinearSurvival(),
            cut(X, survival_target(RNG.integers(0, 3, N), TIME)),
            "which of several causes",
        ),
    ],
)
def test_refusals(model, blocks, message):
    with pytest.raises(ValueError, match=message):
        model.fit(Elsewhere(blocks))
    assert not hasattr(model, "coef_")


def test_what_needs_groups_in_one_place():
    blocks = Elsewhere(cut(X, RELEVANCE))
    with pytest.raises(ValueError, match="dealt out to folds, and not groups"):
        LossSearchCV(LinearRanker(), [ListNet()]).fit(blocks)
    model = LinearRanker().fit(blocks)
    with pytest.raises(TypeError, match="influence needs rows in one place"):
        influence(model, blocks, None)
    blocks = Elsewhere(cut(X, TARGET))
    with pytest.raises(ValueError, match="dealt out to folds, and not strata"):
        LossSearchCV(LinearSurvival(), [CoxPH()]).fit(blocks)
    model = LinearSurvival(penalty=None).fit(blocks)
    with pytest.raises(TypeError, match="standard_errors needs rows in one place"):
        standard_errors(model, blocks, None)
