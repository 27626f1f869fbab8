"""A loss as a scikit-learn parameter holder."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_losses import losses as public
from sklearn_losses._machine._params import (
    BOOLEAN,
    NONE,
    InvalidParameterError,
    Options,
    check_parameter,
    check_parameters,
)
from sklearn_losses._machine._params import Interval as Range
from sklearn_losses.losses import (
    AbsolutePercentageError,
    Andrews,
    Barron,
    Cauchy,
    CrossEntropy,
    EpsilonInsensitive,
    Expectile,
    Fair,
    Focal,
    GemanMcClure,
    GeneralizedCrossEntropy,
    Hampel,
    Hinge,
    Huber,
    Interval,
    Linex,
    Loss,
    NegativeBinomial,
    PolyLoss,
    PseudoHuber,
    Quantile,
    SmoothHinge,
    SmoothL1,
    SmoothQuantile,
    SquaredEpsilonInsensitive,
    SquaredHinge,
    StudentT,
    TukeyBiweight,
    Tweedie,
    Welsch,
    loss_names,
)
from tests.cases import (
    CURVE_LOSSES,
    GROUP_LOSSES,
    LOSSES,
    each,
    raw_predictions,
    targets,
    two_targets,
)

# Each parameter with its range in words, values in it and values outside.
SHARE = "(0.0, 1.0)", [1e-9, np.float32(0.5)], [0, 1, -1, 2.0]
POSITIVE = "(0.0, inf)", [1e-9, 1, 1e300], [0, -1, np.inf, 10**400]
SCALE = POSITIVE[0] + " or a str among {'mad'}", *POSITIVE[1:]
NOT_NEGATIVE = "[0.0, inf)", [0, np.int64(3)], [-0.1, np.inf]
SCALE_FITTED = "(0.0, inf), a str among {'mad'} or a str among {'mle'}", *POSITIVE[1:]
POSITIVE_FITTED = POSITIVE[0] + " or a str among {'mle'}", *POSITIVE[1:]
FITTED = NOT_NEGATIVE[0] + " or a str among {'mle'}", *NOT_NEGATIVE[1:]
PARAMETERS = [
    (Quantile, "quantile", *SHARE),
    (SmoothQuantile, "quantile", *SHARE),
    (SmoothQuantile, "delta", *POSITIVE),
    (Expectile, "expectile", *SHARE),
    (Huber, "delta", *POSITIVE),
    (SmoothL1, "beta", *POSITIVE),
    (PseudoHuber, "delta", *POSITIVE),
    (EpsilonInsensitive, "epsilon", *NOT_NEGATIVE),
    (SquaredEpsilonInsensitive, "epsilon", *NOT_NEGATIVE),
    (
        Linex,
        "a",
        "[-1e+150, -1e-150] or a float in the range [1e-150, 1e+150]",
        [-2, 1e-9, 0.5],
        [0, np.inf, -np.inf, 1e-200],
    ),
    (AbsolutePercentageError, "floor", *POSITIVE),
    *[
        (cls, "scale", *SCALE)
        for cls in (
            Huber,
            PseudoHuber,
            SmoothQuantile,
            Hampel,
            Fair,
            Cauchy,
            GemanMcClure,
            Welsch,
            TukeyBiweight,
            Andrews,
        )
    ],
    (StudentT, "scale", *SCALE_FITTED),
    (StudentT, "df", *POSITIVE_FITTED),
    (Hampel, "a", "(0.0, inf)", [1e-9, 4], [0, -1, np.inf]),
    (Hampel, "b", "(0.0, inf)", [2, 7.5], [0, -1, np.inf]),
    (Hampel, "c", "(0.0, inf)", [4.5, 1e300], [0, -1, np.inf]),
    (Barron, "scale", *SCALE_FITTED),
    (
        Barron,
        "alpha",
        "(-inf, inf), -inf or a str among {'mle'}",
        [-np.inf, -3, 0, 1e9],
        [np.inf],
    ),
    (
        Tweedie,
        "power",
        "(-inf, 0.0], a float in the range [1.0, inf) or a str among {'mle'}",
        [-2, 0, 1, 1.5, 2, 7.5],
        [1e-9, 0.5, np.inf, -np.inf],
    ),
    (NegativeBinomial, "dispersion", *FITTED),
    (Hinge, "threshold", *NOT_NEGATIVE),
    (SquaredHinge, "threshold", *NOT_NEGATIVE),
    (SmoothHinge, "gamma", *POSITIVE),
    (Focal, "gamma", *NOT_NEGATIVE),
    (GeneralizedCrossEntropy, "q", "(0.0, 1.0]", [1e-9, 1], [0, -1, 1.5]),
    (PolyLoss, "epsilon", "[-1.0, inf)", [-1, 0, 7], [-1.1, np.inf]),
    (CrossEntropy, "label_smoothing", "[0.0, 1.0)", [0, 0.99], [1, -0.1, 1.5]),
]
REFUSED_BY_ALL = [np.nan, True, np.bool_(False), "1", None, [1.0], np.array([0.5])]


def use(loss):
    raw = [[0.0, 1.0]] if loss.granularity == "row" else [1.0]
    return loss.value(two_targets(loss)[:1], raw)


def is_same(a, b):
    return type(a) is type(b) and a.get_params() == b.get_params()


@each(LOSSES)
def test_clone_pickle_and_repr_give_the_same_loss(loss):
    rng = np.random.default_rng(0)
    y, raw = targets(loss, rng, 10), raw_predictions(loss, rng, 10)
    copies = (
        clone(loss),
        pickle.loads(pickle.dumps(loss)),
        eval(repr(loss), {"inf": np.inf, **vars(public)}),
    )
    for copy in copies:
        assert copy is not loss
        assert is_same(copy, loss)
        np.testing.assert_array_equal(copy.value(y, raw), loss.value(y, raw))


@each(LOSSES)
def test_parameters_are_the_constructors_and_are_kept_as_given(loss):
    parameters = loss.get_params()
    assert set(parameters) == set(loss._constraints)
    for name, value in parameters.items():
        assert getattr(loss, name) is value
    again = type(loss)().set_params(**parameters)
    assert is_same(again, loss)
    with pytest.raises(ValueError, match="Invalid parameter"):
        loss.set_params(no_such_parameter=1)


@pytest.mark.parametrize("cls", sorted({type(x) for x in LOSSES}, key=str))
def test_defaults_are_allowed(cls):
    assert cls().checked()


def test_a_default_that_is_not_allowed_is_refused_as_any_other_value():
    class Holder:
        _constraints = {"a": [Range(0, 1)], "b": [Range(0, 1)]}

        def __init__(self, a=2.0, b=0.5):
            self.a, self.b = a, b

    for _ in range(2):
        with pytest.raises(InvalidParameterError, match="'a' parameter of Holder"):
            check_parameters(Holder(), Holder._constraints)
        with pytest.raises(InvalidParameterError, match="'b' parameter of Holder"):
            check_parameters(Holder(0.5, 1.5), Holder._constraints)
    check_parameters(Holder(0.5), Holder._constraints)
    Holder._constraints = {"b": [Range(1, 2)]}
    with pytest.raises(InvalidParameterError, match="'b' parameter of Holder"):
        check_parameters(Holder(0.5), Holder._constraints)


@pytest.mark.parametrize("cls", sorted({type(x) for x in LOSSES}, key=str))
def test_traits_at_the_ends_of_float64_are_numbers(cls):
    """A square of a parameter overflows, or is 0 and divides."""
    for name, value in cls().get_params().items():
        for extreme in (1e-320, 1e-300, 1e-170, 1e170, 1e308):
            loss = cls()
            try:
                loss.set_params(**{name: type(value)(extreme)}).compiled()
            except (InvalidParameterError, TypeError, ValueError):
                continue
            assert min(loss.lipschitz, loss.smoothness) >= 0
            assert loss.convex or (loss.convex_relative() or loss).checked()


def test_set_params_takes_effect():
    loss = Huber(delta=1.0)
    assert loss.gradient(0.0, 5.0) == 1.0
    loss.set_params(delta=2.0)
    assert loss.gradient(0.0, 5.0) == 2.0
    assert loss.lipschitz == 2.0


def test_traits_follow_parameters():
    assert Quantile(quantile=0.9).lipschitz == 0.9
    assert Quantile(quantile=0.1).lipschitz == 0.9
    assert Quantile().symmetric
    assert not Quantile(quantile=0.4).symmetric


@pytest.mark.parametrize(
    ("cls", "name", "words", "allowed", "refused"),
    PARAMETERS,
    ids=lambda v: getattr(v, "__name__", None),
)
def test_parameters_are_checked_where_they_are_used(cls, name, words, allowed, refused):
    for value in allowed:
        use(cls(**{name: value}))
    raw = [[0.0, 1.0]] if cls.granularity == "row" else [1.0]
    y = [1]  # in every domain
    for value in refused + REFUSED_BY_ALL:
        loss = cls(**{name: value})  # never here
        clone(loss)
        repr(loss)
        for function, arguments in (
            (loss.compiled, ()),
            (loss.value, (y, raw)),
            (loss.gradient, (y, raw)),
            (loss.mean, (y, raw)),
            (loss.optimal_constant, (y,)),
        ):
            with pytest.raises(InvalidParameterError) as error:
                function(*arguments)
            assert str(error.value) == (
                f"The {name!r} parameter of {cls.__name__} must be a float in the "
                f"range {words}. Got {value!r} instead."
            )


def test_every_parameter_is_in_the_table():
    in_table = {(cls, name) for cls, name, *_ in PARAMETERS}
    expected = {(type(x), name) for x in LOSSES for name in x.get_params()}
    assert in_table == expected


def test_the_error_is_a_value_error_and_a_type_error():
    for kind in (ValueError, TypeError):
        with pytest.raises(
            kind, match=r"The 'delta' parameter of Huber must be a float"
        ):
            Huber(delta=-1).value(0, 1)
    with pytest.raises(ValueError) as error:
        Huber(delta=-1).value(0, 1)
    assert str(error.value) == (
        "The 'delta' parameter of Huber must be a float in the range (0.0, inf). "
        "Got -1 instead."
    )


def test_alternatives_and_the_closest_name():
    constraints = [Options("mean", "median"), BOOLEAN, NONE]
    for value in ("mean", "median", True, np.bool_(False), None):
        check_parameter("Model", "start", value, constraints)
    with pytest.raises(ValueError) as error:
        check_parameter("Model", "start", "medain", constraints)
    assert str(error.value) == (
        "The 'start' parameter of Model must be a str among {'mean', 'median'}, a bool "
        "or None. Got 'medain' instead. Did you mean 'median'?"
    )
    with pytest.raises(ValueError, match=r"Got 3 instead\.$"):
        check_parameter("Model", "start", 3, constraints)


def test_parameters_of_hampel_are_checked_together():
    for parameters in ({"a": 5.0}, {"b": 1.0}, {"b": 8.0}, {"c": 4}):
        loss = Hampel(**parameters)
        got = f"a={loss.a!r}, b={loss.b!r} and c={loss.c!r}"
        with pytest.raises(
            InvalidParameterError,
            match=rf"0 < a <= b < c\. Got {got} instead",
        ):
            loss.value([0.0], [1.0])


def test_all_losses_are_covered():
    classes = {v for v in vars(public).values() if isinstance(v, type)}
    named = {c for c in classes if issubclass(c, Loss) and c.name in loss_names()}
    assert named == {type(x) for x in LOSSES + CURVE_LOSSES + GROUP_LOSSES}
    assert len(named) == len(loss_names())
    assert sorted(public.__all__, key=lambda n: (not n.isupper(), n)) == public.__all__


def test_interval():
    whole = Interval(0, 5, "left", integer=True)
    np.testing.assert_array_equal(
        whole.contains([0, 1, 2.5, 5, np.nan]), [True, True, False, False, False]
    )
    for interval in (whole, Interval(None, 1.5, "right"), Interval(0, None)):
        assert repr(eval(repr(interval))) == repr(interval)
    with pytest.raises(ValueError, match="closed must be 'both', 'left', 'right' or"):
        Interval(0, 1, "open")
    with pytest.raises(ValueError, match="low must not be above high"):
        Interval(3, 1)


def test_functions_of_a_built_in_know_no_other_parameters():
    class Wider(Huber):
        _constraints = {"extra": [Interval(None, None)], **Huber._constraints}

        def __init__(self, extra=0.0, delta=1.0, scale=1.0):
            super().__init__(delta, scale)
            self.extra = extra

    with pytest.raises(TypeError, match="Wider has parameters of its own"):
        Wider(extra=5.0).value(0.0, 3.0)
