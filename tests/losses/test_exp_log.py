"""exp, expm1 and log1p against 50 digits, over all that a double can be."""

import mpmath
import numpy as np
import pytest

import sklearn_losses
from tests.compiling import build

SOURCE = """
from sklearn_losses.losses._exp_log cimport (
    exp, exp_of_nonpositive, expm1, expm1_of_nonpositive, log1p, log1p_of_fraction,
)

def evaluate(str name, double x):
    if name == "exp":
        return exp(x)
    if name == "exp_of_nonpositive":
        return exp_of_nonpositive(x)
    if name == "expm1":
        return expm1(x)
    if name == "expm1_of_nonpositive":
        return expm1_of_nonpositive(x)
    return log1p(x) if name == "log1p" else log1p_of_fraction(x)
"""
ULPS = 2.0
RNG = np.random.default_rng(0)
TINY = np.logspace(-320, -1, 500)
SPECIAL = [0.0, np.inf, np.nan, 5e-324, 2.2e-308, 1e-17, 1e308]
EXP = np.concatenate([RNG.uniform(-746, 710, 3000), RNG.normal(size=500), TINY, -TINY])
NONPOSITIVE = [*-np.abs(EXP), 0.0, -0.0, np.nan, -np.inf, -745.2, -708.4, -40.1]
POINTS = {
    "exp": [*EXP, *SPECIAL, -np.inf, -745.2, -746.0, 709.78, 709.79, -708.4],
    "exp_of_nonpositive": NONPOSITIVE,
    "expm1_of_nonpositive": NONPOSITIVE,
    "expm1": [*EXP, *SPECIAL, -np.inf, -39.9, -40.1, 39.9, 40.1, 709.78, 709.79],
    "log1p": [
        *np.exp(RNG.uniform(-700, 709, 3000)),
        *RNG.uniform(-1, 2, 1000),
        *(-1 + np.logspace(-16, -1, 100)),
        *TINY,
        *-TINY,
        *SPECIAL,
        -1.0,
    ],
    "log1p_of_fraction": [*RNG.uniform(0, 1, 3000), *TINY, 0.0, 1.0],
}
EXPECTED = {
    "exp": mpmath.exp,
    "exp_of_nonpositive": mpmath.exp,
    "expm1": mpmath.expm1,
    "expm1_of_nonpositive": mpmath.expm1,
    "log1p": mpmath.log1p,
    "log1p_of_fraction": mpmath.log1p,
}


@pytest.fixture(scope="module")
def evaluate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exp_log")
    build(folder, "exp_log_in_python", SOURCE, sklearn_losses.__path__[0] + "/..")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        import exp_log_in_python

        yield exp_log_in_python.evaluate


@pytest.mark.parametrize("name", POINTS)
def test_error(evaluate, name):
    for x in map(float, POINTS[name]):
        got = evaluate(name, x)
        if np.isnan(x):
            assert np.isnan(got)
            continue
        with mpmath.workdps(50):
            exact = EXPECTED[name](mpmath.mpf(x)) if x != -1.0 else mpmath.mpf("-inf")
            rounded = float(exact)
            if not np.isfinite(rounded):
                assert got == rounded, (x, got)
                continue
            error = abs(mpmath.mpf(got) - exact)
            assert error <= ULPS * np.spacing(abs(rounded)), (x, got, rounded)


@pytest.mark.parametrize("name", ["exp", "expm1"])
def test_the_same_bits_where_less_is_asked(evaluate, name):
    for x in map(float, NONPOSITIVE):
        one, other = evaluate(name, x), evaluate(f"{name}_of_nonpositive", x)
        assert one == other or np.isnan([one, other]).all(), x


def test_no_logarithm_below_minus_one(evaluate):
    assert np.isnan(evaluate("log1p", -1.0 - 1e-15))
    assert np.isnan(evaluate("log1p", -np.inf))


def test_a_nan_with_a_payload_stays_nan(evaluate):
    payload = float(np.array([0x7FF8000000000FFF], dtype=np.uint64).view(np.float64)[0])
    for name in POINTS:
        assert np.isnan(evaluate(name, payload))
