"""LabelRanking: pairs of labels by brute force, and fits by scikit-learn's on pairs."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import label_ranking_loss
from sklearn.model_selection import GridSearchCV

from sklearn_losses import (
    LabelRanking,
    LinearClassifier,
    LinearMultiTask,
    LinearRegressor,
    LossDisplay,
    PairwiseExponential,
    PairwiseHinge,
    PairwiseLogistic,
    PairwiseSquaredHinge,
    SGDMultiTask,
    check_loss,
    describe,
    loss_scorer,
)
from tests.cases import each

RNG = np.random.default_rng(0)
X, Y = make_multilabel_classification(150, 5, n_classes=4, random_state=0)
MARGINS = {
    PairwiseLogistic: lambda m: np.logaddexp(0.0, -m),
    PairwiseHinge: lambda m: np.maximum(1.0 - m, 0.0),
    PairwiseSquaredHinge: lambda m: np.maximum(1.0 - m, 0.0) ** 2,
    PairwiseExponential: lambda m: np.exp(-m),
}
LOSSES = [
    LabelRanking(kind(per=per), calibrated=calibrated)
    for kind, per, calibrated in [
        (PairwiseLogistic, "query", True),
        (PairwiseLogistic, "pair", False),
        (PairwiseHinge, "query", True),
        (PairwiseHinge, "query", False),
        (PairwiseSquaredHinge, "pair", True),
        (PairwiseExponential, "query", True),
    ]
]


def pairs_of(y, calibrated):
    """The places of the labels of each pair; -1 is the one between."""
    has, other = np.flatnonzero(y), np.flatnonzero(y == 0)
    found = [(i, j) for i in has for j in other]
    if calibrated:
        found += [(i, -1) for i in has] + [(-1, j) for j in other]
    return found


@each(LOSSES)
@pytest.mark.parametrize("n_labels", [2, 5, 90])
def test_values_are_those_of_the_pairs(loss, n_labels):
    y = RNG.integers(2, size=(20, n_labels))
    y[0], y[1] = 0, 1
    raw = RNG.normal(size=y.shape)
    expected = []
    for labels, row in zip(y, np.column_stack([raw, np.zeros(20)])):
        pairs = np.array(pairs_of(labels, loss.calibrated)).reshape(-1, 2).astype(int)
        margins = MARGINS[type(loss.loss)](row[pairs[:, 0]] - row[pairs[:, 1]])
        count = max(len(margins), 1) if loss.loss.per == "query" else 1
        expected.append(margins.sum() / count)
    np.testing.assert_allclose(loss.value(y, raw), expected, rtol=1e-11, atol=1e-12)


@each(LOSSES)
def test_the_tools_on_losses(loss):
    check_loss(loss)
    assert "order of labels" in str(describe(loss))
    assert np.isnan(loss.value([[1, 0]], [[np.nan, 0.0]]))
    steep = loss.gradient([[1, 0, 0]], [[-1e3, 1e3, 0.0]])
    assert np.isfinite(steep).all() or isinstance(loss.loss, PairwiseExponential)


def test_it_is_drawn_as_two_labels():
    plt = pytest.importorskip("matplotlib.pyplot")
    display = LossDisplay.from_losses(LabelRanking(calibrated=False))
    x, y = display.curves["value"][0]
    np.testing.assert_allclose(y, np.logaddexp(0.0, -x), rtol=1e-12)
    plt.close(display.figure_)


@pytest.mark.parametrize("calibrated", [True, False])
def test_the_fit_is_logistic_regression_on_differences(calibrated):
    rows, weight = [], []
    for x, y in zip(X, Y):
        pairs = pairs_of(y, calibrated)
        for i, j in pairs:
            difference = np.zeros((4, 5))
            for place, sign in ((i, 1.0), (j, -1.0)):
                if place >= 0:
                    difference[place] += sign * x
            rows.append(difference.ravel())
            weight.append(1.0 / len(pairs))
    rows, weight = np.array(rows), np.array(weight)
    rows, signs = np.vstack([rows, -rows]), np.repeat([1, 0], len(rows))
    known = LogisticRegression(
        C=0.5 / (0.01 * len(X)), fit_intercept=False, solver="newton-cholesky", tol=1e-9
    )
    known.fit(rows, signs, sample_weight=np.tile(weight, 2))
    model = LinearClassifier(
        LabelRanking(calibrated=calibrated), alpha=0.01, fit_intercept=False
    ).fit(X, Y)
    np.testing.assert_allclose(model.coef_.ravel(), known.coef_[0], atol=1e-6)
    assert model.gap_ < 1e-12


@each(LOSSES)
def test_fits_are_certified_and_like_csr_and_repeated_rows(loss):
    model = LinearClassifier(loss, alpha=0.01).fit(X, Y)
    assert 0 <= model.gap_ < 1e-5 * model.objective_
    rows = clone(model).fit(sparse.csr_array(X), sparse.csr_array(Y))
    np.testing.assert_allclose(rows.coef_, model.coef_, atol=1e-6)
    times = RNG.integers(3, size=len(X))
    weighted = clone(model).fit(X, Y, sample_weight=times)
    repeated = clone(model).fit(
        np.repeat(X, times, axis=0), np.repeat(Y, times, axis=0)
    )
    assert weighted.objective_ == pytest.approx(repeated.objective_, rel=1e-5)
    ranks = label_ranking_loss(Y, model.decision_function(X))
    assert ranks < label_ranking_loss(Y, np.tile(Y.mean(axis=0), (len(Y), 1)))


@pytest.mark.parametrize("penalty", ["l2", None])
def test_many_coefficients_need_no_matrix(penalty):
    settings = {"penalty": penalty, "alpha": 0.01}
    newton = LinearClassifier(LabelRanking(), solver="newton", **settings).fit(X, Y)
    model = LinearClassifier(LabelRanking(), solver="lbfgs", **settings).fit(X, Y)
    assert model.solver_ == "lbfgs"
    assert model.objective_ == pytest.approx(newton.objective_, rel=1e-6)
    assert 0 <= model.gap_ < 2e-6 * model.objective_
    wide = np.hstack([X, RNG.normal(size=(len(X), 1500))])
    wide = LinearClassifier(LabelRanking(), alpha=1.0).fit(wide, Y)
    assert wide.solver_ == "lbfgs"
    with pytest.warns(ConvergenceWarning, match="the duality gap is"):
        clone(model).set_params(max_iter=5).fit(X, Y)


def test_predictions_and_offsets():
    model = LinearClassifier(LabelRanking(), alpha=0.01).fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), model.decision_function(X) > 0)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    offset = np.tile([0.5, -1.0, 0.0, 2.0], (len(X), 1))
    other = clone(model).fit(X, Y, offset=offset)
    np.testing.assert_allclose(other.coef_, model.coef_, atol=1e-7)
    np.testing.assert_allclose(
        other.intercept_ + offset[0], model.intercept_, atol=1e-7
    )
    raw = other.decision_function(X, offset)
    np.testing.assert_allclose(raw, model.decision_function(X), atol=1e-6)
    grid = {"loss__loss": [PairwiseLogistic(), PairwiseHinge()]}
    search = GridSearchCV(LinearClassifier(LabelRanking()), grid, cv=3).fit(X, Y)
    assert search.predict(X).shape == Y.shape


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_labels_that_all_rows_have_or_none(solver):
    y = np.column_stack([0 * Y[:, 0], 0 * Y[:, 0] + 1, Y[:, :2]])
    model = LinearClassifier(LabelRanking(), alpha=0.01, solver=solver).fit(X, y)
    assert model.gap_ < 1e-6
    assert (model.predict(X)[:, :2] == [0, 1]).all()


def test_a_loss_of_labels_is_a_score():
    model = LinearClassifier(LabelRanking(), penalty=None).fit(X, Y)
    score = loss_scorer(LabelRanking())(model, X, Y)
    assert score == pytest.approx(-model.objective_)


def test_a_task_among_others():
    own = LinearClassifier(LabelRanking(), alpha=0.01).fit(X, Y)
    size = X @ RNG.normal(size=5)
    both = np.column_stack([Y, size])
    losses = {"labels": LabelRanking(), "size": "squared_error"}
    columns = {"labels": slice(0, 4), "size": 4}
    model = LinearMultiTask(losses, columns=columns, alpha=0.01).fit(X, both)
    np.testing.assert_allclose(model.coef_[:4], own.coef_, atol=1e-6)
    np.testing.assert_array_equal(model.predict(X)[:, :4], own.predict(X))
    both[::3, :4] = np.nan  # not observed
    seen = np.arange(len(X)) % 3 > 0
    some = clone(own).fit(X[seen], Y[seen])
    np.testing.assert_allclose(model.fit(X, both).coef_[:4], some.coef_, atol=1e-6)
    auto = SGDMultiTask(losses, columns=columns, alpha=0.01, tol=1e-8).fit(X, both)
    np.testing.assert_allclose(auto.coef_[:4], some.coef_, atol=1e-4)
    for settings in ({}, {"learning_rate": "constant", "eta0": 0.001}):
        stream = SGDMultiTask(losses, columns=columns, alpha=0.01, **settings)
        for k in range(3):
            stream.partial_fit(X[k::3], both[k::3])
        assert stream.predict(X).shape == both.shape


def test_what_it_cannot_use():
    with pytest.raises(ValueError, match="a loss of pairs that all weigh the same"):
        LinearClassifier(LabelRanking(PairwiseLogistic(pair_weight="gain"))).fit(X, Y)
    with pytest.raises(ValueError, match=r"needs y of the shape \(n_samples, n_labels"):
        LinearClassifier(LabelRanking()).fit(X, Y[:, 0])
    with pytest.raises(ValueError, match="class_weight with LabelRanking"):
        LinearClassifier(LabelRanking(), class_weight="balanced").fit(X, Y)
    with pytest.raises(ValueError, match="its solvers are newton, lbfgs"):
        LinearClassifier(LabelRanking(), solver="active-set").fit(X, Y)
    with pytest.raises(ValueError, match=r"solvers are newton\. Use"):
        LinearClassifier(LabelRanking(PairwiseHinge()), solver="lbfgs").fit(X, Y)
    with pytest.raises(ValueError, match=r"y_true\[1, 0\] is 0.5"):
        LabelRanking().value([[0, 1], [0.5, 0]], np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"several labels a row\. Use LinearCl"):
        LinearRegressor(LabelRanking()).fit(X, Y[:, 0])
    with pytest.raises(ValueError, match="has no factor and is no part of another"):
        LinearClassifier(2 * LabelRanking()).fit(X, Y)
    model = LinearClassifier(LabelRanking(calibrated=False)).fit(X, Y)
    with pytest.raises(ValueError, match="there is no predict"):
        model.predict(X)
