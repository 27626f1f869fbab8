"""NumpyLoss and CFunctionLoss: the user's functions are the loss."""

import copy
import ctypes
import gc
import os
import pickle
import subprocess
import sys
import weakref

import numpy as np
import pytest
from scipy import LowLevelCallable
from scipy.special import cython_special, expit, logsumexp, softmax
from sklearn.base import clone
from sklearn.metrics import make_scorer

from sklearn_losses import CFunctionLoss, NumpyLoss
from sklearn_losses.losses import (
    CrossEntropy,
    Huber,
    Interval,
    LogitLink,
    LogLink,
    LogLoss,
    Poisson,
    Quantile,
    SoftmaxLink,
    SquaredError,
    Truncated,
    Welsch,
)
from tests import custom_functions as functions

RNG = np.random.default_rng(0)
Y, RAW = RNG.normal(size=50), RNG.normal(scale=3, size=50)
DOUBLE = ctypes.c_double
COUNTS = Interval(0, None, "left")


def numpy_huber(delta=1.5, **traits):
    return NumpyLoss(
        functions.huber_value,
        functions.huber_gradient,
        functions.huber_curvature,
        delta=delta,
        **{"convex": True, **traits},
    )


def c_huber(delta=1.5):
    return CFunctionLoss(
        functions.c_huber_value,
        functions.c_huber_gradient,
        functions.c_huber_curvature,
        convex=True,
        delta=delta,
    )


both = pytest.mark.parametrize("make", [numpy_huber, c_huber])


# ------------------------------------------------------------------ values
@both
@pytest.mark.parametrize("name", ["value", "gradient", "curvature"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_methods_are_those_of_the_same_built_in_loss(make, name, dtype):
    raw = RAW.astype(dtype)
    got = getattr(make(), name)(Y, raw, sample_weight=Y**2)
    expected = getattr(Huber(1.5), name)(Y, raw, sample_weight=Y**2)
    np.testing.assert_allclose(
        got, expected, rtol=1e-6 if dtype == np.float32 else 1e-14
    )
    assert got.dtype == dtype


@both
def test_everything_else_follows(make):
    loss, builtin = make(), Huber(1.5)
    np.testing.assert_allclose(loss.mean(Y, RAW), builtin.mean(Y, RAW), rtol=1e-14)
    np.testing.assert_allclose(
        loss.optimal_constant(Y), builtin.optimal_constant(Y), rtol=1e-12
    )
    np.testing.assert_allclose(
        loss.conjugate(Y, np.clip(RAW, -1.4, 1.4)),
        builtin.conjugate(Y, np.clip(RAW, -1.4, 1.4)),
        rtol=1e-12,
        atol=1e-14,
    )
    value, gradient = loss.value_gradient(Y, RAW)
    np.testing.assert_allclose(value, builtin.value(Y, RAW), rtol=1e-14)
    np.testing.assert_allclose(gradient, builtin.gradient(Y, RAW), rtol=1e-14)
    assert loss.value(0.0, 1.0) == 0.5


def test_multiclass():
    loss = NumpyLoss(
        functions.softmax_value,
        functions.softmax_gradient,
        task="multiclass",
        link=SoftmaxLink(),
        convex=True,
    )
    y, raw = RNG.integers(3, size=20), RNG.normal(size=(20, 3))
    np.testing.assert_allclose(loss.value(y, raw), CrossEntropy().value(y, raw))
    np.testing.assert_allclose(
        loss.gradient(y, raw), CrossEntropy().gradient(y, raw), atol=1e-15
    )
    np.testing.assert_allclose(
        loss.optimal_constant(y), CrossEntropy().optimal_constant(y), atol=1e-6
    )
    assert loss.probabilistic
    assert loss.granularity == "row"
    with pytest.raises(ValueError, match="has no curvature"):
        loss.curvature(y, raw)
    with pytest.raises(ValueError, match=r"class index in 0\.\.2"):
        loss.value([3], raw[:1])
    with pytest.raises(ValueError, match="class index for each sample"):
        loss.value(np.eye(3), raw[:3])


def test_links_domains_and_minimum():
    poisson = NumpyLoss(
        functions.poisson_value,
        functions.poisson_gradient,
        link=LogLink(),
        domain=COUNTS,
        minimum=functions.poisson_minimum,
        convex=True,
    )
    np.testing.assert_array_equal(poisson.inverse_link([0.0]), [1.0])
    counts = np.array([0.0, 1.0, 5.0])
    np.testing.assert_allclose(poisson.minimum(counts), Poisson().minimum(counts))
    with pytest.raises(ValueError, match=r"needs every target in \[0.0, inf\)"):
        poisson.value(-1.0, 0.0)
    binary = NumpyLoss(np.multiply, np.multiply, task="binary", link=LogitLink())
    assert binary.probabilistic
    assert not NumpyLoss(np.multiply, np.multiply, link=LogitLink()).probabilistic
    with pytest.raises(ValueError, match="to be 0 or 1"):
        binary.value(0.5, 0.0)


def log_loss_value(y_true, raw_prediction):
    return np.logaddexp(0.0, raw_prediction) - y_true * raw_prediction


def log_loss_gradient(y_true, raw_prediction):
    return expit(raw_prediction) - y_true


def softmax_value(y_true, raw_prediction):
    return (
        logsumexp(raw_prediction, axis=1) - raw_prediction[range(len(y_true)), y_true]
    )


def softmax_gradient(y_true, raw_prediction):
    return softmax(raw_prediction, axis=1) - np.eye(raw_prediction.shape[1])[y_true]


@pytest.mark.parametrize(
    ("loss", "y", "expected"),
    [
        (NumpyLoss(Huber().value, Huber().gradient, convex=True), [3.0, -2.0], 0.0),
        (NumpyLoss(Welsch().value, Welsch().gradient), [3.0, -2.0, 1e6], 0.0),
        (
            NumpyLoss(Poisson().value, Poisson().gradient, convex=True, domain=COUNTS),
            [0.0, 1.0, 50.0],
            Poisson().minimum([0.0, 1.0, 50.0]),
        ),
        (
            NumpyLoss(log_loss_value, log_loss_gradient, convex=True, task="binary"),
            [0.0, 1.0],
            0.0,
        ),
        (
            NumpyLoss(softmax_value, softmax_gradient, task="multiclass"),
            [0.0, 2.0, 1.0],
            0.0,
        ),
        (
            NumpyLoss(
                lambda y, raw: -y * raw, lambda y, raw: -y + 0.0 * raw, convex=True
            ),
            [0.0, 1.0, -1.0],
            [0.0, -np.inf, -np.inf],
        ),
    ],
    ids=["at_target", "not_convex", "searched", "far_out", "rows", "unbounded"],
)
def test_a_minimum_that_nobody_has_declared(loss, y, expected):
    np.testing.assert_allclose(loss.minimum(y), expected, rtol=1e-12, atol=1e-9)


def test_without_curvature_and_conjugate():
    loss = NumpyLoss(functions.huber_value, functions.huber_gradient, delta=1.0)
    with pytest.raises(ValueError, match="NumpyLoss has no curvature"):
        loss.curvature(Y, RAW)
    with pytest.raises(ValueError, match="has no conjugate, because it is not convex"):
        loss.conjugate(Y, RAW)


def test_only_what_is_wanted_is_called():
    calls = []

    def recorded(name):
        return lambda y_true, raw_prediction: calls.append(name) or raw_prediction

    loss = NumpyLoss(*map(recorded, ["value", "gradient", "curvature"]))
    loss.value(Y, RAW)
    loss.gradient(Y, RAW)
    loss.curvature(Y, RAW)
    loss.value_gradient(Y, RAW)
    assert calls == ["value", "gradient", "curvature", "value", "gradient"]


def test_combinations_call_the_functions():
    loss = 0.5 * numpy_huber() + c_huber()
    np.testing.assert_allclose(loss.value(Y, RAW), 1.5 * Huber(1.5).value(Y, RAW))
    np.testing.assert_allclose(
        Truncated(numpy_huber(), 1.0).gradient(Y, RAW),
        Truncated(Huber(1.5), 1.0).gradient(Y, RAW),
    )


# -------------------------------------------------------------- parameters
@both
def test_parameters(make):
    loss = make(delta=2.0)
    assert loss.delta == loss.get_params()["delta"] == 2.0
    assert {"value", "task", "convex"} <= loss.get_params().keys()
    for copied in (clone(loss), copy.deepcopy(loss), copy.copy(loss)):
        assert copied is not loss
        assert copied.get_params() == loss.get_params()
        assert copied.set_params(delta=1.0).value(0.0, 9.0) == Huber(1.0).value(0, 9)
    assert loss.value(0.0, 9.0) == Huber(2.0).value(0.0, 9.0)
    loss.delta = 3.0
    assert loss.value(0.0, 9.0) == Huber(3.0).value(0.0, 9.0)
    with pytest.raises(ValueError, match="Invalid parameter 'epsilon'"):
        loss.set_params(epsilon=1.0)
    assert "delta=3.0" in repr(loss)
    assert "delta" in loss._repr_html_()


def test_a_function_is_a_parameter_and_a_method_stays_one():
    loss = numpy_huber().set_params(value=functions.huber_curvature)
    assert loss.get_params()["value"] is functions.huber_curvature
    assert loss.value(0.0, 1.0) == 1.0
    loss.gradient = functions.huber_curvature
    assert loss.gradient(0.0, 0.5) == 1.0
    assert loss.set_params(link=LogLink()).link == LogLink()


def test_clones_share_functions_and_not_parameters():
    class Stateful:
        def __call__(self, y_true, raw_prediction, table):
            return raw_prediction * table[0]

        def __deepcopy__(self, memo):
            raise AssertionError("copied")

    function = Stateful()
    loss = NumpyLoss(function, function, table=[2.0])
    other = clone(loss)
    assert other.get_params()["value"] is function
    loss.table[0] = 5.0
    assert other.value(0.0, 1.0) == 2.0


@both
@pytest.mark.parametrize("name", ["compiled", "probabilistic", "y_true", "_evaluate"])
def test_names_that_a_parameter_cannot_have(make, name):
    function = make().get_params()["value"]
    with pytest.raises(TypeError, match=f"Loss cannot be called {name!r}"):
        type(make())(function, function, **{name: 1.0})


def test_a_subclass_with_a_constructor_of_its_own():
    class Mine(NumpyLoss):
        def __init__(self, delta=1.0):
            super().__init__(
                functions.huber_value, functions.huber_gradient, delta=delta
            )

    loss = clone(Mine(delta=2.0))
    assert loss.get_params() == {"delta": 2.0}
    assert repr(loss) == "Mine(delta=2.0)"
    assert loss.set_params(delta=1.5).value(0.0, 9.0) == Huber(1.5).value(0.0, 9.0)


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"task": "ranking"}, "'task' parameter of NumpyLoss must be a str among"),
        ({"link": "log"}, "'link' parameter of NumpyLoss must be a link"),
        ({"domain": (0, 1)}, "'domain' parameter of NumpyLoss must be an Interval"),
        ({"convex": 1}, "'convex' parameter of NumpyLoss must be a bool"),
        ({"lipschitz": -1}, "'lipschitz' parameter of NumpyLoss must be a float"),
        ({"gradient": None}, "'gradient' parameter of NumpyLoss must be a function"),
    ],
)
def test_traits_and_functions_are_checked_at_use(traits, message):
    loss = numpy_huber().set_params(**traits)
    with pytest.raises((ValueError, TypeError), match=message):
        loss.value(Y, RAW)


def test_parameters_of_c_functions_are_numbers():
    with pytest.raises(TypeError, match="'delta' parameter of CFunctionLoss must be"):
        c_huber(delta="wide").value(Y, RAW)


def test_parameters_may_be_losses():
    def value(y_true, raw_prediction, base):
        return base.value(y_true, raw_prediction)

    loss = NumpyLoss(value, value, base=Huber(delta=1.0))
    loss.set_params(base__delta=2.0)
    assert loss.get_params()["base__delta"] == 2.0
    assert clone(loss).value(0.0, 9.0) == Huber(2.0).value(0.0, 9.0)


# ------------------------------------------------------------------ errors
@pytest.mark.parametrize("error", [RuntimeError("mine"), KeyboardInterrupt()])
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: x + Huber(), Truncated])
def test_an_exception_comes_out_as_itself(error, wrap):
    def raises(y_true, raw_prediction):
        raise error

    loss = wrap(NumpyLoss(raises, raises, raises, convex=True))
    for name in ("value", "gradient", "curvature"):
        with pytest.raises(type(error)) as caught:
            getattr(loss, name)(Y, RAW)
        assert caught.value is error
        assert any(entry.name == "raises" for entry in caught.traceback)


def test_an_error_in_a_search_for_the_conjugate():
    def raises(y_true, raw_prediction):
        return 1 / 0

    with pytest.raises(ZeroDivisionError):
        NumpyLoss(raises, raises, convex=True).conjugate(Y, RAW)


def test_after_an_error_no_function_is_called_and_the_kernel_sees_nan():
    calls = []

    def raises(y_true, raw_prediction):
        calls.append(raw_prediction.copy())
        raise RuntimeError("mine")

    functions_of_c = (NumpyLoss(raises, raises) + Huber()).checked()
    out = np.empty(1000)
    with pytest.raises(RuntimeError, match="mine"):
        functions_of_c.evaluate_points(np.zeros(1000), np.ones(1000), out, None, None)
    assert len(calls) == 1
    assert np.isnan(out).all()


def test_an_error_does_not_stay():
    fails = True

    def value(y_true, raw_prediction):
        if fails:
            raise RuntimeError("mine")
        return raw_prediction

    functions_of_c = NumpyLoss(value, value).checked()
    out = np.empty(3)
    arguments = (np.zeros(3), np.ones(3), out, None, None)
    with pytest.raises(RuntimeError, match="mine"):
        functions_of_c.evaluate_points(*arguments)
    fails = False
    functions_of_c.evaluate_points(*arguments)
    np.testing.assert_array_equal(out, 1.0)


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        (1.0, ValueError, r"shape \(50,\) .* Got the shape \(\)"),
        (np.ones((50, 1)), ValueError, r"shape \(50,\) .* Got the shape \(50, 1\)"),
        (np.ones(49), ValueError, r"Got the shape \(49,\)"),
        (np.ones(50) * 1j, TypeError, "real numbers. Got ndarray of dtype complex128"),
        (None, TypeError, "real numbers. Got NoneType of dtype object"),
        ([["a"]] * 50, TypeError, "real numbers. Got list of dtype <U1"),
    ],
)
def test_wrong_output(result, error, message):
    def wrong(y_true, raw_prediction):
        return result

    loss = NumpyLoss(wrong, wrong)
    for name in ("value", "gradient"):
        with pytest.raises(error, match=f"The {name} function of NumpyLoss.*wrong,.*"):
            getattr(loss, name)(Y, RAW)
    with pytest.raises(error, match=message):
        loss.value(Y, RAW)


def test_wrong_output_of_rows():
    def wrong(y_true, raw_prediction):
        return raw_prediction.sum(axis=1)

    loss = NumpyLoss(wrong, wrong, task="multiclass")
    assert loss.value([0, 1], np.ones((2, 3))).tolist() == [3.0, 3.0]
    with pytest.raises(
        ValueError, match=r"shape \(2, 3\) for raw .* Got the shape \(2,"
    ):
        loss.gradient([0, 1], np.ones((2, 3)))


def test_nan_is_refused_where_nothing_explains_it():
    def root(y_true, raw_prediction):
        with np.errstate(invalid="ignore"):
            return np.sqrt(raw_prediction)

    loss = NumpyLoss(root, root)
    message = "value function of NumpyLoss.*root, returned nan for y_true=3.0 and"
    with pytest.raises(ValueError, match=f"{message} raw_prediction=-2.0"):
        loss.value([1.0, 3.0, 3.0], [1.0, -2.0, -1.0])
    value = loss.value([0.0, 0.0], [np.nan, -np.inf])
    assert np.isnan(value).all()


@pytest.mark.parametrize("dtype", [np.float32, np.int64, bool])
def test_other_real_dtypes_are_fine(dtype):
    loss = NumpyLoss(lambda y, p: (p > 1).astype(dtype), np.add)
    np.testing.assert_array_equal(loss.value(Y, RAW), RAW > 1)


def test_views_and_inputs_as_results_are_fine():
    loss = NumpyLoss(lambda y, p: p, lambda y, p: np.stack([p, p])[:, ::-1][0][::-1])
    np.testing.assert_array_equal(loss.value(Y, RAW), RAW)
    np.testing.assert_array_equal(loss.gradient(Y, RAW), RAW)


def test_functions_cannot_change_the_data():
    def writes(y_true, raw_prediction):
        raw_prediction -= y_true
        return raw_prediction

    raw = RAW.copy()
    with pytest.raises(ValueError, match="read-only"):
        NumpyLoss(writes, writes).value(Y, raw)
    np.testing.assert_array_equal(raw, RAW)


def test_nothing_is_kept_alive():
    class Function:
        def __call__(self, y_true, raw_prediction):
            raise RuntimeError("mine")

    function = Function()
    alive = weakref.ref(function)
    loss = NumpyLoss(function, function)
    with pytest.raises(RuntimeError):
        loss.value(Y, RAW)
    del loss, function
    gc.collect()
    assert alive() is None


# ------------------------------------------------------------- C functions
PATH = "scipy.special.cython_special:"


def from_cython(name):
    return LowLevelCallable.from_cython(cython_special, name)


@pytest.mark.parametrize(
    "function",
    [
        PATH + "huber",
        from_cython("huber"),
        cython_special.__pyx_capi__["huber"],
        functions.c_scipy_huber,
        ctypes.cast(functions.c_scipy_huber, ctypes.CFUNCTYPE(DOUBLE, DOUBLE, DOUBLE)),
    ],
    ids=["path", "LowLevelCallable", "PyCapsule", "ctypes", "cast"],
)
def test_ways_to_give_a_c_function(function):
    loss = CFunctionLoss(function, function)
    np.testing.assert_array_equal(loss.value([1.0, 2.0], [3.0, 3.0]), [2.5, 4.0])


def test_cffi():
    cffi = pytest.importorskip("cffi")
    ffi = cffi.FFI()
    function = ffi.callback("double(double, double)", lambda y, p: (p - y) ** 2)
    assert CFunctionLoss(function, function).value(1.0, 3.0) == 4.0
    with_data = ffi.callback("double(double, double, void *)", lambda y, p, d: p - y)
    data = ffi.new("double[1]")
    user_data = ffi.cast("void *", data)
    assert (
        CFunctionLoss(LowLevelCallable(with_data, user_data), function).value(1.0, 3.0)
        == 2.0
    )


def test_numba():
    numba = pytest.importorskip("numba")
    function = numba.cfunc("float64(float64, float64, CPointer(float64))")(
        lambda y, p, parameters: parameters[0] * p - parameters[1] * y
    )
    for given in (function, LowLevelCallable(function.ctypes)):
        loss = CFunctionLoss(given, given, scale=3.0, shift=2.0)
        assert loss.value(1.0, 1.0) == 1.0
        assert clone(loss).set_params(shift=0.0).value(1.0, 1.0) == 3.0
    with pytest.raises(pickle.PicklingError, match="global variable of a module"):
        pickle.dumps(loss)


def test_parameters_arrive_in_the_order_in_which_they_are_written():
    @ctypes.CFUNCTYPE(DOUBLE, DOUBLE, DOUBLE, ctypes.POINTER(DOUBLE))
    def value(y, raw, parameters):
        return 100 * parameters[0] + 10 * parameters[1] + parameters[2]

    loss = CFunctionLoss(value, value, zeta=1, alpha=2, mu=3)
    assert clone(loss).value(0.0, 0.0) == 123
    assert clone(loss).set_params(alpha=5).value(0.0, 0.0) == 153


def test_user_data():
    number = DOUBLE(7.0)
    pointer = ctypes.cast(ctypes.pointer(number), ctypes.c_void_p)

    @ctypes.CFUNCTYPE(DOUBLE, DOUBLE, DOUBLE, ctypes.c_void_p)
    def value(y, raw, data):
        return ctypes.cast(data, ctypes.POINTER(DOUBLE))[0] * raw

    function = LowLevelCallable(value, pointer)
    assert CFunctionLoss(function, function).value(0.0, 2.0) == 14.0
    with pytest.raises(TypeError, match=r"takes a pointer .* It has both"):
        CFunctionLoss(function, function, delta=1.0).value(0.0, 2.0)
    with pytest.raises(TypeError, match=r"takes a pointer .* It has neither"):
        CFunctionLoss(value, value).value(0.0, 2.0)


@pytest.mark.parametrize(
    ("restype", "argtypes", "got"),
    [
        (DOUBLE, (DOUBLE,), r"double \(double\)"),
        (ctypes.c_float, (DOUBLE, DOUBLE), r"float \(double, double\)"),
        (None, (DOUBLE, DOUBLE), r"void \(double, double\)"),
        (DOUBLE, (DOUBLE, ctypes.c_int), r"double \(double, int\)"),
        (DOUBLE, (DOUBLE, DOUBLE, DOUBLE), r"double \(double, double, double\)"),
    ],
)
def test_other_signatures_are_refused(restype, argtypes, got):
    function = ctypes.CFUNCTYPE(restype, *argtypes)(lambda *args: 0.0)
    loss = CFunctionLoss(function, function)
    with pytest.raises(TypeError, match=f"signature '{got}'. Accepted are 'double"):
        loss.value(0.0, 1.0)


def test_a_signature_that_nobody_has_declared():
    function = ctypes.pythonapi.PyFloat_GetMax  # found, and not described
    with pytest.raises(TypeError, match="set its argtypes and its restype"):
        CFunctionLoss(function, function).value(0.0, 1.0)


def test_a_python_function_is_no_c_function():
    with pytest.raises(TypeError, match="For a function of Python use NumpyLoss"):
        CFunctionLoss(functions.huber_value, functions.huber_gradient).value(0.0, 1.0)
    with pytest.raises(TypeError, match="None is not a C function"):
        CFunctionLoss(None, functions.c_scipy_huber).value(0.0, 1.0)


def test_parameters_that_no_function_reads():
    function = PATH + "huber"
    with pytest.raises(TypeError, match="so delta would have no effect"):
        CFunctionLoss(function, function, delta=1.0).value(0.0, 1.0)


@pytest.mark.parametrize("path", ["math", "no_such_module:f", "math:none", "", ":f"])
def test_paths_that_lead_nowhere(path):
    with pytest.raises(ImportError, match="is not the import path of a C function"):
        CFunctionLoss(path, path).value(0.0, 1.0)


def test_a_multiclass_loss_needs_numpy():
    loss = CFunctionLoss(PATH + "huber", PATH + "huber", task="multiclass")
    with pytest.raises(ValueError, match="'task' parameter of CFunctionLoss"):
        loss.value([0], [[1.0, 2.0]])


# ----------------------------------------------------------------- pickles
PICKLED = [
    numpy_huber(),
    c_huber(),
    CFunctionLoss(PATH + "huber", from_cython("huber")),
    CFunctionLoss(cython_special.__pyx_capi__["huber"], functions.c_scipy_huber),
    c_huber() + Huber(),
]


def run(arguments):
    """What a fresh Python prints."""
    result = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("loss", PICKLED, ids=range(len(PICKLED)))
def test_pickles_work_in_a_fresh_process(loss, tmp_path):
    (tmp_path / "loss.pkl").write_bytes(pickle.dumps(loss))
    program = (
        "import pickle, sys; loss = pickle.load(open(sys.argv[1], 'rb'))\n"
        "print(*loss.value([1.0, 2.0], [3.0, 3.0]), *loss.gradient([1.0], [3.0]))\n"
        "pickle.dumps(loss)"
    )
    printed = run(["-c", program, tmp_path / "loss.pkl"])
    expected = [*loss.value([1.0, 2.0], [3.0, 3.0]), *loss.gradient([1.0], [3.0])]
    assert printed.split() == [str(number) for number in expected]


def test_a_pickle_names_the_functions():
    loss = pickle.loads(pickle.dumps(c_huber(delta=2.0)))
    assert loss.get_params()["value"] == "tests.custom_functions:c_huber_value"
    assert loss.get_params()["delta"] == 2.0


def test_a_c_function_without_a_name_cannot_be_pickled():
    function = ctypes.CFUNCTYPE(DOUBLE, DOUBLE, DOUBLE)(lambda y, raw: raw)
    loss = CFunctionLoss(function, function)
    assert copy.deepcopy(loss).value(0.0, 1.0) == 1.0
    with pytest.raises(pickle.PicklingError, match=r"global variable .* import path"):
        pickle.dumps(loss)


def test_a_c_function_of_the_main_program_cannot_be_pickled(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import ctypes, pickle\n"
        "from sklearn_losses import CFunctionLoss\n"
        "double = ctypes.c_double\n"
        "f = ctypes.CFUNCTYPE(double, double, double)(lambda y, raw: raw)\n"
        "f.__module__, f.__qualname__ = '__main__', 'f'  # as numba's have\n"
        "try:\n    pickle.dumps(CFunctionLoss(f, f))\n"
        "except pickle.PicklingError as error:\n    print(error)\n"
    )
    assert "not of __main__" in run([program])


# ------------------------------------------------- methods that would be ignored
def test_overriding_a_method_alone_is_refused():
    class Mine(Quantile):
        def gradient(self, y_true, raw_prediction, sample_weight=None, out=None):
            return super().gradient(y_true, raw_prediction)

    class Mixin:
        def value(self, *args):
            return 0.0

    class Mixed(Mixin, SquaredError):
        pass

    with pytest.raises(
        TypeError, match=r"Mine overrides gradient\(\) but not compiled"
    ):
        Mine().value(Y, RAW)
    with pytest.raises(TypeError, match=r"Mixed overrides value\(\) .* NumpyLoss"):
        Mixed().gradient(Y, RAW)


def test_overriding_compiled_is_how_it_is_done():
    class Mine(Quantile):
        def compiled(self):
            return Huber(1.0).compiled()

        def value(self, *args, **kwargs):
            return 2.0 * super().value(*args, **kwargs)

    assert Mine().value(0.0, 0.5) == 0.25
    assert Mine().gradient(0.0, 0.5) == 0.5


def test_a_loss_is_a_function_for_a_scorer():
    for loss in (LogLoss(), numpy_huber()):
        scorer = make_scorer(loss, greater_is_better=False)
        assert type(loss).__name__ in repr(scorer)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(task="binary", link=SoftmaxLink()), "The 'link' parameter of NumpyLoss"),
        (dict(task="multiclass", link=LogitLink()), "must be a link for task='multi"),
        (dict(task="binary", proper=True), "The 'proper' parameter of NumpyLoss must"),
        (dict(minimum="0"), "The 'minimum' parameter of NumpyLoss must be a float"),
    ],
    ids=str,
)
def test_claims_that_cannot_be(settings, message):
    loss = NumpyLoss(np.subtract, np.subtract, **settings)
    with pytest.raises(ValueError, match=message):
        loss.value([0], np.zeros((1, 3)) if loss.task == "multiclass" else [0.0])


def test_private_names_are_no_parameters():
    with pytest.raises(TypeError, match="cannot be called '_own_names'"):
        NumpyLoss(np.subtract, np.subtract, _own_names=3.0)


def test_a_domain_of_integers():
    domain = Interval(0, None, "left", integer=True)
    loss = NumpyLoss(np.subtract, np.subtract, domain=domain)
    assert loss.value([2.0], [1.0]) == 1.0
    with pytest.raises(
        ValueError, match=r"to be an integer in \[0, inf\): y_true\[0\] is 0.5"
    ):
        loss.value([0.5], [1.0])
