"""partial_fit with learning_rate="auto": every loss, penalty and kind of input."""

import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

from sklearn_losses import (
    AbsoluteError,
    Asymmetric,
    CrossEntropy,
    Hinge,
    Huber,
    LabelSmoothing,
    LogLoss,
    MulticlassHinge,
    NumpyLoss,
    Quantile,
    SGDClassifier,
    SGDRegressor,
    Sigmoid,
    SquaredError,
    SquaredHinge,
    Truncated,
    Welsch,
)
from tests.cases import DEFAULTS, each, targets


def data(loss, n=300, d=4, seed=0):
    """Raw features of many scales, one of them far from 0, and targets."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * 10.0 ** np.arange(-2, d - 2)
    X[:, 0] += 1e3
    return X, targets(loss, rng, n)


def estimator(loss, **settings):
    cls = SGDRegressor if loss.task == "regression" else SGDClassifier
    return cls(loss, learning_rate="auto", **settings)


def stream(model, X, y, chunk=50, **more):
    weight = more.pop("sample_weight", None)
    if isinstance(model, SGDClassifier):
        more["classes"] = np.unique(y)
    for i in range(0, len(y), chunk):
        part = slice(i, i + chunk)
        own = None if weight is None else weight[part]
        model.partial_fit(X[part], y[part], sample_weight=own, **more)
    return model


def mean_loss(model, loss, X, y):
    return loss.mean(y, model.raw_prediction(X))


# The minimum of Perceptron is the constant 0, and steps are made instead, as in `fit`.
@pytest.mark.covering
@each([loss for loss in DEFAULTS if loss.name != "perceptron"])
@pytest.mark.parametrize("penalty", ["l2", "l1", "elasticnet", None])
def test_never_worse_than_a_constant(loss, penalty):
    X, y = data(loss)
    if loss.task == "binary":
        y = np.round(y)
    model = stream(estimator(loss, penalty=penalty, alpha=1e-3), X, y)
    assert model.t_ == len(y) + 1
    raw = model.raw_prediction(X)
    if loss.granularity == "point":
        best = loss.optimal_constant(y)
        constant = np.full(len(y), best)
    else:
        constant = np.broadcast_to(loss.optimal_constant(y), raw.shape)
    assert loss.mean(y, raw) <= loss.mean(y, constant) * (1 + 1e-3) + 1e-6


@each([SquaredError(), AbsoluteError(), LogLoss(), CrossEntropy()])
def test_sparse_float32_and_dense_agree(loss):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 5)).astype(np.float32)
    X[X < 0.5] = 0.0
    y = targets(loss, rng, 200).round()
    dense = stream(estimator(loss, alpha=0.01), X.astype(np.float64), y)
    single = stream(estimator(loss, alpha=0.01), X, y)
    found = stream(estimator(loss, alpha=0.01), sparse.csr_matrix(X), y)
    assert single.coef_.dtype == np.float32
    np.testing.assert_allclose(single.coef_, dense.coef_, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.coef_, dense.coef_, rtol=1e-5, atol=1e-6)


@each([SquaredError(), Hinge(), CrossEntropy()])
def test_rows_of_weight_zero_change_nothing(loss):
    X, y = data(loss)
    y = y.round()
    model = stream(estimator(loss), X, y)
    before = pickle.dumps(vars(model))
    model.partial_fit(10 * X[:7] - 3, y[:7], sample_weight=np.zeros(7))
    model.n_iter_ = 1  # says that no epoch was made
    assert pickle.dumps(vars(model)) == before
    weight = np.ones(len(y))
    weight[::3] = 0.0
    wild = X.copy()
    wild[::3] = 1e30
    some = stream(estimator(loss), wild, y, len(y), sample_weight=weight)
    here = weight > 0
    known = stream(estimator(loss), X[here], y[here], here.sum())
    np.testing.assert_array_equal(some.coef_, known.coef_)
    assert some.t_ == here.sum() + 1


def test_weights_are_repetitions():
    loss = Huber()
    X, y = data(loss)
    repeats = 1 + np.arange(len(y)) % 3
    many = np.repeat(np.arange(len(y)), repeats)
    settings = {"penalty": None}
    once = stream(estimator(loss, **settings), X, y, 300, sample_weight=1.0 * repeats)
    other = stream(estimator(loss, **settings), X[many], y[many], len(many))
    raw = once.raw_prediction(X), other.raw_prediction(X)
    np.testing.assert_allclose(*raw, rtol=1e-3, atol=1e-3)


def test_class_weight_is_a_factor_of_the_sample_weights():
    X, y = data(LogLoss())
    y = y.round()
    factors = {0.0: 2.0, 1.0: 0.5}
    one = stream(estimator(LogLoss(), class_weight=factors), X, y)
    weight = np.where(y == 1, 0.5, 2.0)
    other = stream(estimator(LogLoss()), X, y, sample_weight=weight)
    np.testing.assert_allclose(one.coef_, other.coef_, rtol=1e-10)


def test_one_versus_rest_is_each_class_alone():
    X, _ = data(LogLoss())
    labels = np.digitize(X[:, 1] + X[:, 2], [-0.5, 0.5])
    model = stream(estimator(LogLoss(), n_jobs=2), X, labels)
    for k in range(3):
        alone = stream(estimator(LogLoss()), X, labels == k)
        np.testing.assert_allclose(model.coef_[k], alone.coef_[0], rtol=1e-8)


def test_huge_columns_and_shifting_means():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3000, 3))
    X[:, 0] += np.linspace(0, 50, 3000)
    y = X @ [1.0, -2.0, 0.5] + 0.1 * rng.standard_normal(3000)
    raw = X * [1e8, 1e-8, 1.0] + [1e10, 0.0, -1e6]
    for loss in (SquaredError(), AbsoluteError()):
        model = stream(estimator(loss, penalty=None), raw, y, 100)
        assert AbsoluteError().mean(y, model.raw_prediction(raw)) < 0.085


def test_one_class_at_a_time():
    X, _ = data(LogLoss(), 2000)
    y = (X[:, 1] > 0).astype(float)
    order = np.argsort(y, kind="stable")
    for loss in (LogLoss(), Hinge(), CrossEntropy()):
        model = stream(estimator(loss), X[order], y[order], 100)
        raw = model.raw_prediction(X)
        if loss.granularity == "row":
            raw = np.stack([-raw / 2, raw / 2], axis=1)
        assert loss.mean(y, raw) < 0.3


def test_l1_gives_zeros():
    rng = np.random.default_rng(0)
    for d in (10, 900):
        X = rng.standard_normal((300, d))
        y = 3 * X[:, 0] + 0.1 * rng.standard_normal(300)
        model = stream(estimator(SquaredError(), penalty="l1", alpha=0.3), X, y)
        assert model.coef_[0] > 2
        assert np.count_nonzero(model.coef_) < 10


def test_pickle_goes_on_as_if_nothing_had_happened():
    X, y = data(SquaredError(), 2500)
    whole = stream(estimator(SquaredError()), X, y, 100)
    half = stream(estimator(SquaredError()), X[:1200], y[:1200], 100)
    half = pickle.loads(pickle.dumps(half))
    stream(half, X[1200:], y[1200:], 100)
    np.testing.assert_array_equal(half.coef_, whole.coef_)
    assert not hasattr(clone(half), "coef_")


def test_coefficients_of_the_user_are_where_it_goes_on():
    X, y = data(SquaredError(), 2000)
    y = X[:, 1] * 10
    model = stream(estimator(SquaredError()), X, y, 100)
    model.coef_ = model.coef_ + np.array([0.0, 1.0, 0.0, 0.0])
    given = model.coef_.copy()
    model.partial_fit(X[:20], y[:20])
    # 20 rows against 2000 that are behind the coefficients, as t_ says.
    assert abs(model.coef_[1] - given[1]) < 0.2
    assert model.t_ == 2021


def test_a_bad_start_is_left_behind():
    X, y = data(SquaredError(), 2000)
    model = estimator(SquaredError(), penalty=None).partial_fit(X[:10], y[:10])
    model.coef_, model.t_ = np.full(4, 1e6), 1e7
    stream(model, X, y, 100)
    assert mean_loss(model, SquaredError(), X, y) < 0.51 * y.var()


def wide_data(loss, n=300, d=2000):
    """Sparse rows with more features than a matrix may have, some of which matter."""
    rng = np.random.default_rng(0)
    X = sparse.random_array((n, d), density=0.02, rng=rng, format="csr")
    X.data = rng.standard_normal(X.data.shape)
    signal = X @ (rng.standard_normal(d) * (rng.random(d) < 0.3)) / 3
    if loss.task != "regression":
        cuts = [-1, 1] if loss.task == "multiclass" else [0]
        return sparse.csr_matrix(X), 1.0 * np.digitize(signal, cuts)
    if loss.domain.low > -np.inf:
        return sparse.csr_matrix(X), np.exp(0.3 * signal)
    return sparse.csr_matrix(X), signal


@each([loss for loss in DEFAULTS if loss.name != "perceptron"])
@pytest.mark.parametrize("penalty", ["l2", "l1"])
def test_wide_streams_are_better_than_a_constant(loss, penalty):
    X, y = wide_data(loss)
    model = stream(estimator(loss, penalty=penalty, alpha=1e-3), X, y, 100)
    raw = model.raw_prediction(X)
    if loss.granularity == "row" and raw.ndim == 1:
        raw = np.stack([-raw / 2, raw / 2], axis=1)
    constant = np.broadcast_to(loss.optimal_constant(y), raw.shape)
    assert loss.mean(y, raw) < loss.mean(y, constant)


@each([SquaredError(), Hinge(), CrossEntropy()])
def test_wide_streams_of_any_kind_of_rows(loss):
    X, y = wide_data(loss)
    weight = 1.0 + np.arange(len(y)) % 2
    one = stream(estimator(loss), X, y, sample_weight=weight)
    single = stream(estimator(loss), X.astype(np.float32), y, sample_weight=weight)
    assert single.coef_.dtype == np.float32
    near = np.abs(single.coef_ - one.coef_).max() / np.abs(one.coef_).max()
    assert near < 0.05
    half = pickle.loads(pickle.dumps(stream(estimator(loss), X[:150], y[:150])))
    whole = stream(estimator(loss), X, y)
    classes = {} if loss.task == "regression" else {"classes": np.unique(y)}
    for i in range(150, 300, 50):
        half.partial_fit(X[i : i + 50].toarray(), y[i : i + 50], **classes)
    np.testing.assert_array_equal(half.coef_, whole.coef_)


def test_a_wide_stream_goes_on_from_a_fit():
    X, y = wide_data(SquaredError())
    model = estimator(SquaredError(), alpha=1e-3).fit(X, y)
    before = mean_loss(model, SquaredError(), X, y)
    stream(model, X, y)
    after = mean_loss(model, SquaredError(), X, y)
    assert after < before + 0.05 * y.var()


@pytest.mark.parametrize("chunk", [1, 7, 200])
def test_the_scale_is_measured_until_there_are_rows_enough(chunk):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 4))
    y = 1e6 * (X @ [1.0, -2.0, 0.5, 0.0]) + 1e4 * rng.standard_normal(400)
    model = stream(estimator(Huber(scale="mad"), penalty=None), X, y, chunk)
    assert 0.5e4 < model.scale_ < 2e4  # y itself varies by 2e6
    scale = model.scale_
    stream(model, X, 10 * y, 100)
    assert model.scale_ == scale


@pytest.mark.parametrize("chunk", [100, 1000])
def test_a_constant_that_is_the_optimum_is_the_result(chunk):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4000, 3))
    y = (rng.random(4000) < 0.2).astype(float)
    model = stream(estimator(Hinge(), alpha=1e-4), X, y, chunk)
    constant = Hinge().mean(y, np.full(4000, -1.0))
    assert mean_loss(model, Hinge(), X, y) <= constant * (1 + 1e-9)


def test_another_loss_goes_on_from_the_coefficients():
    X, _ = data(LogLoss())
    y = np.digitize(X[:, 1], [-0.1, 0.1])
    for one, other in ((LogLoss(), CrossEntropy()), (CrossEntropy(), LogLoss())):
        model = stream(estimator(one), X, y)
        stream(model.set_params(loss=other), X, y)
        assert model.score(X, y) > 0.8


def test_learning_rates_can_be_switched():
    X, y = data(SquaredError())
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    model = estimator(SquaredError(), average=True)
    stream(model, X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "average=True of SGDRegressor has no effect")
        model.set_params(learning_rate="invscaling").partial_fit(X, y)
        model.set_params(learning_rate="auto").partial_fit(X, y)
        model.set_params(warm_start=True).fit(X, y)
        model.partial_fit(X, y)
    known = estimator(SquaredError(), tol=1e-8).fit(X, y)
    np.testing.assert_allclose(model.coef_, known.coef_, atol=0.02)


def test_a_failed_call_leaves_the_model_as_it_was():
    X, y = data(SquaredError())
    model = stream(estimator(SquaredError()), X, y)
    before = pickle.dumps(vars(model))
    with pytest.raises(ValueError, match="Feature 2 is too large"):
        model.partial_fit(np.where(np.arange(4) == 2, 1e300, X), y)
    assert pickle.dumps(vars(model)) == before


def test_loss_of_python():
    X, y = data(SquaredError())
    loss = NumpyLoss(
        lambda y, p: np.logaddexp(p - y, y - p), lambda y, p: np.tanh(p - y)
    )
    model = stream(estimator(loss), X, y)
    assert loss.mean(y, model.predict(X)) <= loss.mean(y, np.full(len(y), np.median(y)))


@each([MulticlassHinge(), CrossEntropy()])
def test_more_passes_come_nearer(loss):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3000, 5))
    y = (X @ rng.standard_normal((5, 3)) + rng.gumbel(size=(3000, 3))).argmax(axis=1)
    model = estimator(loss, alpha=1e-3)

    def objective():
        return mean_loss(model, loss, X, y) + 5e-4 * (model.coef_**2).sum()

    values = [objective() for _ in range(4) if stream(model, X, y, 100)]
    constant = loss.mean(y, np.tile(loss.optimal_constant(y), (3000, 1)))
    assert values[-1] <= values[0] + 1e-4 * (constant - values[0])


# Perceptron's stream makes steps, and so does that of a loss made of it.
NOT_CONVEX = [
    *(loss for loss in DEFAULTS if not loss.convex),
    Truncated(Hinge(), 1),
    Truncated(Hinge(), 2),
    Truncated(SquaredHinge(), 2),
    Truncated(LogLoss(), 2),
    Truncated(Sigmoid(), 0.8),
    Truncated(AbsoluteError(), 2),
    Truncated(SquaredError(), 2),
    Truncated(Quantile(0.8), 2),
    Truncated(CrossEntropy(), 2),
    Truncated(MulticlassHinge(), 2),
    Hinge() + Truncated(Hinge(), 2),
    Asymmetric(Welsch(), 1, 2),
    LabelSmoothing(Sigmoid(), 0.2),
]


def planted(loss, n, seed):
    """Features that matter, with gross outliers in y where the domain has room."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    signal = X @ [1.0, -2.0, 0.5, 0.0] + 0.5 * rng.normal(size=n)
    if loss.task != "regression":
        return X, np.digitize(signal, [-1, 1] if loss.task == "multiclass" else [0])
    if loss.domain.low > -np.inf:
        return X, np.exp(0.3 * signal)
    return X, 3 * signal + np.where(rng.random(n) < 0.1, 30.0, 1.0)


@pytest.mark.covering
@each(NOT_CONVEX)
@pytest.mark.parametrize("first", [1, 6])
@pytest.mark.filterwarnings("ignore:.*cannot smooth the kinks")
def test_a_loss_that_is_not_convex_leaves_the_constant(loss, first):
    X, y = planted(loss, 120, seed=first)
    begun = stream(estimator(loss, alpha=1e-3), X[:6], y[:6], first)
    raw = stream(begun, X[6:], y[6:], 38).raw_prediction(X)
    known = mean_loss(estimator(loss, alpha=1e-3).fit(X, y), loss, X, y)
    best = np.clip(loss.optimal_constant(y), -30.0, 30.0)
    constant = loss.mean(y, np.broadcast_to(best, raw.shape))
    assert known < constant
    assert loss.mean(y, raw) < known + 0.05 * (constant - known)


def test_a_stream_that_forgets_keeps_what_a_loss_without_slopes_knew():
    loss = Truncated(Hinge(), 2)
    X, y = planted(loss, 2500, 0)
    model = stream(estimator(loss), X, y, 100)
    known = mean_loss(estimator(loss).fit(X, y), loss, X, y)
    assert mean_loss(model, loss, X, y) < 1.05 * known
