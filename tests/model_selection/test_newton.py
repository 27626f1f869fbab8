"""Scores by Newton steps, of left-out rows and races, against fits."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import make_classification
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, LeaveOneOut, PredefinedSplit, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    PolynomialFeatures,
    QuantileTransformer,
    StandardScaler,
)

from sklearn_losses import (
    AbsoluteError,
    Cloglog,
    CrossEntropy,
    EpsilonInsensitive,
    Gamma,
    GroupLasso,
    Hinge,
    Huber,
    LinearClassifier,
    LinearRegressor,
    LogCosh,
    Loglog,
    LogLoss,
    LossSearchCV,
    ModifiedHuber,
    Poisson,
    PolyLoss,
    PseudoHuber,
    Quantile,
    SquaredError,
    SquaredHinge,
    Tikhonov,
    TukeyBiweight,
)
from sklearn_losses.model_selection import _approximate, _newton, _race

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 6)) * 10.0 ** np.arange(6) + 1e3
Y = X @ (RNG.normal(size=6) / 10.0 ** np.arange(6)) + RNG.standard_t(3, size=400)
FINE = LinearRegressor(tol=1e-8)
WEIGHT, OFFSET = RNG.integers(0, 4, 400) / 2.0, RNG.normal(size=400)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def two(losses, estimator=FINE, data=(X, Y), scoring=AbsoluteError(), **settings):  # noqa: B008
    """A search by Newton steps and one by fits."""
    params = settings.pop("params_of_fit", {})
    settings = {"alphas": 4, "scoring": scoring} | settings
    method = settings.pop("method", "auto")
    return [
        LossSearchCV(estimator, losses, method=m, **settings).fit(*data, **params)
        for m in (method, "exact")
    ]


def scores(search):
    return np.array([search.cv_results_[f"split{k}_test_score"] for k in range(5)])


def errors(steps, fits):
    """Of mean scores, in their standard errors."""
    off = np.abs(scores(steps).mean(axis=0) - scores(fits).mean(axis=0))
    return off / (scores(fits).std(axis=0, ddof=1) / np.sqrt(5))


@pytest.mark.parametrize(
    "loss", [SquaredError(), Huber(), PseudoHuber(), LogCosh(), 2 * Huber(0.5)], ids=str
)
@pytest.mark.parametrize("settings", [{}, {"fit_intercept": False}, {"penalty": None}])
def test_small_regressions_equal_fits(loss, settings):
    estimator = LinearRegressor(tol=1e-8, **settings)
    steps, fits = two([loss], estimator, data=(X - 1e3, Y - Y.mean()))
    assert set(steps.cv_results_["method"]) == {"newton"}
    np.testing.assert_allclose(scores(steps), scores(fits), rtol=1e-4)
    assert steps.best_index_ == fits.best_index_
    assert steps.cv_results_["mean_fit_time"].sum() > 0


def test_weights_offsets_csr_and_a_matrix():
    given = {"sample_weight": WEIGHT, "offset": OFFSET}
    for A in (X, sparse.csr_matrix(X * (X > 1e3))):
        steps, fits = two([Huber()], data=(A, Y), params_of_fit=given)
        assert set(steps.cv_results_["method"]) == {"newton"}
        np.testing.assert_allclose(scores(steps), scores(fits), rtol=1e-4)
    coupled = LinearRegressor(penalty=Tikhonov(np.eye(6) + 0.5), tol=1e-8)
    steps, fits = two([Huber()], coupled, alphas=[1.0, 0.01])
    assert set(steps.cv_results_["method"]) == {"newton"}
    np.testing.assert_allclose(scores(steps), scores(fits), rtol=1e-4)


NORMS = [
    {"penalty": "l1"},
    {"penalty": "elasticnet", "l1_ratio": 0.3},
    {"positive": True},
    {"penalty": "l1", "bounds": (-0.5, 1.0), "fit_intercept": False},
]


@pytest.mark.parametrize("settings", NORMS, ids=str)
@pytest.mark.parametrize("loss", [SquaredError(), PseudoHuber()], ids=str)
def test_norms_and_bounds_equal_fits(loss, settings):
    data = (X - 1e3) / 10.0 ** np.arange(6), Y - Y.mean()
    steps, fits = two([loss], LinearRegressor(tol=1e-10, **settings), data, alphas=6)
    methods = steps.cv_results_["method"]
    assert methods[steps.best_index_] == "exact"  # for the gap
    assert set(np.delete(methods, steps.best_index_)) == {"newton"}
    np.testing.assert_allclose(scores(steps), scores(fits), rtol=1e-4)


def test_sparse_models_of_classes_equal_fits():
    A, y = make_classification(400, 8, n_informative=3, n_classes=3, random_state=0)
    model = LinearClassifier(penalty="l1", tol=1e-10)
    losses = [LogLoss(), CrossEntropy()]
    steps, fits = two(losses, model, (A, y), "neg_log_loss", method="newton")
    assert errors(steps, fits).max() < 0.2  # of one step; further ones:
    steps, fits = two(losses, model, (A, y), "neg_log_loss")
    np.testing.assert_allclose(scores(steps), scores(fits), rtol=1e-4)


@pytest.mark.parametrize(
    ("model", "loss", "scoring"),
    [
        (FINE, AbsoluteError(), AbsoluteError()),
        (FINE, Quantile(0.8), Quantile(0.8)),
        (LinearRegressor(penalty="l1"), EpsilonInsensitive(0.3), AbsoluteError()),
        (LinearClassifier(), Hinge(), Hinge()),
    ],
    ids=str,
)
def test_kinks_are_smoothed_and_the_best_is_fitted(model, loss, scoring):
    rng = np.random.default_rng(0)
    A = rng.normal(size=(3000, 4))
    y = A @ np.ones(4) + rng.normal(size=3000)
    y = y > 0.5 if isinstance(loss, Hinge) else y
    steps, fits = two([loss], model, (A, y), scoring, alphas=6)
    methods = steps.cv_results_["method"]
    assert methods[steps.best_index_] == "exact"
    assert np.sum(methods == "newton") >= 2  # each that has been the best is fitted
    assert errors(steps, fits)[1:].max() < 0.1  # the first is far from the best
    assert np.isfinite(steps.cv_results_["gap"][steps.best_index_])


@pytest.mark.parametrize("settings", [{}, {"penalty": "l1"}], ids=str)
@pytest.mark.parametrize("enough", [1000, 20])  # rows to know the scale by: all, some
def test_scales_are_those_of_each_fold(monkeypatch, settings, enough):
    monkeypatch.setattr(_newton, "SAMPLED", enough)
    rng = np.random.default_rng(0)
    A, t = rng.normal(size=(1000, 4)), rng.standard_t(2, size=1000)
    data = A, 100.0 * (A @ np.ones(4) + t * np.exp(A[:, 0]))
    given = {"sample_weight": rng.integers(0, 3, 1000), "offset": 50.0 * A[:, 1]}
    model = LinearRegressor(tol=1e-8, **settings)
    steps, fits = two([Huber(scale="mad")], model, data, params_of_fit=given)
    methods = steps.cv_results_["method"]
    assert methods[steps.best_index_] == "exact"
    assert "newton" in methods
    assert errors(steps, fits).max() < 0.05
    with pytest.raises(ValueError, match=r"scale of .* without each row"):
        two([Huber(scale="mad")], model, data, method="loo")


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", [LogLoss(), CrossEntropy()], ids=str)
def test_balanced_classes_are_balanced_in_each_fold(loss, n_classes):
    shape = dict(n_informative=4, n_redundant=0, n_classes=n_classes, random_state=0)
    A, y = make_classification(400, 5, weights=[0.8, 0.15, 0.05][:n_classes], **shape)
    model = LinearClassifier(class_weight="balanced", tol=1e-8)
    cv = KFold(5, shuffle=True, random_state=0)  # so that shares differ
    given = {"sample_weight": RNG.integers(1, 4, 400)}
    data = dict(data=(A, y), scoring="neg_log_loss", cv=cv, params_of_fit=given)
    steps, fits = two([loss], model, **data)
    assert set(steps.cv_results_["method"]) == {"newton"}
    np.testing.assert_allclose(scores(steps), scores(fits), rtol=1e-4)


@pytest.mark.parametrize(
    ("before", "settings", "data"),
    [
        ([StandardScaler()], {}, X),
        ([StandardScaler()], {"penalty": "l1"}, X),
        ([PolynomialFeatures(2), StandardScaler()], {"positive": True}, X[:, :2] - 1e3),
        ([MinMaxScaler()], {"penalty": Tikhonov(np.eye(6) + 0.5)}, X),
        ([MaxAbsScaler()], {"fit_intercept": False}, sparse.csr_matrix(X * (X > 1e3))),
    ],
    ids=["standard", "l1", "positive", "coupled", "sparse"],
)
def test_scalers_are_those_of_each_fold(before, settings, data):
    estimator = make_pipeline(*before, LinearRegressor(tol=1e-10, **settings))
    loss = Huber() if isinstance(data, np.ndarray) else SquaredError()
    steps, fits = two([loss], estimator, (data, Y))
    methods = np.delete(steps.cv_results_["method"], steps.best_index_)
    assert set(methods) == {"newton"}
    np.testing.assert_allclose(scores(steps), scores(fits), rtol=1e-4)


@pytest.mark.parametrize("scoring", ["accuracy", Hinge(), LogLoss()], ids=str)
@pytest.mark.parametrize("loss", [Cloglog(), Loglog(), PolyLoss()], ids=str)
def test_metrics_see_the_link_of_a_loss(loss, scoring):
    A = RNG.normal(size=(400, 4))
    y = A @ [1.0, 0.5, 0, 0] + RNG.logistic(size=400) > 0.5
    steps, fits = two([loss], LinearClassifier(tol=1e-8), (A, y), scoring)
    assert set(steps.cv_results_["method"]) == {"newton"}
    assert errors(steps, fits).max() < 0.05


@pytest.mark.parametrize("loss", [Poisson(), Gamma()], ids=str)
def test_log_links(loss):
    A = RNG.normal(size=(400, 4))
    y = RNG.poisson(np.exp(A @ [0.5, 0.2, 0, 0])) + (loss.name == "gamma")
    steps, fits = two([loss], data=(A, y), scoring="neg_mean_poisson_deviance")
    assert set(steps.cv_results_["method"]) == {"newton"}
    assert errors(steps, fits).max() < 0.05


@pytest.mark.parametrize(
    "loss", [LogLoss(), SquaredHinge(), ModifiedHuber(), CrossEntropy()], ids=str
)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss"])
def test_small_classifications_equal_fits(loss, n_classes, scoring):
    A, y = make_classification(
        400, 5, n_informative=4, n_redundant=0, n_classes=n_classes, random_state=0
    )
    if scoring == "neg_log_loss":
        if not loss.probabilistic:
            pytest.skip("there are no probabilities")
        scoring = LogLoss() if n_classes == 2 else scoring
    y = np.array(["a", "b", "c"])[y]
    steps, fits = two([loss], LinearClassifier(tol=1e-8), (A, y), scoring)
    assert set(steps.cv_results_["method"]) == {"newton"}
    assert errors(steps, fits).max() < 0.05
    assert steps.best_index_ == fits.best_index_


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(30))
def test_one_step_on_random_problems(seed):
    """Without further steps, which small data would make."""
    rng = np.random.default_rng(seed)
    n, d = rng.integers(200, 2000), rng.integers(1, 15)
    A = rng.normal(size=(n, d))
    y = A @ rng.normal(size=d) + rng.standard_t(3, size=n)
    losses = [PseudoHuber(), LogCosh(), SquaredError()]
    steps, fits = two(losses, data=(A, y), method="newton")
    assert errors(steps, fits).max() < 40.0 * d / n


def test_one_step_is_near(monkeypatch):
    monkeypatch.setattr(_approximate, "SMALL", 0)
    steps, fits = two([PseudoHuber(), SquaredError()])
    assert set(steps.cv_results_["method"]) == {"newton"}
    assert errors(steps, fits).max() < 0.05
    here = np.isfinite(steps.cv_results_["gap"])  # the winner and its neighbours
    assert 2 <= here.sum() <= 3
    assert here[steps.best_index_]
    np.testing.assert_allclose(scores(steps)[:, here], scores(fits)[:, here], rtol=1e-4)


def test_many_rows_begin_with_some(monkeypatch):
    monkeypatch.setattr(_approximate, "SMALL", 0)
    monkeypatch.setattr(_newton, "SAMPLED", 20)
    A = RNG.normal(size=(4000, 4))
    y = A @ np.ones(4) + RNG.standard_t(3, size=4000)
    weight = RNG.integers(0, 3, 4000)
    steps, fits = two(
        [PseudoHuber(), LogCosh()],
        data=(A, y),
        params_of_fit={"sample_weight": weight},
    )
    assert set(steps.cv_results_["method"]) == {"newton"}
    assert errors(steps, fits).max() < 0.05


@pytest.mark.parametrize(("loss", "alphas"), [(PolyLoss(), 8), (ModifiedHuber(), 16)])
def test_small_alphas_make_a_further_step_where_one_is_not_enough(loss, alphas):
    rng = np.random.default_rng(0)
    A = rng.normal(size=(5000, 20))
    labels = A @ rng.normal(size=20) + 3.0 * rng.standard_t(2, size=5000) > 0
    model, given = LinearClassifier(tol=1e-8), {"scoring": LogLoss(), "alphas": alphas}
    steps, fits = two([loss], model, (A, labels), **given)
    assert set(steps.cv_results_["method"]) == {"newton"}
    assert errors(steps, fits).max() < 0.05


def test_a_step_that_is_not_near_enough_gives_way_to_fits(monkeypatch):
    monkeypatch.setattr(_approximate, "SMALL", 0)
    monkeypatch.setattr(_approximate, "TOLERATED", 0.0)
    steps, fits = two([PseudoHuber()])
    assert set(steps.cv_results_["method"]) == {"exact"}
    np.testing.assert_array_equal(scores(steps), scores(fits))


MODEL = LinearRegressor()


@pytest.mark.parametrize(
    ("losses", "estimator", "settings", "why"),
    [
        ([TukeyBiweight()], MODEL, {}, "is not convex"),
        ([Huber()], LinearRegressor(penalty=GroupLasso([range(6)])), {}, "of groups"),
        (
            [Huber()],
            MODEL,
            {"cv": ShuffleSplit(3, random_state=0)},
            "in common",
        ),
        (
            [Huber()],
            MODEL,
            {"cv": [(np.arange(9), np.arange(9, 20))]},
            "leave out",
        ),
        (
            [Huber()],
            make_pipeline(QuantileTransformer(n_quantiles=9), MODEL),
            {},
            "transformers of a Pipeline",
        ),
        (
            [Huber()],
            make_pipeline(StandardScaler(), LinearRegressor(fit_intercept=False)),
            {},
            "transformers of a Pipeline",
        ),
        (
            [Huber()],
            MODEL,
            {"scoring": lambda model, X, y: 1.0},
            "looks at more",
        ),
    ],
)
def test_what_has_no_newton_step_is_fitted(losses, estimator, settings, why):
    settings = {"scoring": AbsoluteError(), "alphas": 2, "cv": 2} | settings
    search = LossSearchCV(estimator, losses, method="newton", **settings)
    with pytest.warns(UserWarning, match=why):
        search.fit(X, Y)
    assert set(search.cv_results_["method"]) == {"exact"}
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        search.set_params(method="auto").fit(X, Y)
    with pytest.raises(ValueError, match=f"method='loo'.*{why}"):
        search.set_params(method="loo").fit(X, Y)


def test_folds_need_not_hold_all_rows_of_cv():
    folds = PredefinedSplit(np.arange(400) % 6 - 1)  # a sixth is always trained with
    steps, fits = two([Huber()], cv=folds)
    assert set(steps.cv_results_["method"]) == {"newton"}
    np.testing.assert_allclose(scores(steps), scores(fits), rtol=1e-4)


def test_a_column_that_is_constant_without_a_fold():
    A = np.column_stack([X, np.arange(400) < 80])
    steps, fits = two([Huber()], data=(A, Y), cv=KFold(5))
    assert set(steps.cv_results_["method"]) == {"newton"}
    np.testing.assert_allclose(scores(steps), scores(fits), rtol=1e-4)


# ------------------------------------------------------------------------------ loo
def left_out(loss, A, y, weight=None, alphas=(0.1, 0.001)):
    """The mean scores of method 'loo', over folds of which each is a row."""
    cv = PredefinedSplit(np.arange(len(y)) % 4)
    search = LossSearchCV(
        LinearRegressor(), [loss], alphas=list(alphas), cv=cv, method="loo", refit=False
    )
    return search.fit(A, y, sample_weight=weight).cv_results_


def test_left_out_rows_of_the_squared_error_are_exact():
    A, y = X[:60] / 10.0 ** np.arange(6), Y[:60]
    weight = RNG.integers(0, 4, 60) / 2.0
    for w in (None, weight):
        found = left_out(SquaredError(), A, y, w)
        fits = LossSearchCV(
            LinearRegressor(tol=1e-12),
            [SquaredError()],
            alphas=[0.1, 0.001],
            cv=LeaveOneOut(),
            method="exact",
            refit=False,
        )
        if w is None:
            expected = fits.fit(A, y).cv_results_["mean_test_score"]
            got = found["mean_test_score"]
        else:
            expected = brute(A, y, w, 0.001)
            got = np.array([found[f"split{k}_test_score"][1] for k in range(4)])
        np.testing.assert_allclose(got, expected, rtol=1e-9)


def brute(A, y, w, alpha):
    """Minus the weighted mean of r^2 / 2 of left-out rows, in each of four folds."""
    values = np.empty(len(y))
    for i in range(len(y)):
        rest = np.arange(len(y)) != i
        mean = np.average(A[rest], axis=0, weights=w[rest])
        level = np.average(y[rest], weights=w[rest])
        Z, share = A[rest] - mean, w[rest] / w[rest].sum()
        gram = (Z.T * share) @ Z + alpha * np.eye(A.shape[1])
        coef = np.linalg.solve(gram, (Z.T * share) @ (y[rest] - level))
        values[i] = 0.5 * (level + (A[i] - mean) @ coef - y[i]) ** 2
    fold = np.arange(len(y)) % 4
    return [-np.average(values[fold == k], weights=w[fold == k]) for k in range(4)]


def test_left_out_rows_against_ridge_cv():
    A, y = X[:60] / 10.0 ** np.arange(6), Y[:60]
    alphas = np.array([0.1, 0.001])
    ridge = RidgeCV(alphas=59 * alphas, store_cv_results=True).fit(A, y)
    found = left_out(SquaredError(), A, y, alphas=alphas)
    expected = -0.5 * ridge.cv_results_.mean(axis=0)
    np.testing.assert_allclose(found["mean_test_score"], expected, rtol=1e-9)


@pytest.mark.parametrize("loss", [PseudoHuber(), LogCosh()], ids=str)
def test_left_out_rows_of_other_losses_are_near(loss):
    A, y = X[:100] / 10.0 ** np.arange(6), Y[:100]
    found = left_out(loss, A, y, alphas=[0.01])
    fits = LossSearchCV(
        LinearRegressor(),
        [loss],
        alphas=[0.01],
        cv=LeaveOneOut(),
        method="exact",
        refit=False,
    ).fit(A, y)
    assert set(found["method"]) == {"loo"}
    expected = fits.cv_results_["mean_test_score"]
    np.testing.assert_allclose(found["mean_test_score"], expected, rtol=2e-3)


# ----------------------------------------------------------------------------- races
def test_a_race_keeps_who_may_win():
    A = RNG.normal(size=(20_000, 5))
    y = A @ np.ones(5) + RNG.standard_t(2, size=20_000)
    search = LossSearchCV(
        FINE, [SquaredError(), Huber()], alphas=8, scoring=AbsoluteError(), race=0.1
    ).fit(A, y)
    results = search.cv_results_
    is_out = results["n_rows"] < 10_000
    assert 0 < is_out.sum() < 16
    whole = LossSearchCV(
        FINE, [SquaredError(), Huber()], alphas=8, scoring=AbsoluteError()
    ).fit(A, y)
    # The same, or a larger alpha that scores as well.
    assert search.best_params_["loss"].name == whole.best_params_["loss"].name
    assert search.best_params_["alpha"] >= whole.best_params_["alpha"]
    here, i = whole.cv_results_, search.best_index_
    behind = here["mean_test_score"].max() - here["mean_test_score"][i]
    assert behind <= 0.01 * here["std_test_score"][i]
    rank = results["rank_test_score"]
    assert rank[is_out].min() > rank[~is_out].max()
    np.testing.assert_allclose(
        results["mean_test_score"][~is_out],
        whole.cv_results_["mean_test_score"][~is_out],
        rtol=1e-5,
    )


def test_a_race_hardly_ever_drops_who_wins():
    """By four standard errors on all rows, of which it sees one in twenty."""
    rng, n, kept = np.random.default_rng(1), 2000, []
    for _ in range(300):
        better = rng.normal(size=n) + 4.0 / np.sqrt(20.0 * n)
        rows = [
            [_outcome(values[k::5]) for k in range(5)]
            for values in (better, np.zeros(n), -rng.random(n))
        ]
        kept.append(_race._survivors(rows, 0))
    assert np.array(kept)[:, 0].mean() > 0.99
    assert not np.array(kept)[:, 2].any()


def _outcome(values):
    return _approximate.Outcome([values.mean()], values=values)


def test_small_data_do_not_race():
    plain, raced = (
        LossSearchCV(FINE, [Huber()], alphas=3, race=race).fit(X, Y)
        for race in (False, True)
    )
    np.testing.assert_array_equal(scores(plain), scores(raced))
    with pytest.raises(ValueError, match="race"):
        LossSearchCV(FINE, [Huber()], race=2).fit(X, Y)
