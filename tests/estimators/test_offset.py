"""offset: what is known of raw predictions.

Oracles: other units of y (a loss of residuals), weights (Poisson), an intercept,
statsmodels, and the objective itself.
"""

import warnings

import numpy as np
import pytest
import sklearn
import statsmodels.api as sm
from scipy import sparse
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_losses import (
    AbsoluteError,
    CrossEntropy,
    GaussianDistribution,
    Hinge,
    Huber,
    LinearClassifier,
    LinearOrdinalClassifier,
    LinearRanker,
    LinearRegressor,
    LinearSurvival,
    LogLoss,
    MulticlassHinge,
    NumpyLoss,
    Poisson,
    Quantile,
    Quantiles,
    Savage,
    SGDClassifier,
    SGDOrdinalClassifier,
    SGDRanker,
    SGDRegressor,
    SGDSurvival,
    Sigmoid,
    SquaredError,
    TukeyBiweight,
    WeibullAFT,
    alpha_max,
    loss_scorer,
    regularization_path,
    standard_errors,
    survival_target,
)
from tests.cases import each

N, D, K = 200, 4, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D))
O = RNG.normal(size=N)  # noqa: E741
MANY = RNG.normal(size=(N, K))
W = RNG.normal(size=D)
Y = X @ W + O + RNG.normal(size=N)
LABELS = (X @ W + O + RNG.logistic(size=N) > 0).astype(int)
COUNTS = RNG.poisson(np.exp(0.3 * (X @ W) + O))
CLASSES = (X @ RNG.normal(size=(D, K)) + MANY + RNG.gumbel(size=(N, K))).argmax(axis=1)

AUTO = {"tol": 1e-9}
STEPS = {"learning_rate": "invscaling", "eta0": 0.05, "max_iter": 3, "tol": None}
STEPS |= {"random_state": 0}
SETTINGS = {
    "auto": AUTO,
    "steps": STEPS,
    "batches": STEPS | {"batch_size": 7},
    "adam": STEPS | {"optimizer": "adam"},
    "averaged": STEPS | {"average": True},
}
FORMS = {"dense": np.asarray, "csr": sparse.csr_matrix}


def target_of(loss):
    if loss.task == "regression":
        return COUNTS if isinstance(loss, Poisson) else Y
    return LABELS if loss.granularity == "point" else CLASSES


def fit_class(kind, loss):
    names = {"SGD": (SGDRegressor, SGDClassifier)}
    names["Linear"] = LinearRegressor, LinearClassifier
    return names[kind][loss.task != "regression"]


# ------------------------------------------------------------------ what it means
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("setting", SETTINGS)
@each([SquaredError(), Huber(), Quantile(0.3)])
def test_of_residuals_it_is_taken_from_y(loss, setting, form):
    rows = FORMS[form](X)
    ours = SGDRegressor(loss, **SETTINGS[setting]).fit(rows, Y, offset=O)
    other = SGDRegressor(loss, **SETTINGS[setting]).fit(rows, Y - O)
    np.testing.assert_allclose(ours.coef_, other.coef_, rtol=1e-6, atol=1e-9)
    raw = ours.predict(rows, offset=O)
    np.testing.assert_allclose(raw, other.predict(rows) + O, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", ["SGD", "Linear"])
@each([Huber(), Poisson(), LogLoss(), Hinge(), Savage(), TukeyBiweight()])
def test_a_constant_moves_the_intercept(kind, loss):
    make, y = fit_class(kind, loss), target_of(loss)
    plain = make(loss, **AUTO).fit(X, y)
    moved = make(loss, **AUTO).fit(X, y, offset=0.7)
    # A loss that is not convex begins elsewhere, and ends as near as tol says.
    is_same = kind == "Linear" or (loss.differentiable and loss.convex)
    atol = 1e-10 if is_same else 1e-5
    np.testing.assert_allclose(moved.intercept_ + 0.7, plain.intercept_, atol=atol)
    np.testing.assert_allclose(moved.coef_, plain.coef_, atol=atol)


@each([AbsoluteError(), Quantiles([0.2, 0.8]), CrossEntropy(), Sigmoid()])
def test_a_constant_changes_no_step(loss):
    y = target_of(loss)
    make = LinearRegressor if loss.task == "regression" else LinearClassifier
    n = K if loss.granularity == "row" and loss.task == "multiclass" else 1
    plain = make(loss).fit(X, y)
    constant = np.full((N, n), -3.25)
    moved = make(loss, warm_start=True).fit(X, y, offset=constant)
    assert moved.n_iter_ == plain.n_iter_
    np.testing.assert_allclose(moved.intercept_ - 3.25, plain.intercept_, atol=1e-10)
    np.testing.assert_array_equal(moved.coef_, plain.coef_)
    np.testing.assert_array_equal(moved.objective_, plain.objective_)
    again = moved.fit(X, y, offset=constant + 2.0)  # begins at the minimum
    np.testing.assert_allclose(again.intercept_ - 1.25, plain.intercept_, rtol=1e-4)


@pytest.mark.parametrize("loss", ["cumulative_logit", "immediate_threshold"])
def test_thresholds_take_a_constant(loss):
    plain, moved = LinearOrdinalClassifier(loss), LinearOrdinalClassifier(loss)
    plain.fit(X, CLASSES, offset=O)
    moved.fit(X, CLASSES, offset=O + 2.0**20)
    ends = moved.thresholds_ - 2.0**20
    np.testing.assert_allclose(ends, plain.thresholds_, rtol=1e-8)
    np.testing.assert_allclose(moved.coef_, plain.coef_, rtol=1e-9)
    assert moved.n_iter_ == plain.n_iter_


@pytest.mark.parametrize("setting", [name for name in SETTINGS if name != "auto"])
@each([LogLoss(), Hinge(), CrossEntropy()])
def test_a_constant_in_steps_is_where_the_intercept_begins(loss, setting):
    y = target_of(loss)
    n = 1 if loss.granularity == "point" else K
    ours = SGDClassifier(loss, **SETTINGS[setting])
    other = SGDClassifier(loss, **SETTINGS[setting])
    ours.fit(X, y, offset=np.full((N, n), 0.5))
    other.fit(X, y, intercept_init=np.full(n, 0.5))
    if setting != "averaged":
        np.testing.assert_allclose(ours.intercept_ + 0.5, other.intercept_, rtol=1e-9)
    np.testing.assert_allclose(ours.coef_, other.coef_, rtol=1e-9)


def test_exposure_is_a_weight_of_poisson_rates():
    exposure = np.exp(O)
    counts = LinearRegressor(Poisson(), penalty=None, tol=1e-12)
    rates = LinearRegressor(Poisson(), penalty=None, tol=1e-12)
    counts.fit(X, COUNTS, offset=np.log(exposure))
    rates.fit(X, COUNTS / exposure, sample_weight=exposure)
    np.testing.assert_allclose(counts.coef_, rates.coef_, rtol=1e-7)
    np.testing.assert_allclose(
        counts.predict(X, offset=O), exposure * rates.predict(X), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("loss", "family"),
    [(Poisson(), sm.families.Poisson()), (LogLoss(), sm.families.Binomial())],
    ids=["poisson", "logit"],
)
def test_statsmodels_agrees(loss, family):
    y = target_of(loss)
    model = fit_class("Linear", loss)(loss, penalty=None, tol=1e-12)
    model.fit(X, y, offset=O)
    known = sm.GLM(y, sm.add_constant(X), family=family, offset=O).fit(cov_type="HC0")
    found = np.append(model.intercept_, model.coef_)
    np.testing.assert_allclose(found, known.params, rtol=1e-6)
    errors = standard_errors(model, X, y, offset=O)
    found = np.append(errors.intercept, errors.coef)
    np.testing.assert_allclose(found, known.bse, rtol=1e-5)


# ------------------------------------------------------------------ every solver
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("penalty", ["l2", "l1", None])
@each([Quantile(0.3), Poisson(), LogLoss(), Hinge(), MulticlassHinge()])
def test_the_gap_is_one(loss, penalty, form):
    y, offset = target_of(loss), O if loss.granularity == "point" else MANY
    make, rows = fit_class("Linear", loss), FORMS[form](X)
    found = make(loss, penalty=penalty, alpha=1e-2).fit(rows, y, offset=offset)
    # The objective is what the scorer says of it, and no coefficients beat the bound.
    size = 0.0
    if penalty == "l2":
        size = 0.5e-2 * np.sum(found.coef_**2)
    elif penalty == "l1":
        size = 1e-2 * np.abs(found.coef_).sum()
    mean = -loss_scorer(loss)(found, rows, y, offset=offset)
    np.testing.assert_allclose(found.objective_, mean + size, rtol=1e-9)
    scale = make(loss, penalty=penalty, alpha=1e-2).fit(rows, y).objective_
    assert 0.0 <= found.gap_ <= 1e-5 * abs(scale)
    other = fit_class("SGD", loss)(loss, penalty=penalty, alpha=1e-2, tol=1e-6)
    other.fit(rows, y, offset=offset)
    np.testing.assert_allclose(other.coef_, found.coef_, atol=2e-2)


@each([SquaredError(), Quantile(0.3)])
def test_the_active_set_agrees(loss):
    wide = np.hstack([X, np.random.default_rng(1).normal(size=(N, 150))])
    settings = {"penalty": "l1", "alpha": 0.05}
    ours = LinearRegressor(loss, **settings).fit(wide, Y, offset=O)
    other = LinearRegressor(loss, **settings).fit(wide, Y - O)
    assert ours.solver_ == "active-set"
    np.testing.assert_allclose(ours.objective_, other.objective_, rtol=1e-6)
    largest = alpha_max(LinearRegressor(loss, **settings), wide, Y, offset=O)
    np.testing.assert_allclose(
        largest, alpha_max(LinearRegressor(loss, **settings), wide, Y - O), rtol=1e-6
    )
    path = regularization_path(
        LinearRegressor(loss, **settings), wide, Y, offset=O, n_alphas=3, ratio=0.1
    )
    assert not path.coefs[0].any()
    assert path.coefs[-1].any()


def test_many_rows_begin_at_a_sample():
    rng = np.random.default_rng(2)
    rows, offset = rng.normal(size=(30_000, D)), rng.normal(size=30_000)
    y = (rows @ W + offset + rng.logistic(size=30_000) > 0).astype(int)
    found = LinearClassifier(penalty=None).fit(rows, y, offset=offset)
    known = sm.Logit(y, sm.add_constant(rows), offset=offset).fit(disp=False)
    np.testing.assert_allclose(found.coef_[0], known.params[1:], atol=2e-3)


def test_two_classes_of_a_joint_loss_are_a_difference():
    joint = LinearClassifier(CrossEntropy(), penalty=None).fit(X, LABELS, offset=O)
    binary = LinearClassifier(LogLoss(), penalty=None).fit(X, LABELS, offset=O)
    np.testing.assert_allclose(joint.coef_, binary.coef_, atol=1e-3)
    np.testing.assert_allclose(
        joint.predict_proba(X, offset=O), binary.predict_proba(X, offset=O), atol=1e-3
    )


def test_one_versus_rest_takes_a_column_for_each_class():
    model = LinearClassifier(LogLoss()).fit(X, CLASSES, offset=MANY)
    for k in range(K):
        own = LinearClassifier(LogLoss()).fit(X, k == CLASSES, offset=MANY[:, k])
        np.testing.assert_allclose(model.coef_[k], own.coef_[0], rtol=1e-9)
    raw = model.decision_function(X, offset=MANY)
    np.testing.assert_array_equal(model.predict(X, offset=MANY), raw.argmax(axis=1))


def test_scale_is_that_of_the_residuals():
    ours = SGDRegressor(Huber(scale="mad")).fit(X, Y, offset=O)
    other = SGDRegressor(Huber(scale="mad")).fit(X, Y - O)
    np.testing.assert_allclose(ours.scale_, other.scale_, rtol=1e-6)
    np.testing.assert_allclose(ours.coef_, other.coef_, rtol=1e-5)


def value(y, p):
    return np.log1p(np.exp(-np.abs(p - y))) + np.maximum(p - y, 0.0)


def gradient(y, p):
    return 1.0 / (1.0 + np.exp(-(p - y)))


def test_a_custom_loss_takes_it():
    loss = NumpyLoss(value, gradient, convex=True) + 0.5 * SquaredError()
    ours = LinearRegressor(loss).fit(X[:60], Y[:60], offset=O[:60])
    other = LinearRegressor(loss).fit(X[:60], Y[:60] - O[:60])
    np.testing.assert_allclose(ours.coef_, other.coef_, atol=1e-4)


# ------------------------------------------------------------------------ streams
@pytest.mark.parametrize("width", [0, 3000], ids=["narrow", "wide"])
@each([SquaredError(), Poisson(), LogLoss(), CrossEntropy(), Quantile(0.3)])
def test_streams(loss, width):
    y, offset = target_of(loss), O if loss.granularity == "point" else MANY
    rows = sparse.csr_matrix(X)
    if width:
        rows = sparse.hstack([rows, sparse.csr_matrix((N, width))]).tocsr()
    make = fit_class("SGD", loss)
    more = {} if loss.task == "regression" else {"classes": np.unique(y)}
    ours = make(loss, alpha=1e-2)
    for i in range(0, N, 20):
        some = slice(i, i + 20)
        ours.partial_fit(rows[some], y[some], offset=offset[some], **more)
    best = make(loss, alpha=1e-2, tol=1e-6).fit(rows, y, offset=offset)
    plain = make(loss, alpha=1e-2, tol=1e-6).fit(rows, y)

    def objective(model):
        score = loss_scorer(loss)(model, rows, y, offset=offset)
        return 0.5e-2 * np.sum(model.coef_**2) - score

    lost = objective(plain) - objective(best)
    assert objective(ours) - objective(best) <= 0.02 * lost


def test_calls_of_a_stream_may_have_none():
    ours, other = SGDRegressor(), SGDRegressor()
    for i in range(0, N, 20):
        some = slice(i, i + 20)
        given = {"offset": O[some]} if i % 40 else {}
        ours.partial_fit(X[some], Y[some], **given)
        other.partial_fit(X[some], Y[some] - given.get("offset", 0.0))
    np.testing.assert_allclose(ours.coef_, other.coef_, rtol=1e-9)


# ----------------------------------------------------------- scikit-learn around it
def test_validation_rows_have_their_own():
    some, rest = slice(0, 120), slice(120, N)
    settings = {"learning_rate": "constant", "eta0": 0.01, "random_state": 0}
    ours, other = SGDRegressor(**settings), SGDRegressor(**settings)
    ours.fit(
        *(X[some], Y[some]),
        **{"X_val": X[rest], "y_val": Y[rest]},
        **{"offset": O[some], "offset_val": O[rest]},
    )
    other.fit(X[some], (Y - O)[some], X_val=X[rest], y_val=(Y - O)[rest])
    np.testing.assert_allclose(
        ours.validation_loss_curve_, other.validation_loss_curve_, rtol=1e-9
    )


@pytest.mark.parametrize("kind", ["regressor", "ranker"])
def test_validation_rows_without_it_warn(kind):
    ranks = kind == "ranker"
    model = SGDRanker(max_iter=2) if ranks else SGDRegressor(max_iter=2)
    rows = {"X_val": X, "y_val": LABELS if ranks else Y, "offset": O}
    if ranks:
        rows |= {"groups": QUERIES["groups"], "groups_val": QUERIES["groups"]}
    with pytest.warns(UserWarning, match="has an offset, and its validation rows none"):
        model.fit(X, LABELS if ranks else Y, **rows)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "SGD.* validation rows")
        model.fit(X, LABELS if ranks else Y, **rows, offset_val=0)


def test_early_stopping_scores_with_it_or_refuses():
    settings = {"early_stopping": True, "learning_rate": "constant", "random_state": 0}
    own = SGDRegressor(Huber(), scoring=loss_scorer(Huber()), **settings)
    own.fit(X, Y, offset=O)
    other = SGDRegressor(Huber(), scoring=loss_scorer(Huber()), **settings)
    other.fit(X, Y - O)
    np.testing.assert_allclose(own.coef_, other.coef_, rtol=1e-9)
    model = SGDRegressor(scoring="r2", **settings)
    with pytest.raises(ValueError, match="cannot be 'r2' with an offset"):
        model.fit(X, Y, offset=O)


def test_score():
    model = LinearRegressor().fit(X, Y, offset=O)
    rest = np.sum((Y - model.predict(X, offset=O)) ** 2)
    r2 = 1.0 - rest / np.sum((Y - Y.mean()) ** 2)
    assert model.score(X, Y, offset=O) == pytest.approx(r2)
    model = LinearClassifier().fit(X, LABELS, offset=O)
    hits = model.predict(X, offset=O) == LABELS
    assert model.score(X, LABELS, offset=O) == pytest.approx(hits.mean())
    weight = RNG.random(N)
    weighted = np.average(hits, weights=weight)
    assert model.score(X, LABELS, weight, offset=O) == pytest.approx(weighted)


@pytest.mark.parametrize("kind", ["SGD", "Linear"])
def test_searches_and_pipelines_pass_it_on(kind):
    model = make_pipeline(StandardScaler(), fit_class(kind, Poisson())(Poisson()))
    name = model.steps[-1][0]
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(
            model,
            {f"{name}__alpha": [1e-3, 1.0]},
            scoring=loss_scorer(Poisson()),
            cv=3,
            error_score="raise",
        )
        search.fit(X, COUNTS, offset=O)
        by_hand = search.best_estimator_.predict(X, offset=O)
        folds = cross_validate(
            model,
            X,
            COUNTS,
            cv=3,
            params={"offset": O},
            scoring=loss_scorer(Poisson()),
            error_score="raise",
        )
    known = fit_class(kind, Poisson())(Poisson(), alpha=1e-3)
    scaled = StandardScaler().fit_transform(X)
    known.fit(scaled, COUNTS, offset=O)
    np.testing.assert_allclose(by_hand, known.predict(scaled, offset=O), rtol=1e-4)
    without = cross_validate(
        model, X, COUNTS, cv=3, scoring=loss_scorer(Poisson()), error_score="raise"
    )
    assert folds["test_score"].mean() > without["test_score"].mean()


def test_others_cannot_be_scored_with_it():
    model = StandardScaler().fit(X)
    with pytest.raises(ValueError, match="cannot score StandardScaler with an offset"):
        loss_scorer(SquaredError())(model, X, Y, offset=O)


# ------------------------------------------------------------------------ bad input
@pytest.mark.parametrize(
    ("offset", "message"),
    [
        (O[:-1], r"must have the shape \(200,\).*Got the shape \(199,\)"),
        (MANY, r"Got the shape \(200, 3\)"),
        (np.where(np.arange(N) == 7, np.nan, O), r"offset\[7\] is nan"),
        (np.where(np.arange(N) == 3, np.inf, O), r"offset\[3\] is inf"),
        (["a"] * N, "must be real numbers"),
        (O + 1j, "must be real numbers. Got the dtype complex128"),
    ],
    ids=["length", "columns", "nan", "inf", "strings", "complex"],
)
def test_bad_offsets_are_refused(offset, message):
    for make in (SGDRegressor, LinearRegressor):
        model = make().fit(X, Y)
        before = model.coef_
        with pytest.raises(ValueError, match=message):
            model.fit(X, Y, offset=offset)
        assert model.coef_ is before
        with pytest.raises(ValueError, match=message):
            model.predict(X, offset=offset)


def test_classes_need_a_column_each():
    with pytest.raises(
        ValueError, match=r"\(200, 3\), a number for each row and class"
    ):
        LinearClassifier().fit(X, CLASSES, offset=O)


@pytest.mark.parametrize("kind", ["SGD", "Linear"])
def test_a_prediction_without_it_warns(kind):
    make = fit_class(kind, LogLoss())
    model = make(LogLoss()).fit(X, LABELS, offset=O)
    for method in (
        "predict",
        "predict_proba",
        "decision_function",
        "predict_log_proba",
    ):
        with pytest.warns(UserWarning, match="was fitted with an offset"):
            getattr(model, method)(X)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            getattr(model, method)(X, offset=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, LABELS).predict(X)
        model.fit(X, LABELS, offset=0).predict(X)  # there was none to miss


QUERIES = {"groups": np.repeat(np.arange(20), 10)}
TIMES = survival_target(np.ones(N, bool), np.exp(0.1 * Y))
OTHERS = {
    "distribution": (LinearRegressor(GaussianDistribution()), Y, {}),
    "outputs": (SGDRegressor(GaussianDistribution()), Y, {}),
    "quantiles": (LinearRegressor(Quantiles([0.1, 0.9])), Y, {}),
    "ordinal": (LinearOrdinalClassifier(), CLASSES, {}),
    "sgd ordinal": (SGDOrdinalClassifier(), CLASSES, {}),
    "ranker": (LinearRanker(), LABELS, QUERIES),
    "sgd ranker": (SGDRanker(), LABELS, QUERIES),
    "hazards": (LinearSurvival(), TIMES, {}),
    "sgd hazards": (SGDSurvival(), TIMES, {}),
    "times": (LinearSurvival(WeibullAFT()), TIMES, {}),  # in which y holds the offset
}


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("form", FORMS)
def test_every_estimator_predicts_with_it_or_warns(kind, form):
    model, y, groups = OTHERS[kind]
    rows = FORMS[form](X)
    model.fit(rows, y, offset=O, **groups)
    with pytest.warns(UserWarning, match="was fitted with an offset"):
        without = model.predict(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(model.predict(rows, offset=0), without)
        assert np.any(model.predict(rows, offset=O) != without)
