"""LinearOrdinalClassifier: published tables, other likelihoods, the contract."""

import math
import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog, minimize
from sklearn import config_context
from sklearn.base import clone

from sklearn_losses import (
    L2,
    AllThreshold,
    CumulativeCauchit,
    CumulativeCloglog,
    CumulativeLogit,
    CumulativeLoglog,
    CumulativeProbit,
    Hinge,
    Huber,
    ImmediateThreshold,
    InvalidParameterError,
    LinearClassifier,
    LinearOrdinalClassifier,
    LogLoss,
    ModifiedHuber,
    SGDOrdinalClassifier,
    SmoothHinge,
    SquaredHinge,
)
from tests.cases import each
from tests.contract import each_check

# MASS::housing: Sat fastest, then Infl, Type, Cont.
FREQUENCIES = """
21 21 28 34 22 36 10 11 36 61 23 17 43 35 40 26 18 54 13 9 10 8 8 12 6 7 9 18 6 7 15 13
13 7 5 11 14 19 37 17 23 40 3 5 23 78 46 43 48 45 86 15 25 62 20 23 20 10 22 24 7 10 21
57 23 13 31 21 13 5 6 13"""
# ordinal::wine: how many of each rating, for (temp, contact) cold no ... warm yes.
WINE = [[4, 9, 5, 0, 0], [1, 7, 8, 2, 0], [0, 5, 8, 3, 2], [0, 1, 5, 7, 5]]

RNG = np.random.default_rng(0)
N = 250
X = RNG.normal(size=(N, 3)) * [1.0, 3.0, 0.1] + [0.0, 5.0, 30.0]
LATENT = X @ [1.0, -0.3, 3.0] - 90.0 + RNG.logistic(size=N)
Y = np.digitize(LATENT, [-1.5, 0.0, 2.0])


def housing():
    weight = np.array(FREQUENCIES.split(), dtype=float)
    satisfaction = np.tile([0, 1, 2], 24)
    influence = np.tile(np.repeat([0, 1, 2], 3), 8)
    kind = np.tile(np.repeat([0, 1, 2, 3], 9), 2)
    contact = np.repeat([0, 1], 36)
    columns = [influence == 1, influence == 2]
    columns += [kind == k for k in (1, 2, 3)] + [contact == 1]
    return np.column_stack(columns).astype(float), satisfaction, weight


def wine():
    counts = np.array(WINE)
    temp, contact = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]).T
    rows = np.column_stack([np.repeat(temp, 5), np.repeat(contact, 5)])
    return rows.astype(float), np.tile(np.arange(5), 4), counts.ravel().astype(float)


def test_housing():
    """R's polr(Sat ~ Infl + Type + Cont, weights = Freq, data = housing)."""
    rows, y, weight = housing()
    model = LinearOrdinalClassifier(penalty=None).fit(rows, y, sample_weight=weight)
    expected = [0.5664, 1.2888, -0.5724, -0.3662, -1.0910, 0.3603]
    np.testing.assert_allclose(model.coef_[0], expected, atol=5e-5)
    np.testing.assert_allclose(model.thresholds_, [-0.4961, 0.6907], atol=5e-5)
    total = -model.objective_ * weight.sum()
    assert total == pytest.approx(-1739.575, abs=5e-4)
    assert 0 <= model.gap_ < 1e-12


def test_wine():
    """R's ordinal::clm(rating ~ temp + contact, data = wine)."""
    rows, y, weight = wine()
    model = LinearOrdinalClassifier(penalty=None).fit(rows, y, sample_weight=weight)
    np.testing.assert_allclose(model.coef_[0], [2.5031, 1.5278], atol=5e-5)
    expected = [-1.3444, 1.2508, 3.4669, 5.0064]
    np.testing.assert_allclose(model.thresholds_, expected, atol=5e-5)
    assert -72 * model.objective_ == pytest.approx(-86.4919, abs=5e-5)


erf = np.vectorize(math.erf)
BELOW = {
    CumulativeLogit: lambda z: 1 / (1 + np.exp(-z)),
    CumulativeProbit: lambda z: 0.5 * (1 + erf(z / np.sqrt(2))),
    CumulativeCloglog: lambda z: 1 - np.exp(-np.exp(z)),
    CumulativeLoglog: lambda z: np.exp(-np.exp(-z)),
    CumulativeCauchit: lambda z: np.arctan(z) / np.pi + 0.5,
}


@pytest.mark.parametrize("kind", BELOW, ids=lambda kind: kind.__name__)
def test_no_likelihood_is_better(kind):
    F, Z = BELOW[kind], (X - X.mean(axis=0)) / X.std(axis=0)

    def value(t):
        ends = np.cumsum(np.r_[t[3], np.exp(t[4:])])
        below = np.column_stack(
            [np.zeros(N), *(F(end - Z @ t[:3]) for end in ends), np.ones(N)]
        )
        return -np.mean(np.log(np.diff(below)[np.arange(N), Y]))

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = minimize(value, [0, 0, 0, -1, 0, 0], method="BFGS", tol=1e-9)
    model = LinearOrdinalClassifier(kind(), penalty=None).fit(X, Y)
    assert model.objective_ == pytest.approx(found.fun, abs=1e-9)
    np.testing.assert_allclose(model.coef_[0] * X.std(axis=0), found.x[:3], atol=1e-4)
    probability = model.predict_proba(X)
    np.testing.assert_allclose(probability.sum(axis=1), 1.0)
    likelihood = -np.mean(np.log(probability[np.arange(N), Y]))
    assert likelihood == pytest.approx(model.objective_, abs=1e-10)
    if model.loss_.convex:
        assert model.gap_ < 1e-9


def test_two_classes_are_logistic_regression():
    y = Y > 1
    model = LinearOrdinalClassifier(alpha=0.01, tol=1e-9).fit(X, y)
    known = LinearClassifier(alpha=0.01, tol=1e-12).fit(X, y)
    np.testing.assert_allclose(model.coef_, known.coef_, rtol=1e-5)
    np.testing.assert_allclose(model.thresholds_, -known.intercept_, rtol=1e-5)
    np.testing.assert_allclose(
        model.predict_proba(X), known.predict_proba(X), rtol=1e-4
    )


@pytest.mark.parametrize("is_immediate", [False, True], ids=["all", "immediate"])
@pytest.mark.parametrize(
    "inner",
    [LogLoss(), SquaredHinge(), SmoothHinge(), ModifiedHuber(), Hinge()],
    ids=repr,
)
def test_thresholds_are_binary_problems_that_share_their_coefficients(
    inner, is_immediate
):
    """The same objective as one binary loss on copies of the rows."""
    kind = ImmediateThreshold if is_immediate else AllThreshold
    rows, labels, column = [], [], []
    for j in range(3):
        here = (j == Y) | (j + 1 == Y) if is_immediate else np.ones(N, dtype=bool)
        rows.append(X[here])
        labels.append(Y[here] > j)
        column.append(np.full(here.sum(), j))
    rows, labels, column = map(np.concatenate, (rows, labels, column))
    whole = np.hstack([rows, -np.eye(3)[column]])
    binary = LinearClassifier(
        inner,
        penalty=L2(weights=[1, 1, 1, 0, 0, 0]),
        alpha=0.01 * N / len(whole),
        fit_intercept=False,
        tol=1e-10 if inner.differentiable else 1e-6,
    ).fit(whole, labels)
    model = LinearOrdinalClassifier(kind(inner), alpha=0.01, tol=1e-8).fit(X, Y)
    scale = len(whole) / N
    allowed = 1e-6 if inner.differentiable else 1e-4
    assert model.objective_ <= binary.objective_ * scale * (1 + allowed)
    if inner.differentiable:
        np.testing.assert_allclose(model.coef_, binary.coef_[:, :3], atol=1e-3)
    assert (np.diff(model.thresholds_) >= 0).all()
    index = (X @ model.coef_[0])[:, None] > model.thresholds_
    np.testing.assert_array_equal(model.predict(X), index.sum(axis=1))


def test_immediate_thresholds_that_would_cross_are_one():
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(200, 1))
    y = np.digitize(rows[:, 0] + 0.3 * rng.normal(size=200), [-0.5, 0.0, 0.5])
    y[(y == 1) & (rng.uniform(size=200) < 0.9)] = 3  # few are where they should be
    model = LinearOrdinalClassifier(ImmediateThreshold(), penalty=None).fit(rows, y)
    assert (np.diff(model.thresholds_) >= 0).all()

    def value(t):
        ends = np.cumsum(np.r_[t[1], t[2:] ** 2])
        raw = t[0] * rows[:, 0]
        far = np.r_[-np.inf, ends, np.inf]
        cost = np.logaddexp(0, far[y] - raw) + np.logaddexp(0, raw - far[y + 1])
        return np.mean(cost)

    starts = rng.normal(size=(5, 4))
    least = min(minimize(value, s, method="BFGS", tol=1e-10).fun for s in starts)
    assert model.objective_ == pytest.approx(least, abs=1e-8)


def test_the_order_of_classes():
    names = np.array(["low", "medium", "high", "top"])
    model = LinearOrdinalClassifier(categories=list(names)).fit(X, names[Y])
    numbers = LinearOrdinalClassifier().fit(X, Y)
    np.testing.assert_array_equal(model.coef_, numbers.coef_)
    np.testing.assert_array_equal(model.predict(X), names[numbers.predict(X)])
    with pytest.warns(UserWarning, match=r"in alphabetical order, \['high', 'low'"):
        LinearOrdinalClassifier().fit(X, names[Y])
    with pytest.raises(ValueError, match="the label 'top' in y, which is not among"):
        LinearOrdinalClassifier(categories=list(names[:3])).fit(X, names[Y])
    with pytest.raises(InvalidParameterError, match="names a class twice"):
        LinearOrdinalClassifier(categories=["low", "low"]).fit(X, names[Y])


def test_ordered_categories_of_pandas():
    pd = pytest.importorskip("pandas")
    names = ["low", "medium", "high", "top"]
    y = pd.Series(pd.Categorical.from_codes(Y, names, ordered=True))
    model = LinearOrdinalClassifier().fit(X, y)
    assert model.classes_.tolist() == names


def test_a_class_that_no_row_has():
    known = LinearOrdinalClassifier().fit(X, Y)
    with pytest.warns(UserWarning, match="No row of y has the class 8, 9"):
        model = LinearOrdinalClassifier(categories=[8, 0, 1, 9, 2, 3]).fit(X, Y)
    a, b, c = known.thresholds_
    np.testing.assert_allclose(model.thresholds_, [-np.inf, a, b, b, c])
    probability = model.predict_proba(X)
    assert (probability[:, [0, 3]] == 0).all()
    np.testing.assert_allclose(probability[:, [1, 2, 4, 5]], known.predict_proba(X))
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(model.predict_log_proba(X), np.log(probability))
    with pytest.raises(ValueError, match=r"y has one class: \[2\]"):
        LinearOrdinalClassifier().fit(X, np.full(N, 2))


@each([CumulativeLogit(), CumulativeProbit(), CumulativeCloglog(), CumulativeLoglog()])
def test_logarithms_of_tiny_probabilities(loss):
    model = LinearOrdinalClassifier(loss).fit(X, Y)
    far = X + 200.0 * np.sign(model.coef_)
    found = model.predict_log_proba(np.vstack([far, X - (far - X)]))
    assert np.isfinite(found).all()
    assert found.min() < -400.0
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)).sum(axis=1), 1.0)


def test_what_is_predicted():
    model = LinearOrdinalClassifier().fit(X, Y)
    probability = model.predict_proba(X)
    index = np.arange(4)
    np.testing.assert_array_equal(model.predict(X), probability.argmax(axis=1))
    model.set_params(target="mean")
    np.testing.assert_array_equal(model.predict(X), np.rint(probability @ index))
    model.set_params(target="median")
    cost = probability @ np.abs(index[:, None] - index)
    np.testing.assert_array_equal(model.predict(X), cost.argmin(axis=1))
    at_thresholds = (model.predict_latent(X)[:, None] > model.thresholds_).sum(axis=1)
    np.testing.assert_array_equal(model.predict(X), at_thresholds)
    hinge = LinearOrdinalClassifier(AllThreshold(Hinge()))
    assert not hasattr(hinge.fit(X, Y), "predict_proba")
    with pytest.raises(InvalidParameterError, match="because it has no probabilities"):
        hinge.set_params(target="mode").fit(X, Y)
    with pytest.raises(InvalidParameterError, match="must be a binary loss"):
        LinearOrdinalClassifier(AllThreshold(Huber())).fit(X, Y)
    with pytest.raises(InvalidParameterError, match="or one of cumulative_logit"):
        LinearOrdinalClassifier("log_loss").fit(X, Y)


@pytest.mark.parametrize(
    "loss", [CumulativeProbit(), AllThreshold(SquaredHinge())], ids=repr
)
def test_dense_and_sparse_rows_weights_offset_and_copies(loss):
    model = LinearOrdinalClassifier(loss, alpha=0.01)
    dense = clone(model).fit(X, Y)
    others = [
        clone(model).fit(sparse.csr_array(X), Y),
        clone(model).fit(X, Y, sample_weight=np.full(N, 3.0)),
        clone(model).fit(
            np.vstack([X, X[:1]]), np.append(Y, 3), np.append(np.ones(N), 0)
        ),
        pickle.loads(pickle.dumps(dense)),
    ]
    for other in others:
        np.testing.assert_allclose(other.coef_, dense.coef_, rtol=1e-6)
        np.testing.assert_allclose(other.thresholds_, dense.thresholds_, rtol=1e-6)
    moved = clone(model).fit(X, Y, offset=0.7)
    np.testing.assert_allclose(moved.thresholds_, dense.thresholds_ + 0.7, rtol=1e-6)
    np.testing.assert_array_equal(moved.predict(X, offset=0.7), dense.predict(X))


def test_many_rows():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(30_000, 4))
    y = np.digitize(rows @ [1.0, 0.5, 0, -1] + rng.logistic(size=30_000), [-1, 0, 2])
    model = LinearOrdinalClassifier(penalty="l1", alpha=0.02).fit(rows, y)
    assert model.gap_ < 1e-9
    assert model.coef_[0, 2] == 0


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:LinearOrdinalClassifier takes the classes")
@each_check([LinearOrdinalClassifier(), LinearOrdinalClassifier(AllThreshold(Hinge()))])
def test_scikit_learn_check(estimator, check, routing):
    with config_context(enable_metadata_routing=routing):
        check(estimator)


@pytest.mark.parametrize(
    ("loss", "n_warnings"),
    [
        (CumulativeLogit(), 1),
        (CumulativeCloglog(), 1),
        (AllThreshold(), 1),
        (AllThreshold(SquaredHinge()), 0),  # it is 0 from a margin on
    ],
)
def test_classes_that_thresholds_separate_have_no_minimum(loss, n_warnings):
    X = np.random.default_rng(0).normal(size=(100, 2))
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        LinearOrdinalClassifier(loss, penalty=None).fit(X, y)
        LinearOrdinalClassifier(loss, alpha=1e-3).fit(X, y)
    said = [w for w in found if "fits every row perfectly" in str(w.message)]
    assert len(said) == n_warnings


def least_hinges(rows, y, n_classes, is_immediate):
    """The least mean of hinges of latent values and thresholds, by HiGHS."""
    pairs = [
        (i, j, 1.0 if y[i] > j else -1.0)
        for j in range(n_classes - 1)
        for i in range(len(rows))
        if not is_immediate or y[i] in (j, j + 1)
    ]
    size = rows.shape[1] + n_classes - 1
    margins = np.zeros((len(pairs), size))
    for k, (i, j, side) in enumerate(pairs):
        margins[k, : rows.shape[1]] = side * rows[i]
        margins[k, rows.shape[1] + j] = -side
    slack = -np.eye(len(pairs))
    return linprog(
        np.append(np.zeros(size), np.full(len(pairs), 1.0 / len(rows))),
        A_ub=np.hstack([-margins, slack]),
        b_ub=-np.ones(len(pairs)),
        bounds=[(None, None)] * size + [(0.0, None)] * len(pairs),
    ).fun


@pytest.mark.parametrize("noise", [1e-5, 1e-3, 1e-1])
@pytest.mark.parametrize("loss", [AllThreshold(Hinge()), ImmediateThreshold(Hinge())])
def test_a_bound_of_kinks_holds_and_is_near_where_columns_are_collinear(noise, loss):
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(150, 4))
    rows[:, 1] = rows[:, 0] + noise * rng.normal(size=150)
    latent = rows @ [1.0, 0.5, -1.0, 0.3] + rng.logistic(size=150)
    y = np.digitize(latent, np.quantile(latent, [0.3, 0.6]))
    model = LinearOrdinalClassifier(loss, penalty=None).fit(rows, y)
    is_immediate = isinstance(loss, ImmediateThreshold)
    short = model.objective_ - least_hinges(rows, y, 3, is_immediate)
    assert short - 1e-7 <= model.gap_ < 0.02


def test_grades_with_halves():
    pandas = pytest.importorskip("pandas")
    rng, grades = np.random.default_rng(0), np.array([0.5, 1.0, 1.5])
    rows, codes = rng.normal(size=(60, 2)), rng.integers(0, 3, 60)
    whole = LinearOrdinalClassifier().fit(rows, codes)
    series = pandas.Series(pandas.Categorical(grades[codes], grades, ordered=True))
    for model, y in (
        (LinearOrdinalClassifier(categories=grades.tolist()), grades[codes]),
        (LinearOrdinalClassifier(), series),
    ):
        np.testing.assert_array_equal(model.fit(rows, y).classes_, grades)
        np.testing.assert_array_equal(model.predict(rows), grades[whole.predict(rows)])
    stream = SGDOrdinalClassifier(categories=grades.tolist())
    assert set(stream.partial_fit(rows, grades[codes]).predict(rows)) <= set(grades)
    for model in (LinearOrdinalClassifier(), SGDOrdinalClassifier()):
        with pytest.raises(ValueError, match=r"fractions .* categories=\[0.5, 1.0, "):
            model.fit(rows, grades[codes])


@pytest.mark.parametrize("penalty", [None, "l2"])
@pytest.mark.parametrize("inner", [Hinge(), LogLoss()], ids=repr)
def test_thresholds_that_are_one_have_a_bound(inner, penalty):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(150, 2))
    y = np.digitize(rows @ [1.0, -1.0] + rng.normal(size=150), [-1.0, 0.2, 1.0])
    model = LinearOrdinalClassifier(ImmediateThreshold(inner), penalty=penalty)
    model.fit(rows, y)
    assert model.thresholds_[1] == model.thresholds_[2]
    assert 0.0 <= model.gap_ < 1e-5
    raw = np.column_stack(
        [rows @ model.coef_[0], *np.tile(model.thresholds_, (150, 1)).T]
    )
    assert model.objective_ >= model.loss_.mean(y, raw) - 1e-12


def test_a_gap_that_is_wide_is_said():
    """As of columns that are nearly one, whose kinks no step balances."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(150, 3))
    rows[:, 1] = rows[:, 0] + 1e-5 * rows[:, 1]
    y = np.digitize(rows @ [1.0, -1.0, 0.5] + rng.normal(size=150), [-1.0, 0.2, 1.0])
    model = LinearOrdinalClassifier(AllThreshold(Hinge()), penalty=None)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model.fit(rows, y)
    assert model.gap_ < 1e-4 or "did not converge" in str(said[0].message)
