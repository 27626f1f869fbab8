"""loss_scorer and d2_loss_score, against scikit-learn's metrics and in its searches."""

import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.inspection import permutation_importance
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    RidgeCV,
)
from sklearn.metrics import (
    check_scoring,
    d2_absolute_error_score,
    d2_log_loss_score,
    d2_pinball_score,
    d2_tweedie_score,
    get_scorer,
    hinge_loss,
    log_loss,
    make_scorer,
    mean_pinball_loss,
    mean_tweedie_deviance,
    r2_score,
)
from sklearn.model_selection import (
    GridSearchCV,
    LearningCurveDisplay,
    TunedThresholdClassifierCV,
    cross_val_score,
    cross_validate,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from sklearn_losses import (
    LinearClassifier,
    LinearRegressor,
    LossScorer,
    SGDClassifier,
    SGDRegressor,
    d2_loss_score,
    d2_score,
    loss_scorer,
)
from sklearn_losses.losses import (
    AbsoluteError,
    CrossEntropy,
    EpsilonInsensitive,
    Exponential,
    Gamma,
    Hinge,
    Huber,
    LogLoss,
    ModifiedHuber,
    MulticlassHinge,
    Poisson,
    Quantile,
    Savage,
    Sparsemax,
    SquaredError,
    SquaredHinge,
    Tweedie,
)
from tests.cases import LOSSES, each, each_class

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
Y = X @ [1.0, -2.0, 0.5] + RNG.normal(size=120)
COUNTS = RNG.poisson(np.exp(0.5 * X[:, 0]))
LABELS = np.where(Y > 0, "yes", "no")
THREE = np.array(["a", "b", "c"])[np.digitize(Y, [-1.0, 1.0])]
WEIGHT = RNG.choice([0.0, 0.5, 1.0, 3.0], size=120)


def sgd(loss, **params):
    cls = SGDRegressor if loss.task == "regression" else SGDClassifier
    return cls(loss=loss, random_state=0, max_iter=20, tol=None, eta0=0.01, **params)


# -------------------------------------------------------------- regression scores
def test_the_score_is_minus_the_weighted_mean_loss():
    model = LinearRegression().fit(X, Y)
    for weight in (None, WEIGHT):
        for loss in (SquaredError(), Quantile(quantile=0.9), Huber()):
            score = loss_scorer(loss)(model, X, Y, sample_weight=weight)
            assert isinstance(score, float)
            assert score == -loss.mean(Y, model.predict(X), weight)
    pinball = -mean_pinball_loss(Y, model.predict(X), alpha=0.9, sample_weight=WEIGHT)
    score = loss_scorer("quantile")(model, X, Y)
    assert score == loss_scorer(Quantile())(model, X, Y)
    score = loss_scorer(Quantile(quantile=0.9))(model, X, Y, sample_weight=WEIGHT)
    assert score == pytest.approx(pinball)


@pytest.mark.parametrize("power", [1, 1.5, 2])
def test_predictions_go_through_the_link(power):
    y = COUNTS + 1.0
    model = PoissonRegressor().fit(X, y)
    other = PoissonRegressor(alpha=100.0).fit(X, y)
    loss = Tweedie(power=power)
    score = loss_scorer(loss)(model, X, y) - loss_scorer(loss)(other, X, y)
    deviance = [
        mean_tweedie_deviance(y, m.predict(X), power=power) for m in (model, other)
    ]
    # Terms in y alone are left out, and the deviance is twice the loss.
    assert score == pytest.approx((deviance[1] - deviance[0]) / 2)


def test_own_models_give_their_raw_predictions():
    model = sgd(Poisson()).fit(X, COUNTS)
    model.intercept_ = np.array([-800.0])  # exp(-800) is 0, and its log -inf
    expected = -Poisson().mean(COUNTS, model.raw_prediction(X))
    assert loss_scorer(Poisson())(model, X, COUNTS) == expected
    scaler = StandardScaler().fit(X)
    pipeline = make_pipeline(StandardScaler(), sgd(Poisson())).fit(X, COUNTS)
    pipeline[-1].intercept_ = np.array([-800.0])
    raw = pipeline[-1].raw_prediction(scaler.transform(X))
    expected = -Poisson().mean(COUNTS, raw)
    assert loss_scorer(Poisson())(pipeline, X, COUNTS) == pytest.approx(expected)
    search = GridSearchCV(pipeline, {"sgdregressor__alpha": [1e-4]}, cv=2)
    search.fit(X, COUNTS)
    raw = search.best_estimator_[-1].raw_prediction(scaler.transform(X))
    expected = -Poisson().mean(COUNTS, raw)
    assert loss_scorer(Poisson())(search, X, COUNTS) == pytest.approx(expected)


def test_another_link_goes_through_predict():
    model = sgd(Poisson()).fit(X, COUNTS)
    score = loss_scorer(SquaredError())(model, X, COUNTS)
    assert score == -SquaredError().mean(COUNTS, model.predict(X))
    target = TransformedTargetRegressor(
        sgd(SquaredError()), func=np.log, inverse_func=np.exp
    )
    target.fit(X, COUNTS + 1.0)
    score = loss_scorer(Gamma())(target, X, COUNTS + 1.0)
    expected = -Gamma().mean(COUNTS + 1.0, np.log(target.predict(X)))
    assert score == pytest.approx(expected)


def test_a_prediction_outside_the_range_of_the_link_is_named():
    model = LinearRegression().fit(X, COUNTS)
    prediction = model.predict(X)
    row = int(np.argmax(prediction <= 0))
    assert prediction[row] <= 0
    with pytest.raises(ValueError) as error:
        loss_scorer(Poisson())(model, X, COUNTS)
    assert str(error.value) == (
        "Poisson() cannot score LinearRegression, because its prediction for row "
        f"{row} is {prediction[row]}, which is outside the range of LogLink(). Use a "
        "model whose predictions are inside, or another loss."
    )


def test_regression_errors():
    model = LinearRegression().fit(X, Y)
    with pytest.raises(
        ValueError, match="loss for classification and LinearRegression"
    ):
        loss_scorer(Hinge())(model, X, LABELS)
    with pytest.raises(
        ValueError, match="for regression and LogisticRegression is a cl"
    ):
        loss_scorer(Huber())(LogisticRegression().fit(X, LABELS), X, LABELS)
    several = LinearRegression().fit(X, np.column_stack([Y, Y]))
    with pytest.raises(ValueError, match="a loss of one output"):
        loss_scorer(Huber())(several, X, Y)
    with pytest.raises(ValueError, match=r"needs every target in .* y_true\[0\] is -"):
        loss_scorer(Poisson())(sgd(Poisson()).fit(X, COUNTS), X, -1.0 - COUNTS)


# ---------------------------------------------------------- classification scores
@pytest.mark.parametrize(
    "y", [LABELS, LABELS == "yes", THREE], ids=["str", "bool", "3"]
)
@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        GaussianNB(),
        RandomForestClassifier(n_estimators=5, random_state=0),
        sgd(ModifiedHuber()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_cross_entropy_is_log_loss(model, y):
    model.fit(X[::2], y[::2])
    scorer = get_scorer("neg_log_loss")
    expected = scorer(model, X, y, sample_weight=WEIGHT)
    score = loss_scorer(CrossEntropy())(model, X, y, sample_weight=WEIGHT)
    assert score == pytest.approx(expected, rel=1e-9)
    if len(model.classes_) == 2:
        score = loss_scorer(LogLoss())(model, X, y, sample_weight=WEIGHT)
        assert score == pytest.approx(expected, rel=1e-9)


def test_other_links_of_probabilities():
    model = GaussianNB().fit(X, LABELS)
    code = (LABELS == "yes").astype(float)
    p = model.predict_proba(X)[:, 1]
    margin = (2 * code - 1) * 0.5 * np.log(p / (1 - p))
    score = loss_scorer(Exponential())(model, X, LABELS)
    assert score == pytest.approx(-np.exp(-margin).mean())
    score = loss_scorer(Savage())(model, X, LABELS)
    assert score == pytest.approx(-np.mean(1 / (1 + np.exp(2 * margin)) ** 2))
    score = loss_scorer(ModifiedHuber())(model, X, LABELS)
    expected = ModifiedHuber().mean(code, 2 * p - 1)
    assert score == pytest.approx(-expected)
    three = GaussianNB().fit(X, THREE)
    codes = np.searchsorted(three.classes_, THREE)
    expected = Sparsemax().mean(codes, three.predict_proba(X))
    assert loss_scorer(Sparsemax())(three, X, THREE) == pytest.approx(-expected)


@pytest.mark.parametrize("y", [LABELS, THREE], ids=["two", "three"])
def test_hinge_loss(y):
    model = LinearSVC().fit(X, y)
    raw = model.decision_function(X)
    expected = hinge_loss(y, raw)
    loss = Hinge() if raw.ndim == 1 else MulticlassHinge()
    assert loss_scorer(loss)(model, X, y) == pytest.approx(-expected)
    own = sgd(loss).fit(X, y)
    expected = hinge_loss(y, own.decision_function(X))
    assert loss_scorer(loss)(own, X, y) == pytest.approx(-expected)


def test_losses_of_margins_take_any_decision_function():
    model = LogisticRegression().fit(X, LABELS)
    code = (LABELS == "yes").astype(float)
    expected = SquaredHinge().mean(code, model.decision_function(X))
    assert loss_scorer(SquaredHinge())(model, X, LABELS) == -expected


def test_own_classifiers_give_their_raw_predictions():
    model = sgd(LogLoss()).fit(X, LABELS)
    model.coef_ *= 1000.0  # probabilities of 1, whose logit has no digits
    code = (LABELS == "yes").astype(float)
    expected = -LogLoss().mean(code, model.decision_function(X))
    assert loss_scorer(LogLoss())(model, X, LABELS) == expected
    pipeline = make_pipeline(StandardScaler(), sgd(LogLoss())).fit(X, LABELS)
    pipeline[-1].coef_ *= 1000.0
    expected = -LogLoss().mean(code, pipeline.decision_function(X))
    assert loss_scorer(LogLoss())(pipeline, X, LABELS) == expected


def test_two_classes_of_a_loss_of_rows():
    model = sgd(CrossEntropy()).fit(X, LABELS)
    assert model.decision_function(X).ndim == 1
    expected = -log_loss(LABELS, model.predict_proba(X))
    assert loss_scorer(CrossEntropy())(model, X, LABELS) == pytest.approx(expected)
    assert loss_scorer(LogLoss())(model, X, LABELS) == pytest.approx(expected)
    hinge = LinearSVC().fit(X, LABELS)
    expected = -hinge_loss(LABELS, hinge.decision_function(X))
    assert loss_scorer(MulticlassHinge())(hinge, X, LABELS) == pytest.approx(expected)


def test_many_classes_of_a_loss_of_points():
    hinge, logistic = LinearSVC().fit(X, THREE), LogisticRegression().fit(X, THREE)
    raw, probability = hinge.decision_function(X), logistic.predict_proba(X)
    one_versus_rest = THREE[:, np.newaxis] == hinge.classes_
    for loss, raw_prediction, model in (
        (Hinge(), raw, hinge),
        (LogLoss(), np.log(probability / (1 - probability)), logistic),
    ):
        means = [
            loss.mean(one_versus_rest[:, k], raw_prediction[:, k], WEIGHT)
            for k in range(3)
        ]
        score = loss_scorer(loss)(model, X, THREE, sample_weight=WEIGHT)
        assert score == pytest.approx(-np.mean(means), rel=1e-9)
    own = sgd(LogLoss()).fit(X, THREE)
    means = [
        LogLoss().mean(one_versus_rest[:, k], own.decision_function(X)[:, k])
        for k in range(3)
    ]
    assert loss_scorer(LogLoss())(own, X, THREE) == pytest.approx(-np.mean(means))


def test_classification_errors():
    svc, bayes = LinearSVC().fit(X, LABELS), GaussianNB().fit(X, LABELS)
    with pytest.raises(ValueError, match="LinearSVC is without predict_proba"):
        loss_scorer(LogLoss())(svc, X, LABELS)
    with pytest.raises(ValueError, match="GaussianNB is without decision_function"):
        loss_scorer(Hinge())(bayes, X, LABELS)
    hinge = sgd(Hinge()).fit(X, LABELS)
    with pytest.raises(ValueError, match="SGDClassifier is without predict_proba"):
        loss_scorer(LogLoss())(hinge, X, LABELS)
    calibrated = CalibratedClassifierCV(hinge).fit(X, LABELS)
    assert np.isfinite(loss_scorer(LogLoss())(calibrated, X, LABELS))
    labels = LABELS.astype(object)
    labels[7] = "maybe"
    with pytest.raises(ValueError) as error:
        loss_scorer(LogLoss())(bayes, X, labels)
    assert str(error.value) == (
        "y has the label 'maybe' (at index 7), which GaussianNB has not seen: its "
        "classes are ['no', 'yes']."
    )
    four = np.digitize(Y, [-1.0, 0.0, 1.0])
    ovo = SVC(decision_function_shape="ovo").fit(X, four)
    with pytest.raises(ValueError, match="has 6 columns for 4 classes"):
        loss_scorer(MulticlassHinge())(ovo, X, four)


# ------------------------------------------------------------------ as a scorer
def test_repr_clone_pickle_and_parameters():
    scorer = loss_scorer(Huber(delta=2.0))
    assert isinstance(scorer, LossScorer)
    assert repr(scorer) == scorer.__name__ == "loss_scorer(Huber(delta=2.0))"
    assert repr(loss_scorer("log_loss", d2=True)) == "loss_scorer(LogLoss(), d2=True)"
    model = LinearRegression().fit(X, Y)
    for copy in (clone(scorer), pickle.loads(pickle.dumps(scorer))):
        assert repr(copy) == repr(scorer)
        assert copy(model, X, Y) == scorer(model, X, Y)
    assert scorer.set_params(loss__delta=3.0).loss.delta == 3.0
    assert check_scoring(model, scorer) is scorer


@pytest.mark.parametrize("what", [None, Huber, 3, Huber().mean])
def test_only_losses_make_scorers(what):
    with pytest.raises(TypeError, match="needs a loss, such as Huber"):
        loss_scorer(what)
    with pytest.raises(ValueError, match="Did you mean 'huber'"):
        loss_scorer("hubber")


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_search_over_losses_under_one_scorer(n_jobs):
    model = make_pipeline(StandardScaler(), sgd(SquaredError()))
    grid = [
        {"sgdregressor__loss": [SquaredError(), AbsoluteError(), "huber"]},
        {"sgdregressor": [QuantileRegressor(alpha=0), Ridge()]},
    ]
    scoring = {
        "median": loss_scorer(AbsoluteError()),
        "d2": loss_scorer(AbsoluteError(), d2=True),
        "sklearn": "neg_mean_absolute_error",
    }
    search = GridSearchCV(model, grid, scoring=scoring, refit="d2", cv=3, n_jobs=n_jobs)
    results = search.fit(X, Y).cv_results_
    np.testing.assert_allclose(
        results["mean_test_median"], results["mean_test_sklearn"], rtol=1e-12
    )
    expected = loss_scorer(AbsoluteError(), d2=True)(search, X, Y)
    assert search.score(X, Y) == expected
    one = GridSearchCV(model, grid, scoring=scoring["median"], cv=3, n_jobs=n_jobs)
    np.testing.assert_array_equal(
        one.fit(X, Y).cv_results_["mean_test_score"], results["mean_test_median"]
    )
    assert repr(clone(one).scoring) == "loss_scorer(AbsoluteError())"


def test_cross_validation_of_different_losses_and_models():
    X, y = load_iris(return_X_y=True)
    own = [
        sgd(loss, alpha=0.1) for loss in (CrossEntropy(), LogLoss(), ModifiedHuber())
    ]
    for model in (*(make_pipeline(StandardScaler(), m) for m in own), GaussianNB()):
        scores = cross_validate(
            model,
            X,
            y,
            scoring={"own": loss_scorer(CrossEntropy()), "log": "neg_log_loss"},
        )
        np.testing.assert_allclose(scores["test_own"], scores["test_log"], rtol=1e-6)
        assert np.isfinite(
            cross_val_score(model, X, y, scoring=loss_scorer(LogLoss()))
        ).all()


def test_sparse_input():
    model = sgd(Huber()).fit(X, Y)
    scorer = loss_scorer(Huber())
    dense = scorer(model, X, Y)
    assert scorer(model, sparse.csr_array(X), Y) == pytest.approx(dense)


class Recorder(RegressorMixin, BaseEstimator):
    """Predicts 0, and fits nothing."""

    def fit(self, X, y, sample_weight=None):
        self.weighted_ = sample_weight is not None
        return self

    def predict(self, X):
        return np.zeros(len(X))


def fold_scores(loss, weight):
    """What cross_validate(cv=3) has to find for Recorder, a score a fold."""
    return [
        -loss.mean(
            Y[fold], np.zeros(len(fold)), None if weight is None else weight[fold]
        )
        for fold in np.array_split(np.arange(len(Y)), 3)
    ]


def test_weights_are_routed_on_request_only():
    weight = WEIGHT + 0.1
    with config_context(enable_metadata_routing=True):
        model = Recorder().set_fit_request(sample_weight=True)
        for request, expected in ((True, weight), (False, None)):
            scorer = loss_scorer(Huber()).set_score_request(sample_weight=request)
            for scoring in (scorer, {"loss": scorer, "r2": "r2"}):
                if isinstance(scoring, dict):
                    scoring["r2"] = get_scorer("r2").set_score_request(
                        sample_weight=False
                    )
                found = cross_validate(
                    model,
                    X,
                    Y,
                    scoring=scoring,
                    cv=3,
                    params={"sample_weight": weight},
                )
                key = "test_loss" if isinstance(scoring, dict) else "test_score"
                np.testing.assert_allclose(found[key], fold_scores(Huber(), expected))
        scorer = loss_scorer(Huber()).set_score_request(sample_weight=True)
        search = GridSearchCV(model, {}, scoring=scorer, cv=3)
        search.fit(X, Y, sample_weight=weight)
        expected = np.mean(fold_scores(Huber(), weight))
        assert search.best_score_ == pytest.approx(expected)
        assert repr(clone(scorer).get_metadata_routing()) == (
            "{'score': {'sample_weight': True, 'offset': True, 'groups': True, "
            "'strata': True}}"
        )


def test_weights_that_nobody_has_asked_about_are_an_error():
    with config_context(enable_metadata_routing=True):
        model = Recorder().set_fit_request(sample_weight=True)
        with pytest.raises(ValueError, match="sample_weight"):
            cross_validate(
                model,
                X,
                Y,
                scoring=loss_scorer(Huber()),
                params={"sample_weight": WEIGHT},
            )


@pytest.mark.parametrize("several", [False, True], ids=["one", "dict"])
def test_weights_without_routing(several):
    # As with scikit-learn's own scorers, a search hands the weights of fit on.
    weight = WEIGHT + 0.1
    scorer, own = loss_scorer(AbsoluteError()), "neg_mean_absolute_error"
    for scoring in (scorer, own):
        if several:
            scoring = {"a": scoring}
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            search = GridSearchCV(
                Recorder(), {}, scoring=scoring, cv=3, refit="a" if several else True
            ).fit(X, Y, sample_weight=weight)
        expected = np.mean(fold_scores(AbsoluteError(), weight))
        assert search.best_score_ == pytest.approx(expected)


# ------------------------------------------------------------------------- d2
def predictions(rng, y):
    return y + rng.normal(size=len(y))


@pytest.mark.parametrize("weight", [None, WEIGHT[:61]], ids=["plain", "weighted"])
def test_d2_of_regression(weight):
    rng = np.random.default_rng(1)
    y = np.round(3 * rng.normal(size=61), 1)
    p = predictions(rng, y)
    for loss, score in (
        (SquaredError(), r2_score),
        (AbsoluteError(), d2_absolute_error_score),
        (Quantile(quantile=0.5), d2_pinball_score),
    ):
        expected = score(y, p, sample_weight=weight)
        assert d2_loss_score(y, p, loss, weight) == pytest.approx(expected, rel=1e-12)
    expected = d2_pinball_score(y, p, alpha=0.9, sample_weight=weight)
    found = d2_loss_score(y, p, Quantile(quantile=0.9), weight)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize("power", [1, 1.5, 2, 3])
def test_d2_of_tweedie(power, weight):
    rng = np.random.default_rng(1)
    y = COUNTS + (0.5 if power >= 2 else 0.0)
    p = np.exp(rng.normal(size=120))
    expected = d2_tweedie_score(y, p, power=power, sample_weight=weight)
    found = d2_loss_score(y, np.log(p), Tweedie(power=power), weight)
    assert found == pytest.approx(expected, rel=1e-10)
    if power == 1:
        assert d2_loss_score(y, np.log(p), Poisson(), weight) == pytest.approx(expected)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_d2_of_classification(weight):
    for y, losses in (
        (LABELS, (LogLoss(), CrossEntropy())),
        (THREE, (CrossEntropy(),)),
    ):
        model = LogisticRegression().fit(X, y)
        expected = d2_log_loss_score(y, model.predict_proba(X), sample_weight=weight)
        for loss in losses:
            score = loss_scorer(loss, d2=True)(model, X, y, sample_weight=weight)
            assert score == pytest.approx(expected, rel=1e-9)


def test_d2_one_versus_rest_has_a_constant_for_each_class():
    model = LogisticRegression().fit(X, THREE)
    score = loss_scorer(LogLoss(), d2=True)(model, X, THREE)
    p = model.predict_proba(X)
    onehot = (THREE[:, np.newaxis] == model.classes_).astype(float)
    of_model = of_constant = 0.0
    for k in range(3):
        of_model += log_loss(onehot[:, k], p[:, k])
        of_constant += log_loss(onehot[:, k], np.full(120, onehot[:, k].mean()))
    assert score == pytest.approx(1 - of_model / of_constant)
    both = d2_loss_score(np.column_stack([Y, Y]), np.column_stack([Y, Y]), Huber())
    assert both == 1.0


@each_class(LOSSES)
def test_d2_of_perfect_predictions_and_of_the_best_constant(loss):
    rng = np.random.default_rng(2)
    if loss.task == "regression":
        y = rng.poisson(3.0, size=50) + 1.0
        perfect = loss.link.link(y)
    else:
        y = rng.integers(0, 3 if loss.granularity == "row" else 2, size=50).astype(
            float
        )
        classes = np.unique(y)
        best = [
            loss.optimal_constant(classes, (classes == k).astype(float))
            for k in classes
        ]
        perfect = np.array(best)[y.astype(int)]
    constant = np.broadcast_to(loss.optimal_constant(y), perfect.shape)
    assert d2_loss_score(y, perfect, loss) == pytest.approx(1.0, abs=1e-9)
    assert d2_loss_score(y, constant, loss) == pytest.approx(0.0, abs=1e-9)


def test_d2_of_constant_targets():
    for loss, y in (
        (SquaredError(), np.full(5, 0.1)),
        (AbsoluteError(), np.full(5, 1e9)),
        (Poisson(), np.full(5, 3.0)),
        (Poisson(), np.zeros(5)),
        (Gamma(), np.full(5, 0.1)),
        (LogLoss(), np.ones(5)),
    ):
        best = np.full(5, loss.optimal_constant(y))
        assert d2_loss_score(y, best, loss) == 1.0
        assert d2_loss_score(y, np.full(5, -0.3), loss) == 0.0
    # Not constant, but a constant is perfect.
    wide = EpsilonInsensitive(epsilon=10.0)
    assert d2_loss_score([1.0, 2.0], [1.0, 2.0], wide) == 1.0
    assert d2_loss_score([1.0, 2.0], [1.0, 20.0], wide) == 0.0
    # One class seen: its best raw prediction is infinite, and its loss the limit, 0.
    rows = np.zeros((4, 3))
    assert d2_loss_score(np.ones(4), rows, CrossEntropy()) == 0.0
    rows[:, 1] = np.inf
    assert d2_loss_score(np.ones(4), rows, CrossEntropy()) == 1.0


def test_d2_with_classes_that_nobody_has():
    raw = np.random.default_rng(0).normal(size=(30, 4))
    y = np.tile([0.0, 2.0], 15)
    for loss in (CrossEntropy(), CrossEntropy(label_smoothing=0.1), Sparsemax()):
        score = d2_loss_score(y, raw, loss)
        assert np.isfinite(score)
        assert score < 0


def test_d2_of_a_row_of_weight_zero_and_infinite_loss():
    y, raw = np.array([0.0, 1.0, 1.0]), np.array([0.3, 0.2, -np.inf])
    found = d2_loss_score(y, raw, LogLoss(), [1.0, 1.0, 0.0])
    assert found == pytest.approx(d2_loss_score(y[:2], raw[:2], LogLoss()))


def test_d2_of_one_sample_is_not_defined():
    with pytest.warns(UndefinedMetricWarning, match="less than two samples"):
        assert np.isnan(d2_loss_score([1.0], [1.0], Huber()))


def test_d2_in_make_scorer():
    X, y = load_diabetes(return_X_y=True)
    model = LinearRegression().fit(X, y)
    scorer = make_scorer(d2_loss_score, loss=SquaredError())
    assert scorer(model, X, y) == pytest.approx(r2_score(y, model.predict(X)))
    assert loss_scorer(SquaredError(), d2=True)(model, X, y) == scorer(model, X, y)


class Dummy(ClassifierMixin, BaseEstimator):
    """Says the same probabilities always, in the order of its classes."""

    classes_ = np.array([2, 0, 1])

    def predict_proba(self, X):
        return np.tile([0.2, 0.5, 0.3], (len(X), 1))


def test_labels_are_those_of_the_estimator():
    y = np.array([2, 0, 1, 1])
    score = loss_scorer(CrossEntropy())(Dummy(), X[:4], y)
    assert score == pytest.approx(np.log([0.2, 0.5, 0.3, 0.3]).mean())


# ------------------------------------------------------------- wherever a scorer goes
AS_SCORERS = [loss_scorer(Huber(20.0)), Huber(20.0)]


@pytest.mark.parametrize("scorer", AS_SCORERS, ids=repr)
def test_losses_and_their_scorers_go_wherever_a_scorer_goes(scorer):
    X, y = load_diabetes(return_X_y=True)
    X, y, weight = X[:99], y[:99], np.arange(99.0)
    model = LinearRegression()
    expected = -Huber(20.0).mean(y, model.fit(X, y).predict(X))
    assert scorer(model, X, y) == expected
    curves = LearningCurveDisplay.from_estimator(
        model, X, y, scoring=scorer, train_sizes=[0.5, 1.0], cv=2
    )
    assert "huber" in curves.ax_.get_ylabel().lower()
    grid = GridSearchCV(
        *(model, {"fit_intercept": [True, False]}), scoring=scorer, cv=2
    )
    assert grid.fit(X, y, sample_weight=weight).best_score_ < 0
    several = {"huber": scorer, "r2": "r2"}
    grid = grid.set_params(scoring=several, refit="huber")
    assert grid.fit(X, y, sample_weight=weight).best_score_ < 0
    assert RidgeCV(scoring=scorer, cv=2).fit(X, y).best_score_ < 0
    found = permutation_importance(model, X, y, scoring=scorer, n_repeats=1)
    assert found.importances_mean.max() > 0
    chosen = SequentialFeatureSelector(model, scoring=scorer, n_features_to_select=1)
    assert chosen.fit(X, y).get_support().sum() == 1


@pytest.mark.parametrize("scorer", [loss_scorer(LogLoss()), LogLoss()], ids=repr)
def test_a_threshold_of_labels_is_not_for_a_loss(scorer):
    X, y = load_breast_cancer(return_X_y=True)
    search = TunedThresholdClassifierCV(LinearClassifier(), scoring=scorer, cv=2)
    with pytest.raises(AttributeError, match="which no threshold of labels changes"):
        search.fit(X, y)


def test_d2_score_finds_the_raw_predictions():
    X, y = load_diabetes(return_X_y=True)
    ours, theirs = LinearRegressor("poisson").fit(X, y), PoissonRegressor().fit(X, y)
    raw = ours.raw_prediction(X)
    expected = d2_loss_score(y, raw, Poisson())
    assert d2_score(ours, X, y, "poisson") == pytest.approx(expected)
    assert d2_score(theirs, X, y, Poisson()) == pytest.approx(theirs.score(X, y))
    weight = np.arange(len(y))
    assert d2_score(ours, X, y, Poisson(), weight) == pytest.approx(
        d2_loss_score(y, raw, Poisson(), weight)
    )
    with pytest.raises(TypeError, match="d2_score needs a loss"):
        d2_score(ours, X, y, Poisson)


@each([LogLoss(), Hinge(), CrossEntropy(), MulticlassHinge()])
def test_classes_are_no_raw_predictions(loss):
    y = np.arange(30) % 3 if loss.granularity == "row" else np.arange(30) % 2
    labels = np.roll(y, 1) if loss.granularity == "point" else np.eye(3)[y]
    with pytest.warns(UserWarning, match="no values but 0 and 1, as classes have"):
        d2_loss_score(y, labels, loss)


def test_predictions_on_the_scale_of_y_are_noticed():
    X, y = load_diabetes(return_X_y=True)
    y = y / 100.0
    model = LinearRegressor("poisson").fit(X, y)
    with pytest.warns(UserWarning, match=r"may be on the scale of y.*use d2_score"):
        d2_loss_score(y, model.predict(X), Poisson())
    with pytest.warns(UserWarning, match="may be on the scale of y"):
        d2_loss_score(y / 1.5, np.round(model.predict(X) / 1.5), Poisson())
    labels = y > 1.5
    model = LinearClassifier().fit(X, labels)
    with pytest.warns(UserWarning, match="may be on the scale of y"):
        d2_loss_score(labels, model.predict_proba(X)[:, 1], LogLoss())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        d2_loss_score(labels, model.decision_function(X), LogLoss())
        d2_loss_score(labels, np.zeros(len(y)), LogLoss())  # a constant, and no class
        d2_loss_score(y, np.full(len(y), 3.0), Poisson())  # bad, whatever they are
