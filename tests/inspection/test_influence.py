"""What a row did to a fit: against statsmodels, and against fits without it."""

import pickle

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_losses import (
    L2,
    MCP,
    SCAD,
    SLOPE,
    Barron,
    CrossEntropy,
    Gamma,
    GaussianDistribution,
    GroupLasso,
    Huber,
    LinearClassifier,
    LinearRegressor,
    LogCosh,
    LogLoss,
    MultiTask,
    Poisson,
    PseudoHuber,
    Quantile,
    RowBlocks,
    SparseGroupLasso,
    SquaredError,
    SquaredHinge,
    TukeyBiweight,
    TunedRegressor,
    contributions,
    influence,
    standard_errors,
)
from sklearn_losses.losses._links import IdentityLink
from tests.cases import each

RNG = np.random.default_rng(0)
N = 150
SPREADS = np.array([1.0, 30.0, 0.1, 1.0])
X = RNG.normal(size=(N, 4)) * SPREADS + [0.0, 100.0, 3.0, 0.0]
SIGNAL = (X - X.mean(axis=0)) / SPREADS @ [1.0, -0.5, 0.3, 0.0]
Y = SIGNAL + RNG.standard_t(3, size=N)
LABELS = (Y > 0).astype(int)
THREE = np.digitize(Y, [-0.7, 0.7])
WEIGHT = RNG.integers(0, 4, N).astype(float)


def target(loss):
    if loss.task == "binary":
        return LABELS
    if loss.task == "multiclass":
        return THREE
    return Y if loss.link == IdentityLink() else np.exp(Y / 4)


def model_of(loss, **settings):
    kind = LinearRegressor if loss.task == "regression" else LinearClassifier
    return kind(loss, tol=1e-11, max_iter=5000, **settings)


def coefs(model):
    return np.column_stack([np.atleast_2d(model.coef_), model.intercept_])


def refits(model, X, y, rows, weight=None, offset=None):
    """Fits without a row."""
    weight = np.ones(len(y)) if weight is None else weight
    for i in rows:
        without = weight.copy()
        without[i] = 0.0
        yield i, clone(model).fit(X, y, without, offset)


# --------------------------------------------------------------------- statsmodels
def test_least_squares_against_statsmodels():
    model = LinearRegressor("squared_error", penalty=None).fit(X, Y)
    found = influence(model, X, Y)
    known = sm.OLS(Y, np.column_stack([X, np.ones(N)])).fit().get_influence()
    assert_allclose(found.leverage, known.hat_matrix_diag, rtol=1e-10)
    assert_allclose(found.distance, known.hat_matrix_diag, rtol=1e-10)
    assert_allclose(found.cook, known.cooks_distance[0], rtol=1e-10)
    assert_allclose(found.dfbeta, known.dfbeta, rtol=1e-10, atol=1e-12)
    left_out = 0.5 * known.resid_press**2
    assert_allclose(found.loss_left_out, left_out, rtol=1e-10)
    assert_allclose(found.dispersion, known.results.mse_resid, rtol=1e-10)
    assert_allclose(found.n_effective, 5.0, rtol=1e-12)
    assert_allclose(found.dfbetas, known.dfbetas, rtol=1e-9, atol=1e-12)


@each([LogLoss(), Poisson()])
def test_likelihoods_against_statsmodels(loss):
    y = LABELS if loss.task == "binary" else np.floor(np.exp(Y / 4))
    known = {"binary": sm.families.Binomial, "regression": sm.families.Poisson}
    family = known[loss.task]()
    found = influence(model_of(loss, penalty=None).fit(X, y), X, y)
    design = np.column_stack([X, np.ones(N)])
    known = sm.GLM(y, design, family).fit(tol=1e-16, maxiter=200).get_influence()
    assert_allclose(found.leverage, known.hat_matrix_diag, rtol=1e-10)
    assert_allclose(found.cook, known.cooks_distance[0], rtol=1e-10, atol=1e-15)
    size = np.abs(known.d_params).max(axis=0)
    assert_allclose(found.dfbeta / size, known.d_params / size, atol=1e-10)
    # statsmodels' standard errors are those of the step before its last.
    assert_allclose(found.dfbetas, known.dfbetas, rtol=1e-8, atol=1e-12)


# ------------------------------------------------------------------ fits without a row
RIDGES = [
    dict(penalty=None),
    dict(alpha=0.3),
    dict(alpha=0.3, fit_intercept=False),
]


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("settings", RIDGES)
def test_ridge_is_exact(settings, weight, kind):
    model = model_of(SquaredError(), **settings).fit(kind(X), Y, weight)
    found = influence(model, kind(X), Y, weight)
    for i, other in refits(model, kind(X), Y, [0, 3, 70], weight):
        moved = (coefs(model) - coefs(other))[0]
        assert_allclose(found.dfbeta[i], moved, rtol=1e-6, atol=1e-8)
        loss = SquaredError().value(Y[i], other.predict(X[[i]])[0])
        assert_allclose(found.loss_left_out[i], loss, rtol=1e-6)


SMOOTH = [
    PseudoHuber(),
    LogCosh(),
    Huber(2.0),
    TukeyBiweight(8.0),
    Barron(0.5),
    Poisson(),
    Gamma(),
    LogLoss(),
    SquaredHinge(),
    CrossEntropy(),
    Huber() + 0.5 * LogCosh(),
]


@each(SMOOTH)
@pytest.mark.parametrize("penalty", ["l2", "elasticnet"])
def test_a_step_goes_most_of_the_way(loss, penalty):
    y = target(loss)
    settings = dict(penalty=penalty, l1_ratio=0.3, alpha=0.02)
    model = model_of(loss, **settings).fit(X, y, WEIGHT)
    found = influence(model, X, y, WEIGHT)
    rows = np.argsort(-found.cook)[:3]
    for i, other in refits(model, X, y, rows, WEIGHT):
        if ((other.coef_ == 0) != (model.coef_ == 0)).any():
            continue  # the norm lets another feature in
        moved = (coefs(model) - coefs(other)) * np.append(SPREADS, 1.0)
        step = found.dfbeta[i].reshape(moved.shape) * np.append(SPREADS, 1.0)
        at_mean = X.mean(axis=0) / SPREADS
        moved[:, -1] += moved[:, :-1] @ at_mean
        step[:, -1] += step[:, :-1] @ at_mean
        if loss.granularity == "row":  # of which differences count
            moved, step = moved - moved.mean(axis=0), step - step.mean(axis=0)
        assert np.abs(step - moved).max() < 0.25 * np.abs(moved).max()


@pytest.mark.parametrize(
    ("loss", "penalty"),
    [
        (SquaredError(), GroupLasso([0, 1, 1, 0])),
        (PseudoHuber(), SparseGroupLasso([0, 1, 1, 0])),
        (CrossEntropy(), MultiTask() + 0.1 * L2()),
        (SquaredError(), MCP()),
        (SquaredError(), SCAD(2.5)),
    ],
)
def test_norms_of_groups_and_concave_ones_have_curvature(loss, penalty):
    scaled = (X - X.mean(axis=0)) / SPREADS
    y = target(loss)
    model = model_of(loss, penalty=penalty, alpha=0.1).fit(scaled, y)
    found = influence(model, scaled, y)
    for i, other in refits(model, scaled, y, [0, 1, 2, 3]):
        moved = coefs(model) - coefs(other)
        step = found.dfbeta[i].reshape(moved.shape)
        if loss.granularity == "row":
            moved, step = moved - moved.mean(axis=0), step - step.mean(axis=0)
        assert np.abs(step - moved).max() < 0.05 * np.abs(moved).max()


def test_one_versus_rest_is_the_sum_of_its_objectives():
    model = LinearClassifier(LogLoss(), alpha=0.01).fit(X, THREE)
    found = influence(model, X, THREE)
    each = []
    for own in (k == THREE for k in range(3)):
        one = LinearClassifier(LogLoss(), alpha=0.01).fit(X, own)
        each.append(influence(one, X, own))
    assert found.slope.shape == (N, 3)
    assert found.dfbeta.shape == (N, 3, 5)
    for name in ("leverage", "loss", "loss_left_out"):
        assert_allclose(found[name], sum(one[name] for one in each), rtol=1e-6)
    assert_allclose(found.dfbeta[:, 1], each[1].dfbeta, rtol=1e-5, atol=1e-9)


FIELDS = [
    "leverage",
    "distance",
    "slope",
    "loss_left_out",
    "cook",
    "dfbeta",
    "dfbetas",
    "on_validation",
]


def test_two_classes_of_a_joint_loss_are_those_of_their_difference():
    joint = LinearClassifier(CrossEntropy(), alpha=0.02, tol=1e-12)
    alone = LinearClassifier(LogLoss(), alpha=0.01, tol=1e-12)
    found = []
    for model in (joint, alone):
        model.fit(X, LABELS, WEIGHT)
        rows = dict(X_val=X[:20], y_val=LABELS[:20])
        found.append(influence(model, X, LABELS, WEIGHT, **rows))
    for name in FIELDS:
        assert_allclose(*(getattr(one, name) for one in found), rtol=1e-6, atol=1e-12)


def test_the_distance_is_not_of_what_all_classes_have_in_common():
    """Which moves as much as alpha is small, and changes nothing."""
    found = []
    for alpha in (1e-6, 1e-8):
        model = LinearClassifier(CrossEntropy(), alpha=alpha).fit(X, THREE)
        found.append(influence(model, X, THREE).distance)
    assert_allclose(*found, rtol=1e-3)


def test_validation_against_differences():
    y, X_val, y_val = target(LogLoss()), X[:40] + 0.3 * SPREADS, LABELS[:40]
    model = model_of(LogLoss(), alpha=0.05).fit(X, y)
    found = influence(model, X, y, X_val=X_val, y_val=y_val)
    before = LogLoss().mean(y_val, model.decision_function(X_val))
    for i, other in refits(model, X, y, [1, 20, 90]):
        rise = LogLoss().mean(y_val, other.decision_function(X_val)) - before
        assert_allclose(found.on_validation[i], rise, rtol=0.2, atol=1e-6)


@pytest.mark.parametrize("penalty", ["l2", "l1"])
def test_validation_is_exact_of_squares(penalty):
    y = Y + 20.0 * (np.arange(N) == 3)
    model = LinearRegressor("squared_error", penalty=penalty, alpha=0.02, tol=1e-13)
    model.fit(X, y, WEIGHT)
    found = influence(model, X, y, WEIGHT, X_val=X[:40] + 1.0, y_val=Y[:40])
    for i in (3, 11, 30):
        coef, intercept = model.coef_, model.intercept_
        coef, intercept = coef - found.dfbeta[i, :-1], intercept - found.dfbeta[i, -1]
        without = SquaredError().mean(Y[:40], (X[:40] + 1.0) @ coef + intercept)
        rise = without - SquaredError().mean(Y[:40], model.predict(X[:40] + 1.0))
        assert_allclose(found.on_validation[i], rise, rtol=1e-6)


def test_the_top_rows_are_those_of_all():
    model = LinearRegressor(PseudoHuber(), alpha=0.01).fit(X, Y)
    found, top = influence(model, X, Y), influence(model, X, Y, top=4)
    assert_allclose(top.rows, np.argsort(-found.cook)[:4])
    for name in ("leverage", "cook", "slope", "loss_left_out", "dfbeta", "dfbetas"):
        assert_allclose(top[name], found[name][top.rows], rtol=1e-9, atol=1e-12)
    assert len(influence(model, X, Y, top=10 * N).rows) == N


class InBlocks(RowBlocks):
    def __init__(self, *arrays):
        self.blocks = list(zip(*(np.array_split(array, 4) for array in arrays)))

    def __len__(self):
        return 4

    def map(self, task, *args):
        return [task(block, *args) for block in self.blocks]


@each([PseudoHuber(), LogLoss(), CrossEntropy()])
def test_the_top_rows_of_blocks(loss):
    y = target(loss)
    blocks = InBlocks(X, y, WEIGHT)
    model = model_of(loss, alpha=0.01).fit(blocks)
    top = influence(model, blocks, top=4)
    found = influence(model, X, y, WEIGHT, top=4)
    assert_allclose(top.rows, found.rows)
    for name in ("leverage", "cook", "loss_left_out", "dfbetas"):
        assert_allclose(top[name], found[name], rtol=1e-5, atol=1e-9)
    with pytest.raises(ValueError, match="rows in blocks needs `top`"):
        influence(model, blocks)


def test_the_top_rows_of_dask():
    da = pytest.importorskip("dask.array")
    lazy, y = da.from_array(X, chunks=(40, 4)), da.from_array(Y, chunks=40)
    model = model_of(PseudoHuber(), alpha=0.01).fit(lazy, y)
    top = influence(model, lazy, y, top=3)
    assert_allclose(top.rows, influence(model, X, Y, top=3).rows)


def test_slopes_balance_the_penalty():
    model = model_of(PseudoHuber(), alpha=0.1).fit(X, Y)
    pull = X.T @ influence(model, X, Y).slope / N
    assert_allclose(pull, -0.1 * model.coef_, rtol=1e-6, atol=1e-8)


def test_a_redescending_loss_rejects_rows():
    y = Y.copy()
    y[:5] += 50.0
    model = model_of(TukeyBiweight(), penalty=None).fit(X, y)
    found = influence(model, X, y)
    assert found.rejected[:5].all()
    assert found.rejected.sum() < 40
    assert not found.slope[:5].any()
    assert (found.leverage >= 0).all()
    assert_allclose(found.cook[:5], 0.0)


def test_features_that_a_norm_leaves_out_stay_out():
    many = np.column_stack([X / SPREADS, RNG.normal(size=(N, 30))])
    model = model_of(SquaredError(), penalty="l1", alpha=0.25).fit(many, Y)
    out = np.append(model.coef_ == 0, False)
    found = influence(model, many, Y)
    assert 0 < out.sum() < 34
    assert found.dfbeta.shape == (N, 35)
    assert not found.dfbeta[:, out].any()
    assert not found.dfbetas[:, out].any()
    assert found.dfbeta[:, ~out].any(axis=0).all()


def test_a_row_that_decides_alone():
    alone = np.zeros((N, 1))
    alone[7] = 1.0
    with_it = np.column_stack([X, alone])
    model = LinearRegressor("squared_error", penalty=None).fit(with_it, Y)
    with pytest.warns(UserWarning, match=r"decided by a row alone, of rows \[7\]"):
        found = influence(model, with_it, Y)
    assert found.cook[7] == found.loss_left_out[7] == np.inf
    assert np.isfinite(np.delete(found.cook, 7)).all()
    assert np.isnan(found.dfbeta[7]).all()


def test_rows_that_decide_alone_are_said_where_no_residual_is_left():
    lasso = LinearRegressor("squared_error", penalty="l1", alpha=1e-9, tol=1e-12)
    model = lasso.fit(X[:5], Y[:5])  # as many rows as coefficients
    with pytest.warns(UserWarning, match="knows no spread|by a row alone") as said:
        found = influence(model, X[:5], Y[:5])
    assert np.isinf(found.loss_left_out).all()
    assert len(said) == 2


@pytest.mark.parametrize("penalty", [None, "l2"])
@pytest.mark.filterwarnings("ignore:The penalty of alpha")
def test_a_loss_that_bends_at_no_row(penalty):
    model = LinearRegressor(Huber(), penalty=penalty).fit(X, 1e9 * Y)
    with pytest.raises(ValueError, match="bends at no row"):
        influence(model, X, 1e9 * Y)


@each([SquaredError(), Huber(), Barron()])
def test_rows_of_one_target_move_nothing(loss):
    y = np.full(N, 3.0)
    found = influence(LinearRegressor(loss, alpha=1e-3).fit(X, y), X, y)
    assert not found.cook.any()
    assert not found.dfbeta.any()


def test_a_pipeline_and_its_copy():
    pipeline = make_pipeline(StandardScaler(), LinearRegressor(PseudoHuber()))
    found = influence(pipeline.fit(X, Y), X, Y, X_val=X[:9], y_val=Y[:9])
    direct = influence(pipeline[-1], pipeline[0].transform(X), Y)
    assert_allclose(found.cook, direct.cook)
    copy = pickle.loads(pickle.dumps(found))
    assert_allclose(copy.dfbetas, found.dfbetas)
    assert "dfbetas" in dir(found)
    assert "on_validation" in repr(found)


# ------------------------------------------------------------------------ bad input
@pytest.mark.parametrize(
    "case",
    [
        (Quantile(0.5), {}, "has kinks. contributions"),
        (PseudoHuber(), {"penalty": SLOPE([4, 3, 2, 1])}, "a sorted norm has none"),
        (GaussianDistribution(), {}, "several raw predictions a row"),
    ],
)
def test_models_without_curvature(case):
    loss, settings, message = case
    model = LinearRegressor(loss, alpha=0.01, **settings).fit(X, Y)
    with pytest.raises(ValueError, match=message):
        influence(model, X, Y)


def test_what_is_not_of_the_fit():
    model = LinearRegressor(PseudoHuber(), alpha=0.01).fit(X, Y)
    with pytest.raises(ValueError, match="which had 4 features"):
        influence(model, X[:, :3], Y)
    with pytest.raises(ValueError, match="of these the objective is"):
        influence(model, X, Y[::-1])
    with pytest.raises(ValueError, match="of these the objective is"):
        influence(model, X, Y, WEIGHT)
    with pytest.raises(ValueError, match="X_val without y_val"):
        influence(model, X, Y, X_val=X)
    with pytest.raises(ValueError, match="'top' parameter of influence"):
        influence(model, X, Y, top=0)
    with pytest.raises(TypeError, match="Got StandardScaler"):
        influence(StandardScaler(), X, Y)
    classifier = LinearClassifier("log_loss", alpha=0.01).fit(X, LABELS)
    with pytest.raises(ValueError, match="y_val has the label 5"):
        influence(classifier, X, LABELS, X_val=X[:1], y_val=[5])


def test_residuals_without_spread():
    model = LinearRegressor("squared_error", alpha=1e-3).fit(X, Y, np.full(N, 1e-3))
    with pytest.warns(UserWarning, match="weights sum to 0.15"):
        found = influence(model, X, Y, np.full(N, 1e-3))
    assert np.isnan(found.cook).all()
    assert np.isfinite(found.dfbeta).all()


@pytest.mark.parametrize(("unit", "shift"), [(1.0, 0.0), (1e-6, 1e6)])
@pytest.mark.parametrize("explain", [influence, contributions])
def test_exact_fits(explain, unit, shift):
    """The objective is rounding, which is another one whenever it is computed."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = X @ [1.0, 2.0, 3.0] * unit + shift
    model = LinearRegressor("squared_error", penalty=None).fit(X, y)
    explain(model, X, y)
    standard_errors(model, X, y)  # which would warn
    with pytest.raises(ValueError, match="of the fit: of these the objective is"):
        explain(model, X, y + 0.1 * unit * rng.normal(size=300))


def test_a_search_has_a_best_estimator():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = X[:, 0] + rng.normal(size=60)
    model = TunedRegressor("squared_error", {"alpha": (1e-4, 10.0, "log")}).fit(X, y)
    with pytest.raises(TypeError, match="pass its best_estimator_"):
        influence(model, X, y)
