"""Bad input: the message names the parameter or the row, and the model stays as it was."""

import copy
import inspect
import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.datasets import load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

import sklearn_losses
from sklearn_losses import (
    WARP,
    AbsoluteError,
    CrossEntropy,
    GroupLoss,
    Hinge,
    Huber,
    LabelRanking,
    LearnedLink,
    LinearClassifier,
    LinearRanker,
    LogLoss,
    NegativeBinomial,
    Perceptron,
    Poisson,
    Quantile,
    Quantiles,
    SGDMultiTask,
    SGDSurvival,
    WeibullAFT,
    survival_target,
)
from sklearn_losses._machine._params import InvalidParameterError
from sklearn_losses.estimators._parameters import resolve_loss
from sklearn_losses.losses import get_loss, loss_names
from sklearn_losses.losses._registry import TASKS
from tests.cases import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from tests.schedules import SGDClassifier, SGDRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 3))
Y = X @ [1.0, 2.0, 3.0]
LABELS = np.repeat(["a", "b", "c"], 10)


def with_bad(array, index, value):
    array = np.array(array, dtype=float)
    array[index] = value
    return array


REGRESSOR_PARAMETERS = [
    (
        dict(alpha=-1.0),
        r"'alpha' parameter of SGDRegressor must be a float in the range \[0.0, inf\). Got -1.0",
    ),
    (dict(alpha=np.nan), "'alpha' parameter"),
    (dict(alpha="1"), "'alpha' parameter"),
    (dict(l1_ratio=1.5), r"'l1_ratio' parameter .* \[0.0, 1.0\] or None. Got 1.5"),
    (dict(penalty="elasticnet", l1_ratio=None), "'l1_ratio' parameter"),
    (dict(eta0=0.0), r"'eta0' parameter .* \(0.0, inf\). Got 0.0"),
    (dict(penalty="L2"), r"'penalty' parameter .* Did you mean 'l2'\?"),
    (dict(learning_rate="invscalin"), r"Did you mean 'invscaling'\?"),
    (dict(learning_rate="optimal", alpha=0.0), "'alpha' parameter .* must be > 0"),
    (
        dict(max_iter=0),
        r"'max_iter' parameter .* an int in the range \[1, inf\). Got 0",
    ),
    (dict(max_iter=2.5), "'max_iter' parameter"),
    (dict(tol=-1e-3), "'tol' parameter"),
    (dict(n_iter_no_change=0), "'n_iter_no_change' parameter"),
    (dict(validation_fraction=1.0), "'validation_fraction' parameter"),
    (dict(shuffle="yes"), "'shuffle' parameter .* must be a bool"),
    (dict(average=-1), "'average' parameter"),
    (dict(power_t=np.inf), "'power_t' parameter"),
    (dict(loss="hubber"), r"no loss named 'hubber'. Did you mean 'huber'\?"),
    (dict(loss="xyzzy"), "Known are: squared_error"),
    (
        dict(loss=Huber),
        r"instance of a loss. Got the class Huber instead: write Huber\(\)",
    ),
    (dict(loss=None), "'loss' parameter of SGDRegressor must be a loss"),
    (dict(loss=lambda y, p: 0.0), "'loss' parameter of SGDRegressor must be a loss"),
    (
        dict(loss="hinge"),
        "SGDRegressor cannot use loss='hinge', because it is a loss for classification",
    ),
    (dict(loss=LogLoss()), r"SGDRegressor cannot use loss=LogLoss\(\)"),
    (dict(loss=CrossEntropy()), "SGDRegressor cannot use"),
    (
        dict(loss=Huber(delta=-1.0)),
        r"'delta' parameter of Huber must be a float in the range \(0.0, inf\). Got -1.0",
    ),
    (dict(loss=Quantile(quantile=1.0)), "'quantile' parameter of Quantile"),
    (dict(learning_rate="pa1", loss=Huber()), r"cannot use Huber\(\), because"),
]
CLASSIFIER_PARAMETERS = [
    (
        dict(loss=Quantile()),
        r"SGDClassifier cannot use loss=Quantile\(\), because it is a loss for regression",
    ),
    (dict(loss="quantile"), "SGDClassifier cannot use loss='quantile'"),
    (
        dict(loss=Huber(scale="mad")),
        "labels have no unit whose scale could be measured",
    ),
    (dict(loss="poisson"), "SGDClassifier cannot use loss='poisson'"),
    (dict(learning_rate="pa1", loss="perceptron"), "no step is ever made"),
    (dict(learning_rate="pa2", loss=Hinge(threshold=0)), "no step is ever made"),
    (dict(class_weight={"a": -1.0, "b": 1.0}), r"class_weight\['a'\] is -1.0"),
    (dict(class_weight={"a": np.nan}), r"class_weight\['a'\] is nan"),
    (dict(class_weight={"a": "heavy"}), r"class_weight\['a'\] is 'heavy'"),
    (dict(learning_rate="pa2", loss="log_loss"), r"cannot use LogLoss\(\), because"),
    (
        dict(class_weight="balance"),
        r"'class_weight' parameter .* Did you mean 'balanced'\?",
    ),
    (dict(n_jobs=1.5), "'n_jobs' parameter"),
    (dict(loss=Hinge(threshold=-1)), "'threshold' parameter of Hinge"),
]


@pytest.mark.parametrize(("parameters", "message"), REGRESSOR_PARAMETERS)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_parameter_of_the_regressor(parameters, message, method):
    with pytest.raises(ValueError, match=message):
        getattr(SGDRegressor(**parameters), method)(X, Y)


@pytest.mark.parametrize(("parameters", "message"), CLASSIFIER_PARAMETERS)
def test_bad_parameter_of_the_classifier(parameters, message):
    with pytest.raises(ValueError, match=message):
        SGDClassifier(**parameters).fit(X, LABELS)


def test_bad_types_are_type_errors_too():
    with pytest.raises(TypeError, match="'alpha' parameter"):
        SGDRegressor(alpha="strong").fit(X, Y)


def test_eta0_is_checked_only_where_it_is_used():
    model = SGDClassifier(learning_rate="optimal", eta0=0.0).fit(X, LABELS)
    assert np.any(model.coef_)
    with pytest.raises(ValueError, match="'eta0' parameter"):
        model.set_params(learning_rate="constant").fit(X, LABELS)


BAD_DATA = [
    (with_bad(X, (3, 1), np.nan), Y, None, "X contains NaN"),
    (with_bad(X, (3, 1), np.inf), Y, None, "X contains infinity"),
    (sparse.csr_matrix(with_bad(X, (3, 1), np.nan)), Y, None, "X contains NaN"),
    (X, with_bad(Y, 4, np.nan), None, "y contains NaN"),
    (X, with_bad(Y, 4, np.inf), None, "y contains infinity"),
    (X, Y[:-1], None, "inconsistent numbers of samples"),
    (X[:, 0], Y, None, "Expected 2D array"),
    (X[:0], Y[:0], None, "0 sample"),
    (X, np.column_stack([Y, Y]), None, "should be a 1d array"),
    (X, ["?"] * 30, None, "y must be numeric|could not convert"),
    (X, Y, with_bad(np.ones(30), 5, np.nan), r"sample_weight\[5\] is nan"),
    (X, Y, with_bad(np.ones(30), 5, -1.0), r"sample_weight\[5\] is -1.0"),
    (X, Y, with_bad(np.ones(30), 5, np.inf), r"sample_weight\[5\] is inf"),
    (X, Y, np.ones(29), r"sample_weight must have the shape \(30,\)"),
    (X, Y, np.ones((30, 2)), r"Got the shape \(30, 2\)"),
    (X * (1 + 1j), Y, None, "Complex data not supported"),
]


@pytest.mark.parametrize(("bad_X", "bad_y", "weight", "message"), BAD_DATA)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_data_leaves_the_model_as_it_was(bad_X, bad_y, weight, message, method):
    model = SGDRegressor(random_state=0).fit(X, Y)
    before = copy.deepcopy(vars(model))
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(bad_X, bad_y, sample_weight=weight)
    assert vars(model).keys() == before.keys()
    assert_array_equal(model.coef_, before["coef_"])
    assert model.n_features_in_ == 3
    model.partial_fit(X, Y)


def test_all_weights_zero():
    with pytest.raises(ValueError, match="All sample weights are zero"):
        SGDRegressor().fit(X, Y, sample_weight=np.zeros(30))


def test_targets_outside_the_domain_are_named():
    y = np.ones(30)
    y[[7, 9]] = -2.0
    with pytest.raises(ValueError, match=r"Poisson .* y\[7\] is -2.0"):
        SGDRegressor(loss=Poisson()).fit(X, y)


def test_a_single_class():
    with pytest.raises(ValueError, match=r"at least two classes.*one class"):
        SGDClassifier().fit(X, ["a"] * 30)


def test_a_continuous_target_for_a_classifier():
    with pytest.raises(ValueError, match="Unknown label type"):
        SGDClassifier().fit(X, Y)


def test_partial_fit_names_an_unknown_label():
    model = SGDClassifier(random_state=0)
    with pytest.raises(ValueError, match="first call of partial_fit needs `classes`"):
        model.partial_fit(X, LABELS)
    model.partial_fit(X, LABELS, classes=["a", "b", "c"])
    coef = model.coef_.copy()
    with pytest.raises(
        ValueError, match=r"label 'd' \(at index 29\).*\['a', 'b', 'c'\]"
    ):
        model.partial_fit(X, [*LABELS[:-1], "d"])
    with pytest.raises(ValueError, match="not the same as in the first call"):
        model.partial_fit(X, LABELS, classes=["a", "b"])
    assert_array_equal(model.coef_, coef)


def test_partial_fit_refuses_what_needs_all_data():
    with pytest.raises(ValueError, match="'early_stopping' parameter"):
        SGDRegressor(early_stopping=True).partial_fit(X, Y)
    with pytest.raises(ValueError, match="'class_weight' parameter"):
        SGDClassifier(class_weight="balanced").partial_fit(X, LABELS, classes=LABELS)


def test_other_features_in_partial_fit():
    model = SGDRegressor().fit(X, Y)
    with pytest.raises(ValueError, match="X has 2 features, but SGDRegressor"):
        model.partial_fit(X[:, :2], Y)


@pytest.mark.parametrize(
    "start",
    [
        dict(coef_init=np.ones(4)),
        dict(coef_init=np.ones((3, 1))),
        dict(intercept_init=np.ones(2)),
    ],
)
def test_start_of_the_wrong_shape(start):
    with pytest.raises(ValueError, match=r"_init, or .* does not match"):
        SGDRegressor().fit(X, Y, **start)


def test_start_of_the_transposed_shape():
    with pytest.raises(ValueError, match=r"\(3, 2\) and does not match.*\(2, 3\)"):
        SGDClassifier(loss=CrossEntropy()).fit(X, Y > 0, coef_init=np.ones((3, 2)))


@pytest.mark.parametrize("n", [3, 10])
def test_early_stopping_on_few_rows_names_its_parameters(n):
    y = np.arange(n) % 2
    with pytest.raises(ValueError, match=r"validation_fraction=0.1 of 1?\d rows"):
        SGDClassifier(early_stopping=True).fit(X[:n], y)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([0.0, 1.0, np.nan], "classes must not contain nan"),
        ([[0, 1]], r"classes must be of shape \(n_classes,\)"),
        ([0], r"at least two classes, and `classes` has one: \[0\]"),
        ([0, 2], r"label 1 .*not among the classes, \[0, 2\]"),
    ],
)
def test_bad_classes(classes, message):
    with pytest.raises(ValueError, match=message):
        SGDClassifier().partial_fit(X, np.arange(30) % 2, classes=classes)


def test_balanced_weights_need_rows_of_each_class():
    weight = np.where(LABELS == "b", 0.0, 1.0)
    with pytest.raises(ValueError, match="class 'b' has no row of positive weight"):
        SGDClassifier(class_weight="balanced").fit(X, LABELS, sample_weight=weight)


def test_warm_start_with_other_features():
    model = SGDRegressor(warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match="coef_ of a warm start"):
        model.fit(X[:, :2], Y)
    assert model.coef_.shape == (3,)


@pytest.mark.parametrize("kind", [np.array, sparse.csr_matrix])
def test_overflow_names_the_epoch_and_what_to_change(kind):
    model = SGDRegressor().fit(X, Y)
    coef = model.coef_
    with pytest.raises(
        ValueError, match=r"overflowed in epoch 1.*StandardScaler.*eta0 \(it is 0.01\)"
    ):
        model.fit(kind(1e200 * X), Y)
    assert model.coef_ is coef


@pytest.mark.filterwarnings("ignore:.*did not converge")
def test_divergence_is_not_silent():
    with pytest.warns(ConvergenceWarning, match="fit has diverged.*StandardScaler"):
        SGDRegressor(max_iter=20, random_state=0).fit(1e3 * X, Y)


@pytest.mark.filterwarnings("ignore:.*did not converge")
@pytest.mark.parametrize("tol", [None, 1e-3])
def test_divergence_in_an_early_epoch_is_not_silent(tol):
    """One step of a Poisson model that overshoots ends where all predictions are 0."""
    y = RNG.poisson(np.exp(X[:, 0]))
    y[0] = 3000
    model = SGDRegressor(loss=Poisson(), eta0=0.1, tol=tol, max_iter=9, random_state=0)
    with pytest.warns(ConvergenceWarning, match="fit has diverged.*where it began"):
        model.fit(X, y)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("loss", ["modified_huber", "log_loss", "hinge"])
def test_no_false_alarm_of_divergence(loss, early_stopping):
    """Steps that were at first too large, and a criterion that has been near 0."""
    wine, y = load_wine(return_X_y=True)
    wine = StandardScaler().fit_transform(wine)
    for seed in range(3):
        model = SGDClassifier(loss=loss, early_stopping=early_stopping)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.set_params(random_state=seed).fit(wine, y)
        assert [str(warning.message) for warning in caught] == []


@pytest.mark.covering
@pytest.mark.parametrize("loss", REGRESSION_LOSSES + CLASSIFICATION_LOSSES, ids=repr)
@pytest.mark.parametrize("tol", [None, 1e-3])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_huge_features_never_give_a_silent_infinity(loss, tol):
    cls = SGDRegressor if loss.task == "regression" else SGDClassifier
    y = np.abs(Y) if cls is SGDRegressor else (Y > 0)
    for size, dtype in ((1e200, np.float64), (1e30, np.float32), (1e-200, np.float64)):
        model = cls(
            loss=loss, learning_rate="constant", max_iter=20, tol=tol, random_state=0
        )
        message = ""
        try:
            model.fit((size * X).astype(dtype), y)
        except ValueError as error:
            message = str(error)
        assert "overflow" in message or np.all(np.isfinite(model.coef_))


def test_coefficients_beyond_float32_are_refused():
    model = SGDRegressor(
        loss=AbsoluteError(), learning_rate="constant", eta0=1e30, penalty=None
    )
    model.set_params(max_iter=5, tol=None)
    with pytest.raises(ValueError, match="overflow float32"):
        model.fit((1e10 * X).astype(np.float32), Y)


def test_the_mean_of_the_iterates_with_an_l1_norm_is_not_silently_wrong():
    model = SGDClassifier(
        loss=LogLoss(),
        penalty="elasticnet",
        l1_ratio=0.4,
        alpha=0.1,
        average=True,
        learning_rate="constant",
        eta0=0.1,
        max_iter=50,
        shuffle=False,
    )
    X = RNG.normal(size=(300, 40)) * (RNG.uniform(size=(300, 40)) < 0.1)
    y = X @ RNG.normal(size=40) > 0
    with pytest.warns(ConvergenceWarning, match="mean of the iterates is far outside"):
        model.fit(X, y)


@pytest.mark.parametrize("loss", ["huber", None, Huber])
def test_a_name_has_no_parameters_to_search(loss):
    message = (
        r"'loss__delta' is a parameter of an object, and loss=.* is not one. Use .*"
    )
    with pytest.raises(ValueError, match=message + r"loss=Huber\(\)"):
        SGDRegressor(loss=loss).set_params(loss__delta=2.0)


@pytest.mark.parametrize("loss", ["hinge", Hinge(), "perceptron", "squared_error"])
def test_no_probabilities_where_the_loss_has_none(loss):
    model = SGDClassifier(loss=loss)
    assert not hasattr(model, "predict_proba")
    with pytest.raises(
        AttributeError, match="has no attribute 'predict_proba'"
    ) as error:
        model.predict_proba(X)
    assert "does not define them" in str(error.value.__cause__)


@pytest.mark.parametrize("cls", [SGDClassifier, LinearClassifier])
@pytest.mark.parametrize("loss", [LogLoss(), CrossEntropy()], ids=repr)
def test_weights_that_leave_one_class(cls, loss):
    """As with one class in y; and not a gap of 1e283 times what there is to gain."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 2)), np.arange(30) % 3
    with pytest.raises(ValueError, match=r"at least two classes.*one class: \[1\]"):
        cls(loss).fit(X, y, sample_weight=(y == 1).astype(float))
    y = y > 0
    with pytest.raises(ValueError, match=r"at least two classes.*one class: \[True\]"):
        cls(loss, class_weight={False: 0.0, True: 1.0}).fit(X, y)


# ------------------------------------------------------------------ what to use instead
ESTIMATORS = {
    name: getattr(sklearn_losses, name)
    for name in sklearn_losses.__all__
    if name.startswith(("Linear", "SGD"))
}


def refusal(cls, loss):
    """What an estimator says of a loss that it cannot use, or None."""
    try:
        resolve_loss(cls(loss), cls._tasks, getattr(cls, "_other_losses", ()))
    except InvalidParameterError as error:
        return str(error)
    return None


# Of optima alone, or of steps alone.
OF_ONE_KIND = WARP, Perceptron, LearnedLink, LabelRanking, WeibullAFT


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_that_are_named_can_use_the_loss(name):
    """And make steps, or find optima, as that does which cannot use it."""
    losses = [get_loss(n) for task in TASKS for n in loss_names(task)]
    losses += [NegativeBinomial(dispersion="mle"), WeibullAFT(), Quantiles([0.1, 0.9])]
    for loss in losses:
        message = refusal(ESTIMATORS[name], loss)
        if message is None:
            continue
        other = re.search(r"Use ((?:Linear|SGD)\w+)", message)[1]
        assert refusal(ESTIMATORS[other], loss) is None, message
        assert other[0] == name[0] or isinstance(loss, OF_ONE_KIND), message


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (SGDSurvival(WeibullAFT()), "Use LinearSurvival,"),
        (LinearRanker(Perceptron()), "Use SGDClassifier,"),
        (SGDRegressor(LabelRanking()), "Use SGDMultiTask,"),
        (SGDRegressor(LearnedLink()), "Use LinearClassifier,"),
        (LinearClassifier(WARP()), r"Use SGDRanker\(learning_rate='constant'\),"),
    ],
    ids=repr,
)
def test_the_estimator_of_a_loss_of_one_kind(model, named):
    with pytest.raises(InvalidParameterError, match=named):
        resolve_loss(model, model._tasks)


def test_a_loss_of_groups_without_formulas():
    with pytest.raises(NotImplementedError, match="GroupLoss has no formulas"):
        GroupLoss().value([1, 0], [0.0, 0.0])


# ------------------------------------------------------------- nonsense in any parameter
def data_of(name):
    """What an estimator of this name can be fitted with."""
    if "Survival" in name:
        return (X, survival_target(Y > 0, np.exp(Y / 4))), {}
    if "Ranker" in name:
        return (X, Y > 0), {"groups": np.repeat([0, 1, 2], 10)}
    if "MultiTask" in name:
        return (X, np.column_stack([Y, Y])), {}
    return (X, Y if "Regressor" in name else LABELS), {}


MAY_BE = float, np.ndarray  # an exponent, and categories
NONSENSE = ["x", np.nan, -1.5, 10**400, np.array([1.0, 2.0]), object()]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_nonsense_is_refused_whether_or_not_it_is_used(name):
    (rows, y), more = data_of(name)
    for parameter in inspect.signature(ESTIMATORS[name]).parameters:
        for value in NONSENSE:
            if parameter in ("power_t", "categories") and isinstance(value, MAY_BE):
                continue
            model = ESTIMATORS[name](**{parameter: value})
            with pytest.raises(ValueError, match=f"'{parameter}' parameter of {name}"):
                model.fit(rows, y, **more)


@pytest.mark.parametrize("fit", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("more", "named"),
    [
        (dict(eta0=0.1), "eta0=0.1 .* has no effect with learning_rate='auto'"),
        (dict(shuffle=False, average=True), "average=True and shuffle=False"),
        (dict(rank=1, learning_rate="constant", average=True), "with rank=1"),
    ],
)
def test_parameters_of_steps_of_several_targets(fit, more, named):
    with pytest.warns(UserWarning, match=named):
        getattr(SGDMultiTask(**more), fit)(X, np.column_stack([Y, Y]))
    with pytest.raises(ValueError, match=r"'clip_gradient' parameter .* must be None"):
        getattr(SGDMultiTask(clip_gradient=1.0), fit)(X, np.column_stack([Y, Y]))
