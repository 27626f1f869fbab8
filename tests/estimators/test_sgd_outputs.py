"""Losses of several outputs in SGDRegressor: all rows at once, epochs, and streams."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sklearn_losses import (
    GaussianDistribution,
    LaplaceDistribution,
    LinearRegressor,
    NegativeBinomial,
    Quantile,
    Quantiles,
    SGDRegressor,
    StudentTDistribution,
)
from tests.contract import each_check

RNG = np.random.default_rng(0)
N, D = 600, 3
Z = RNG.normal(size=(N, D))
X = Z * [1e-3, 1.0, 1e3] + [0.0, 5.0, 300.0]
Y = Z @ [1.0, -0.5, 2.0] + RNG.standard_t(5, N) * np.exp(0.3 * Z[:, 0])
COUNTS = RNG.negative_binomial(2.0, 2.0 / (2.0 + np.exp(0.5 * Z[:, 0] + 1.0)))
BY_X = {"scale": "all"}
SOME = {"scale": [0]}
LOSSES = [
    (GaussianDistribution(), None, Y),
    (GaussianDistribution(), BY_X, Y),
    (GaussianDistribution(), SOME, 1e6 * Y),
    (LaplaceDistribution(), SOME, 1e-6 * Y),
    (StudentTDistribution(), None, Y),
    (NegativeBinomial(dispersion="mle"), None, COUNTS),
    (Quantiles([0.1, 0.5, 0.9]), None, 1e6 * Y),
    (Quantiles([0.25, 0.75], crossing="parallel"), None, Y),
]
each_loss = pytest.mark.parametrize(
    ("loss", "features", "y"), LOSSES, ids=lambda x: "" if np.ndim(x) else str(x)
)


def mean_loss(model, loss, y, rows=X):
    """Of the raw outputs that a model predicts."""
    return loss.mean(*model._targets_and_outputs(rows, y, loss, None))


def missed(model, loss, features, y):
    """How much of what there is to gain over constants."""
    best = mean_loss(LinearRegressor(loss, features=features).fit(X, y), loss, y)
    constant = loss.mean(y, np.tile(loss.optimal_constant(y), (len(y), 1)))
    return (mean_loss(model, loss, y) - best) / (constant - best)


@each_loss
def test_fit_is_that_of_linear_regressor(loss, features, y):
    model = SGDRegressor(loss, features=features).fit(X, y)
    most = 1e-3 if loss.differentiable else 3e-3  # what is left is estimated
    assert missed(model, loss, features, y) < most
    twice = clone(model).fit(sparse.csr_array(np.vstack([X, X])), np.append(y, y))
    assert missed(twice, loss, features, y) < most
    more, weight = np.vstack([X, 2 * X[:9]]), np.append(np.ones(N), np.zeros(9))
    absent = clone(model).fit(more, np.append(y, y[:9]), sample_weight=weight)
    assert missed(absent, loss, features, y) < most


@each_loss
@pytest.mark.parametrize("size", [1, 50])
def test_a_stream_ends_near_the_fit(loss, features, y, size):
    model = SGDRegressor(loss, features=features)
    n = 60 if size == 1 else N
    for i in range(0, n, size):
        rows = slice(i, i + size)
        model.partial_fit(X[rows], y[rows])
        model = pickle.loads(pickle.dumps(model)) if i == 50 else model
    if size > 1:
        assert missed(model, loss, features, y) < 0.02
        return
    constant = loss.mean(y[:n], np.tile(loss.optimal_constant(y[:n]), (n, 1)))
    assert mean_loss(model, loss, y[:n], X[:n]) < constant


def test_a_long_stream_keeps_a_memory_of_all_outputs():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(6000, 3)) * [1.0, 1e3, 1e-3] + [3.0, 0.0, 0.0]
    u = rows / [1.0, 1e3, 1e-3]
    y = u @ [1.0, 2.0, 0.0] + np.exp(0.4 * u[:, 2]) * rng.normal(size=6000)
    loss = GaussianDistribution()
    model = SGDRegressor(loss, features=BY_X)
    for i in range(0, 6000, 300):
        model.partial_fit(rows[i : i + 300], y[i : i + 300])
    best = LinearRegressor(loss, features=BY_X).fit(rows, y)
    gained = mean_loss(best, loss, y, rows)
    assert mean_loss(model, loss, y, rows) - gained < 1e-3
    assert model._state["stream_kept_y"].shape[0] <= 1300


STEPS = [
    {},
    {"batch_size": 16, "eta0": 0.05},
    {"average": 100},
    {"optimizer": "adam", "eta0": 0.01},
    {"penalty": "l1", "alpha": 1e-3},
    {"clip_gradient": 5.0},
]


@pytest.mark.parametrize("kwargs", STEPS, ids=str)
@pytest.mark.parametrize("features", [None, BY_X, SOME], ids=["no", "all", "some"])
def test_epochs_move_what_an_output_uses(kwargs, features):
    loss = GaussianDistribution()
    steps = {"learning_rate": "invscaling", "random_state": 0, "max_iter": 60} | kwargs
    model = SGDRegressor(loss, features=features, **steps).fit(Z, Y)
    of_csr = clone(model).fit(sparse.csr_array(Z), Y)
    np.testing.assert_allclose(of_csr.coef_, model.coef_, atol=1e-9)
    constant = loss.mean(Y, np.tile(loss.optimal_constant(Y), (N, 1)))
    best = mean_loss(LinearRegressor(loss, features=features).fit(Z, Y), loss, Y, Z)
    share = (mean_loss(model, loss, Y, Z) - best) / (constant - best)
    assert share < 0.3
    if features is SOME:
        assert not model.predictors_["scale"].coef[1:].any()


def test_a_step_of_quantiles_is_one_of_each():
    levels, steps = [0.1, 0.6], {"learning_rate": "constant", "eta0": 0.05, "tol": None}
    steps |= {"max_iter": 5, "random_state": 0}
    model = SGDRegressor(Quantiles(levels), **steps).fit(Z, Y)
    for k, level in enumerate(levels):
        one = SGDRegressor(Quantile(level), **steps).fit(Z, Y)
        np.testing.assert_allclose(model.coef_[k], one.coef_, rtol=1e-9)
        np.testing.assert_allclose(model.intercept_[k], one.intercept_[0], rtol=1e-9)


def test_partial_fit_by_epochs_equals_fit():
    steps = {"learning_rate": "invscaling", "shuffle": False, "tol": None}
    model = SGDRegressor(GaussianDistribution(), max_iter=2, **steps).fit(Z, Y)
    other = SGDRegressor(GaussianDistribution(), **steps)
    for _ in range(2):
        other.partial_fit(Z, Y)
    np.testing.assert_allclose(other.coef_, model.coef_, rtol=1e-12)
    assert other.loss_.scale == pytest.approx(model.loss_.scale, rel=1e-12)


def test_a_stream_goes_on_from_a_fit_and_from_given_coefficients():
    loss = GaussianDistribution()
    model = SGDRegressor(loss).fit(X, Y)
    before = mean_loss(model, loss, Y)
    model.partial_fit(X[:50], Y[:50])
    assert mean_loss(model, loss, Y) < before + 0.05
    model.coef_ = 1.5 * model.coef_
    worse = mean_loss(model, loss, Y)
    for i in range(0, N, 100):
        model.partial_fit(X[i : i + 100], Y[i : i + 100])
    assert mean_loss(model, loss, Y) < worse
    with pytest.raises(ValueError, match="another loss has left"):
        model.set_params(loss=Quantiles([0.1, 0.9])).partial_fit(X, Y)


def test_validation_rows_warm_starts_and_offsets():
    loss, offset = GaussianDistribution(), Z[:, 0]
    model = SGDRegressor(loss, early_stopping=True, random_state=0, trace=True)
    model.fit(X, Y, offset=offset)
    assert len(model.validation_loss_curve_) == len(model.objective_curve_)
    model = SGDRegressor(loss, penalty=None).fit(Z, Y, offset=offset)
    plain = SGDRegressor(loss, penalty=None).fit(Z, Y)
    np.testing.assert_allclose(plain.coef_ - model.coef_, [1.0, 0.0, 0.0], atol=1e-3)
    warm = SGDRegressor(loss, warm_start=True, learning_rate="invscaling").fit(Z, Y)
    scale = warm.loss_.scale
    warm.set_params(max_iter=1, tol=None).fit(Z, Y)
    assert warm.loss_.scale == pytest.approx(scale, rel=0.2)
    scored = SGDRegressor(loss, scoring="r2", learning_rate="invscaling")
    assert scored.fit(Z, Y, X_val=Z, y_val=Y).validation_score_curve_.max() > 0.5


def test_it_predicts_distributions_as_linear_regressor_does():
    loss = StudentTDistribution()
    model = SGDRegressor(loss, features=SOME, tol=1e-9).fit(X, Y)
    best = LinearRegressor(loss, features=SOME).fit(X, Y)
    for name in ("predict_std", "predict_interval", "predict"):
        found, wanted = getattr(model, name)(X), getattr(best, name)(X)
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)
    bands = SGDRegressor(Quantiles([0.1, 0.9])).fit(X, Y)
    assert (np.diff(bands.predict(X)) >= 0).all()
    assert bands.score(X, Y) > 0.1


def test_float32_rows_have_float32_coefficients():
    model = SGDRegressor(GaussianDistribution(), features=BY_X)
    for fit in (model.fit, model.partial_fit):
        fit(Z.astype(np.float32), Y)
        assert model.coef_.dtype == model.predictors_["scale"].coef.dtype == np.float32


def test_a_search_tunes_features_and_levels():
    search = GridSearchCV(
        SGDRegressor(GaussianDistribution()), {"features": [None, SOME]}, cv=3
    )
    assert search.fit(X, Y).best_params_["features"] in (None, SOME)


@pytest.mark.parametrize(
    ("loss", "parameters", "says"),
    [
        (GaussianDistribution(), {"features": {"df": "all"}}, "names 'df'"),
        (GaussianDistribution(), {"features": "all"}, "must be a dict"),
        ("huber", {"features": BY_X}, "names 'scale'"),
        (Quantiles([0.5]), {"features": BY_X}, "names 'scale'"),
        (GaussianDistribution(), {"learning_rate": "pa1"}, "several outputs"),
    ],
)
def test_what_cannot_be_used_is_said(loss, parameters, says):
    with pytest.raises(ValueError, match=says):
        SGDRegressor(loss, **parameters).fit(Z, np.abs(Y) + 1.0)


def test_constant_targets_and_too_many_features_are_refused():
    with pytest.raises(ValueError, match="cannot fit a scale"):
        SGDRegressor(GaussianDistribution()).fit(Z, np.ones(N))
    wide = sparse.random_array((20, 5000), density=0.01, rng=RNG, format="csr")
    with pytest.raises(ValueError, match="so many features"):
        SGDRegressor(GaussianDistribution()).partial_fit(wide, Y[:20])
    steps = SGDRegressor(GaussianDistribution(), learning_rate="invscaling")
    assert steps.partial_fit(wide, Y[:20]).coef_.shape == (5000,)


@each_check(
    [
        SGDRegressor(GaussianDistribution()),
        SGDRegressor(GaussianDistribution(), features=BY_X, learning_rate="invscaling"),
    ],
    lambda _: {
        "check_sample_weight_equivalence_on_dense_data": "the mean is over rows",
        "check_sample_weight_equivalence_on_sparse_data": "the mean is over rows",
    },
)
def test_scikit_learn_contract(estimator, check, routing):
    with config_context(enable_metadata_routing=routing):
        check(estimator)


@pytest.mark.parametrize("kind", [StudentTDistribution, LaplaceDistribution])
@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_a_stream_knows_no_unit_of_y(kind, unit):
    models = [SGDRegressor(kind(), features=BY_X, penalty=None) for _ in range(2)]
    for start in range(0, N, 50):
        rows = slice(start, start + 50)
        models[0].partial_fit(X[rows], Y[rows])
        models[1].partial_fit(X[rows], unit * Y[rows])
    plain, other = (np.array([m.predict(X), m.predict_std(X)]) for m in models)
    np.testing.assert_allclose(other / unit, plain, rtol=1e-9)
