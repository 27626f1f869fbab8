"""Ordered classes, and parameters that are fitted, of rows in blocks."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

from sklearn_losses import (
    AllThreshold,
    BetaBinomial,
    BinomialTrials,
    Censored,
    CumulativeProbit,
    GammaDistribution,
    GaussianDistribution,
    Hinge,
    LaplaceDistribution,
    LinearOrdinalClassifier,
    LinearRegressor,
    LinearSurvival,
    NegativeBinomial,
    Quantiles,
    RowBlocks,
    StoredBlocks,
    WeibullAFT,
    ZeroInflated,
    loss_scorer,
    survival_target,
)

RNG = np.random.default_rng(0)
N, D = 1000, 4
X = RNG.normal(size=(N, D)) * np.logspace(0, 2, D) + [0.0, 3.0, 0.0, 1000.0]
RAW = RNG.normal(size=N) + (X - X.mean(axis=0)) @ (np.ones(D) / X.std(axis=0))
COUNTS = RNG.poisson(np.exp(RAW / 4)).astype(float)
SIZES = ["small", "medium", "large", "huge"]
LABELS = np.array(SIZES)[np.digitize(RAW, [-2.0, 0.0, 3.0])]
WEIGHT = RNG.integers(0, 3, size=N).astype(float)
OFFSET = 0.1 * RNG.normal(size=N)
SEEN = RNG.uniform(size=N) < 0.6
ENDS = np.column_stack([RAW, np.where(SEEN, RAW, np.inf)])
TIMES = survival_target(SEEN, np.exp(RAW / 4))
WON = RNG.binomial(5, 1 / (1 + np.exp(-RAW / 4)))
TRIALS = np.column_stack([WON, 5.0 - WON])

ORDINAL = LinearOrdinalClassifier(categories=SIZES)
MODELS = {
    "logit": (ORDINAL, LABELS),
    "balanced": (
        LinearOrdinalClassifier(
            CumulativeProbit(), categories=SIZES, class_weight="balanced"
        ),
        LABELS,
    ),
    "l1": (
        LinearOrdinalClassifier(
            "all_threshold", categories=SIZES, penalty="l1", alpha=0.05
        ),
        LABELS,
    ),
    "gauss": (LinearRegressor(GaussianDistribution()), RAW),
    "scale by features": (
        LinearRegressor(GaussianDistribution(), features={"scale": [0, 1]}),
        RAW,
    ),
    "through 0": (LinearRegressor(GaussianDistribution(), fit_intercept=False), RAW),
    "gamma": (LinearRegressor(GammaDistribution(), alpha=0.01), np.exp(RAW / 4)),
    "counts": (LinearRegressor(NegativeBinomial(dispersion="mle")), COUNTS),
    "zeros": (LinearRegressor(ZeroInflated()), COUNTS),
    "times": (LinearSurvival(WeibullAFT()), TIMES),
    "one scale": (LinearSurvival(WeibullAFT(scale=1.0), penalty="l1"), TIMES),
    "intervals": (LinearRegressor(Censored()), ENDS),
    "trials": (LinearRegressor(BinomialTrials()), TRIALS),
    "varying trials": (LinearRegressor(BetaBinomial(), alpha=0.1), TRIALS),
}


PARALLEL = Quantiles([0.2, 0.8], crossing="parallel")
HINGES = AllThreshold(Hinge())
KINKED = {
    "laplace": (LinearRegressor(LaplaceDistribution()), RAW),
    "scale": (LinearRegressor(LaplaceDistribution(), features={"scale": [0]}), RAW),
    "levels": (LinearRegressor(PARALLEL, penalty="l1", alpha=0.01), RAW),
    "hinges": (LinearOrdinalClassifier(HINGES, categories=SIZES), LABELS),
}


class Elsewhere(RowBlocks):
    def __init__(self, *arrays, n_rows=90):
        self.blocks = list(StoredBlocks.arrays(*arrays, n_rows=n_rows).map(tuple))

    def __len__(self):
        return len(self.blocks)

    def map(self, task, *args):
        return [task(block, *args) for block in self.blocks]


def numbers_of(model):
    """All that a fit has found."""
    found = [model.coef_, model.intercept_, getattr(model, "thresholds_", ())]
    for coef, intercept in getattr(model, "predictors_", {}).values():
        found += [coef, intercept]
    fitted = (getattr(model.loss_, name, "") for name in model.loss_.outputs[1:])
    found += [number for number in fitted if isinstance(number, float)]
    return np.concatenate([np.ravel(part) for part in found])


@pytest.mark.parametrize("given", [(None, None), (WEIGHT, OFFSET)], ids=["", "weights"])
@pytest.mark.parametrize("name", MODELS)
def test_numbers_are_those_of_all_rows(name, given):
    model, y = MODELS[name]
    weight, offset = given
    here = clone(model).set_params(tol=1e-12)
    here.fit(X, y, sample_weight=weight, offset=offset)
    there = clone(model).fit(Elsewhere(X, y, *given))
    wanted, found = numbers_of(here), numbers_of(there)
    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-9)
    assert there.objective_ == pytest.approx(here.objective_, rel=1e-12)
    assert np.isnan(there.gap_) == np.isnan(here.gap_)
    if not np.isnan(there.gap_):
        assert there.gap_ < 1e-6


@pytest.mark.parametrize("given", [(None, None), (WEIGHT, OFFSET)], ids=["", "weights"])
@pytest.mark.parametrize("name", KINKED)
def test_kinks_of_few_rows_are_fitted_here(name, given):
    model, y = KINKED[name]
    weight, offset = given
    here = clone(model).fit(X, y, sample_weight=weight, offset=offset)
    there = clone(model).fit(Elsewhere(X, y, *given))
    assert there.n_iter_ == 1
    assert there.objective_ == pytest.approx(here.objective_, rel=1e-6)
    numbers = numbers_of(there), numbers_of(here)
    np.testing.assert_allclose(*numbers, rtol=0.01, atol=0.01)


@pytest.mark.parametrize("name", KINKED)
def test_kinks_of_many_rows(name):
    model, _ = KINKED[name]
    rows = RNG.normal(size=(60_000, 4)) * [1.0, 100.0, 1e-3, 1.0]
    y = rows @ [1.0, -0.02, 500.0, 0.3] + RNG.laplace(size=len(rows))
    y = np.array(SIZES)[np.digitize(y, [-2, 0, 2])] if name == "hinges" else y
    there = clone(model).fit(StoredBlocks.arrays(rows, y, n_rows=7000))
    here = clone(model).fit(rows, y)
    assert there.n_iter_ <= 12
    gain = abs(here.objective_) * 1e-6
    assert there.objective_ <= here.objective_ + gain
    assert np.isnan(there.gap_) == np.isnan(here.gap_)
    if not np.isnan(there.gap_):  # each holds, whatever the other finds
        assert there.gap_ <= gain
        assert there.objective_ - there.gap_ <= here.objective_ * (1 + 1e-12)
        assert here.objective_ - here.gap_ <= there.objective_ * (1 + 1e-12)


@pytest.mark.parametrize("name", ["logit", "gauss"])
def test_many_rows_take_few_passes(name):
    model, _ = MODELS[name]
    rows = RNG.normal(size=(60_000, 3))
    y = rows.sum(axis=1) + RNG.logistic(size=len(rows))
    y = np.array(SIZES)[np.digitize(y, [-2, 0, 2])] if name == "logit" else y
    there = clone(model).fit(StoredBlocks.arrays(rows, y, n_rows=7000))
    here = clone(model).set_params(tol=1e-12).fit(rows, y)
    assert there.n_iter_ <= 6
    np.testing.assert_allclose(there.coef_, here.coef_, rtol=1e-10)


def test_a_class_of_two_rows_is_not_forgotten():
    rows = RNG.normal(size=(50_000, 2))
    y = np.digitize(rows.sum(axis=1) + RNG.logistic(size=len(rows)), [-1.0, 1.0])
    y[y == 2] = 3
    y[[7, 40_007]] = 2
    there = LinearOrdinalClassifier().fit(StoredBlocks.arrays(rows, y, n_rows=9000))
    here = LinearOrdinalClassifier(tol=1e-12).fit(rows, y)
    np.testing.assert_allclose(there.coef_, here.coef_, rtol=1e-9)
    np.testing.assert_allclose(there.thresholds_, here.thresholds_, rtol=1e-6)


def test_cuts_and_forms_make_no_difference():
    one = clone(ORDINAL).fit(Elsewhere(X, LABELS, n_rows=N))
    two = clone(ORDINAL).fit(Elsewhere(sparse.csr_array(X), LABELS, n_rows=70))
    np.testing.assert_allclose(one.coef_, two.coef_, rtol=1e-9)
    assert one.classes_.tolist() == two.classes_.tolist() == SIZES


def test_a_class_in_no_block_has_no_probability():
    model = LinearOrdinalClassifier(categories=[*SIZES, "more"])
    with pytest.warns(UserWarning, match="No row of y has the class 'more'"):
        model.fit(Elsewhere(X, LABELS))
    assert model.thresholds_[-1] == np.inf
    with pytest.raises(ValueError, match="'huge' in y, which is not among"):
        LinearOrdinalClassifier(categories=SIZES[:3]).fit(Elsewhere(X, LABELS))


def test_scores_are_sums():
    model, blocks = clone(ORDINAL), Elsewhere(X, LABELS, WEIGHT)
    wanted = model.fit(blocks).score(X, LABELS, WEIGHT)
    assert model.score(blocks) == pytest.approx(wanted, rel=1e-12)
    model, blocks = LinearRegressor(GaussianDistribution()), Elsewhere(X, RAW, WEIGHT)
    scorer = loss_scorer(GaussianDistribution())
    wanted = scorer(model.fit(blocks), X, RAW, WEIGHT)
    assert scorer(model, blocks) == pytest.approx(wanted, rel=1e-12)


def test_scores_of_intervals_are_likelihoods():
    model = LinearRegressor(Censored()).fit(Elsewhere(X, ENDS, WEIGHT))
    wanted = model.score(X, ENDS, WEIGHT)
    assert model.score(Elsewhere(X, ENDS, WEIGHT)) == pytest.approx(wanted, rel=1e-12)


def test_a_rare_event_is_not_forgotten():
    rows = RNG.normal(size=(60_000, 2))
    y = survival_target(np.arange(60_000) % 20_000 == 7, np.exp(rows.sum(axis=1)))
    model = LinearSurvival(WeibullAFT(scale=1.0), alpha=0.1)
    there = clone(model).fit(StoredBlocks.arrays(rows, y, n_rows=20_000))
    here = clone(model).set_params(tol=1e-12).fit(rows, y)
    np.testing.assert_allclose(there.coef_, here.coef_, atol=1e-9)
    assert len(there.predict_survival_function(rows[:3])) == 3


@pytest.mark.parametrize("is_nullable", [False, True])
def test_frames_of_times_say_which_column_is_which(is_nullable):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"event": TIMES["event"], "time": TIMES["time"]})
    frame["event"] = frame["event"].astype("boolean" if is_nullable else float)
    model = LinearSurvival(WeibullAFT())
    wanted = model.fit(X, TIMES).coef_
    np.testing.assert_array_equal(model.fit(X, frame).coef_, wanted)
    there = clone(model).fit(StoredBlocks([lambda: (X, frame)]))
    np.testing.assert_allclose(there.coef_, wanted, rtol=1e-6)
    scorer = loss_scorer(WeibullAFT())
    assert scorer(model, X, frame) == scorer(model, X, TIMES)
    assert model.score(X, frame) == model.score(X, TIMES)
    blocks = StoredBlocks([lambda: (X, frame)])
    assert scorer(model, blocks) == pytest.approx(scorer(model, X, TIMES), rel=1e-12)
    censored = LinearRegressor(Censored())
    of_frame = clone(censored).fit(X, frame).coef_
    np.testing.assert_array_equal(of_frame, censored.fit(X, TIMES).coef_)


def test_times_alone_are_those_of_events():
    there = LinearSurvival(WeibullAFT()).fit(Elsewhere(X, TIMES["time"]))
    here = LinearSurvival(WeibullAFT(), tol=1e-12).fit(X, TIMES["time"])
    np.testing.assert_allclose(there.coef_, here.coef_, atol=1e-9)


def test_strata_of_times_are_refused():
    blocks = StoredBlocks.arrays(X, TIMES, groups=np.zeros(N))
    with pytest.raises(ValueError, match="Block 0: there are groups, or strata"):
        LinearSurvival(WeibullAFT()).fit(blocks)


def test_quantiles_side_by_side():
    model = LinearRegressor(Quantiles([0.2, 0.8], crossing="sort"))
    there = clone(model).fit(Elsewhere(X, RAW))
    here = clone(model).fit(X, RAW)
    assert (there.objective_ - there.gap_ <= here.objective_).all()
    assert (here.objective_ - here.gap_ <= there.objective_).all()
    with pytest.raises(TypeError, match="needs rows in one place"):
        there.score(Elsewhere(X, RAW))


@pytest.mark.parametrize(
    ("model", "y", "message"),
    [
        (LinearRegressor(BetaBinomial()), ENDS, "Block 0: .*BetaBinomial.* needs"),
        (LinearRegressor("huber"), TRIALS, "Block 0: y must have one column"),
        (LinearRegressor("poisson"), TIMES, "Block 0: y must .* event, time"),
        (LinearOrdinalClassifier(), TRIALS, "Block 0: y must have one column"),
        (LinearSurvival(WeibullAFT()), ENDS, "Block 0: Times and events must be surv"),
        (LinearOrdinalClassifier(), np.ones(N), "at least two classes"),
        (LinearOrdinalClassifier(), RAW, "Block 0: Unknown label type: continuous"),
    ],
)
def test_refusals(model, y, message):
    with pytest.raises(ValueError, match=message):
        model.fit(Elsewhere(X, y))
