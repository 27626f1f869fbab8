"""Shapes, types, buffers and errors of the functions of arrays."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from sklearn_losses.losses import (
    CrossEntropy,
    Gamma,
    Hinge,
    LogLoss,
    Poisson,
    SquaredError,
)
from tests.cases import (
    BINARY_LOSSES,
    DEFAULTS,
    N_CLASSES,
    ROW_LOSSES,
    each,
    raw_predictions,
    soft_targets,
    targets,
    two_targets,
)

DEFAULT_POINTS = [loss for loss in DEFAULTS if loss.granularity == "point"]
SOFT_LOSSES = [loss for loss in ROW_LOSSES if loss.soft_targets]
OUTPUTS = ("value", "gradient", "curvature")


def some(loss, n=37):
    rng = np.random.default_rng(0)
    return targets(loss, rng, n), raw_predictions(loss, rng, n)


@each(DEFAULTS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_a_block_is_its_points(loss, output):
    y, raw = some(loss)
    function = getattr(loss, output)
    got = function(y, raw)
    assert got.dtype == np.float64
    assert got.shape == (y.shape if output == "value" else raw.shape)
    one_by_one = [function(y[i : i + 1], raw[i : i + 1])[0] for i in range(len(y))]
    np.testing.assert_array_equal(got, one_by_one)


@each(DEFAULTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_value_gradient_is_value_and_gradient(loss, dtype):
    y, raw = some(loss)
    raw = raw.astype(dtype)
    value, gradient = loss.value_gradient(y, raw)
    np.testing.assert_array_equal(value, loss.value(y, raw))
    np.testing.assert_array_equal(gradient, loss.gradient(y, raw))


@each(DEFAULTS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_float32_gives_float32(loss, output):
    y, raw = some(loss)
    y, raw = y.astype(np.float32), raw.astype(np.float32)
    got = getattr(loss, output)(y, raw)
    assert got.dtype == np.float32
    double = getattr(loss, output)(y.astype(float), raw.astype(float))
    np.testing.assert_allclose(got, double, rtol=1e-5)
    # The raw prediction decides.
    assert getattr(loss, output)(y.astype(float), raw).dtype == np.float32
    assert getattr(loss, output)(y, raw.astype(float)).dtype == np.float64


@each(DEFAULTS)
def test_integers_lists_and_half_precision_are_doubles(loss):
    y, raw = two_targets(loss).astype(int), np.array([2, -1])
    if loss.granularity == "row":
        raw = np.array([[2, -1, 0], [1, 0, 3]])
    expected = loss.value(y.astype(float), raw.astype(float))
    for given in (raw, raw.tolist(), raw.astype(np.float16)):
        got = loss.value(y.tolist(), given)
        assert got.dtype == np.float64
        np.testing.assert_array_equal(got, expected)


@each(DEFAULTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_out_is_written_and_returned(loss, dtype):
    y, raw = some(loss)
    raw = raw.astype(dtype)
    weight = np.linspace(0.5, 2.0, len(y))
    for output in OUTPUTS:
        expected = getattr(loss, output)(y, raw, weight)
        out = np.full(expected.shape, np.nan, dtype=dtype)
        assert getattr(loss, output)(y, raw, weight, out=out) is out
        np.testing.assert_array_equal(out, expected)
    pair = np.full(y.shape, np.nan, dtype), np.full(raw.shape, np.nan, dtype)
    got = loss.value_gradient(y, raw, weight, out=pair)
    assert got[0] is pair[0]
    assert got[1] is pair[1]
    np.testing.assert_array_equal(pair[0], loss.value(y, raw, weight))
    np.testing.assert_array_equal(pair[1], loss.gradient(y, raw, weight))


@each(DEFAULTS)
@pytest.mark.parametrize("n", [1, 37])
def test_an_output_may_overwrite_an_input(loss, n):
    y, raw = some(loss, n)
    expected = loss.value_gradient(y, raw)
    for which in range(2):
        given = [y.astype(np.float64), raw.copy()]
        out = [np.empty_like(array) for array in expected]
        out[which] = given[which]
        got = loss.value_gradient(*given, out=tuple(out))
        for found, wanted in zip(got, expected):
            np.testing.assert_array_equal(found, wanted)


@each(SOFT_LOSSES)
def test_a_gradient_may_overwrite_soft_targets(loss):
    rng = np.random.default_rng(0)
    y, raw = soft_targets(rng, 37), 0.01 * rng.normal(size=(37, N_CLASSES))
    expected = loss.gradient(y, raw)
    np.testing.assert_array_equal(loss.gradient(y, raw, out=y), expected)


@pytest.mark.covering
@each(DEFAULTS)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda a: a[:-1].copy(),
        lambda a: a.astype(np.float32),
        lambda a: np.repeat(a[..., np.newaxis], 2, axis=-1)[..., 0],
        lambda a: a.tolist(),
        lambda a: a.reshape(1, *a.shape),
    ],
    ids=["shape", "dtype", "strided", "list", "ndim"],
)
def test_wrong_out_raises(loss, spoil):
    y, raw = some(loss)
    for output in OUTPUTS:
        out = spoil(np.zeros(y.shape if output == "value" else raw.shape))
        with pytest.raises(ValueError, match=f"out for the {output} must be"):
            getattr(loss, output)(y, raw, out=out)


def test_read_only_out_raises():
    out = np.zeros(2)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="must be a writeable"):
        SquaredError().value([0, 0], [1, 1], out=out)


@pytest.mark.covering
@each(DEFAULT_POINTS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_scalars_are_broadcast(loss, output):
    y, raw = some(loss)
    function = getattr(loss, output)
    np.testing.assert_array_equal(
        function(y[0], raw), function(np.full(len(raw), y[0]), raw)
    )
    np.testing.assert_array_equal(
        function(y, raw[0]), function(y, np.full(len(y), raw[0]))
    )
    alone = function(float(y[0]), float(raw[0]))
    assert isinstance(alone, np.float64)
    assert alone == function(y[:1], raw[:1])[0]
    assert function(float(y[0]), float(raw[0]), 2.0) == 2.0 * alone
    assert loss.mean(float(y[0]), float(raw[0])) == loss.value(y[0], raw[0])


@each(DEFAULT_POINTS)
def test_shapes_that_do_not_fit_raise(loss):
    y, raw = some(loss)
    for function in (loss.value, loss.gradient, loss.value_gradient, loss.mean):
        with pytest.raises(ValueError, match=r"y_true of shape \(36,\) does not fit"):
            function(y[:-1], raw)
        with pytest.raises(ValueError, match=r"sample_weight of shape \(36,\)"):
            function(y, raw, np.ones(36))
        with pytest.raises(ValueError, match="does not fit"):
            function(y[:, np.newaxis], raw)


@each(ROW_LOSSES)
def test_shapes_that_do_not_fit_raise_in_rows(loss):
    y, raw = some(loss)
    for function in (loss.value, loss.gradient, loss.value_gradient, loss.mean):
        with pytest.raises(ValueError, match=r"y_true of shape \(36,\) does not fit"):
            function(y[:-1], raw)
        with pytest.raises(ValueError, match=r"y_true of shape \(37, 2\)"):
            function(np.full((37, 2), 0.5), raw)
        with pytest.raises(ValueError, match=r"sample_weight of shape \(36,\)"):
            function(y, raw, np.ones(36))
        with pytest.raises(ValueError, match=r"shape \(n_samples, n_classes\)"):
            function(y, raw[:, 0])
        for n_classes in (0, 1):  # nothing to tell apart
            for target in (y, np.ones((37, n_classes))):
                with pytest.raises(ValueError, match="at least two classes"):
                    function(target, raw[:, :n_classes])


@each(DEFAULTS)
def test_any_memory_layout(loss):
    y, raw = some(loss)
    views = {
        "strided": (np.repeat(y, 2)[::2], np.repeat(raw, 2, axis=0)[::2]),
        "reversed": (y[::-1].copy()[::-1], raw[::-1].copy()[::-1]),
        "fortran": (y, np.asfortranarray(raw)),
        "swapped": (y.astype(">f8"), raw.astype(">f8")),
    }
    read_only = y.copy(), raw.copy()
    for array in read_only:
        array.flags.writeable = False
    views["read-only"] = read_only
    for name, (y_view, raw_view) in views.items():
        for output in OUTPUTS:
            got = getattr(loss, output)(y_view, raw_view)
            expected = getattr(loss, output)(y, raw)
            np.testing.assert_array_equal(got, expected, err_msg=name)


@each(DEFAULTS)
def test_inputs_are_left_alone(loss):
    y, raw = some(loss)
    weight = np.full(len(y), 2.0)
    before = y.copy(), raw.copy(), weight.copy()
    loss.value_gradient(y, raw, weight)
    loss.mean(y, raw, weight)
    loss.inverse_link(raw)
    for array, copy in zip((y, raw, weight), before):
        np.testing.assert_array_equal(array, copy)


@each(DEFAULTS)
def test_empty_arrays(loss):
    rows = loss.granularity == "row"
    raw = np.empty((0, 3)) if rows else np.empty(0)
    soft = rows and loss.soft_targets
    for y in [np.empty(0), np.empty((0, 3))] if soft else [np.empty(0)]:
        assert loss.value(y, raw).shape == (0,)
        assert loss.gradient(y, raw).shape == raw.shape
        assert loss.curvature(y, raw, np.empty(0)).shape == raw.shape


# --------------------------------------------------------------------- targets
BAD = {
    "regression": [np.nan, np.inf, -np.inf],
    "binary": [-1.0, 2.0, np.nan],
    "multiclass": [-1.0, float(N_CLASSES), 0.5, np.nan, np.inf],
}


@each(DEFAULTS)
def test_the_first_target_outside_the_domain_is_named(loss):
    y, raw = some(loss)
    for bad in BAD[loss.task]:
        spoiled = y.copy()
        spoiled[[3, 7]] = bad
        for function in (loss.value, loss.gradient, loss.value_gradient, loss.mean):
            with pytest.raises(ValueError) as error:
                function(spoiled, raw)
            assert str(error.value).startswith(
                f"{type(loss).__name__} needs every target "
            )
            assert str(error.value).endswith(f": y_true[3] is {bad}.")


@pytest.mark.parametrize(
    ("loss", "y", "message"),
    [
        (Poisson(), [1, -0.5], r"in [0.0, inf): y_true[1] is -0.5."),
        (LogLoss(), [1, 1.25], r"in [0.0, 1.0]: y_true[1] is 1.25."),
        (Hinge(), [1, 0.5], r"to be 0 or 1: y_true[1] is 0.5."),
        (Hinge(), 0.5, r"to be 0 or 1: y_true is 0.5."),
        (SquaredError(), np.nan, r"in (-inf, inf): y_true is nan."),
    ],
)
def test_messages_about_targets(loss, y, message):
    with pytest.raises(ValueError) as error:
        loss.value(y, [0.0, 0.0])
    assert str(error.value) == f"{type(loss).__name__} needs every target {message}"


@pytest.mark.covering
@each(DEFAULTS)
@pytest.mark.parametrize("at", [0, 5000, 39_999])
def test_targets_of_long_arrays_outside_the_domain_are_named(loss, at):
    """Those are checked while they are evaluated."""
    y, raw = some(loss, 40_000)
    for bad in BAD[loss.task]:
        spoiled = y.copy()
        spoiled[at] = bad
        for function in (loss.value, loss.gradient, loss.value_gradient):
            with pytest.raises(ValueError, match=rf"y_true\[{at}\] is {bad}\.$"):
                function(spoiled, raw)


def test_an_input_is_not_overwritten_if_a_target_is_bad():
    y, raw = some(Poisson(), 40_000)
    y[39_999] = -1.0
    for out in (y, raw):
        before = out.copy()
        with pytest.raises(ValueError, match=r"y_true\[39999\] is -1.0"):
            Poisson().value(y, raw, out=out)
        np.testing.assert_array_equal(out, before)


def test_long_arrays_of_a_loss_with_a_check_of_its_own():
    class Even(SquaredError):
        def check_targets(self, y_true, name="y_true"):
            if np.any(y_true % 2):
                raise ValueError(f"{name} is odd")

    y = np.zeros(40_000)
    assert Even().value(y, y).sum() == 0.0
    y[20_000] = 1.0
    with pytest.raises(ValueError, match="y_true is odd"):
        Even().value(y, y)


def test_messages_about_classes():
    raw = np.zeros((2, 3))
    with pytest.raises(ValueError) as error:
        CrossEntropy().value([0, 3], raw)
    assert str(error.value) == (
        "CrossEntropy needs every target a class index in 0..2: y_true[1] is 3.0."
    )
    with pytest.raises(ValueError, match=r"a class index 0, 1, \.\.\.: y_true\[0\] is"):
        CrossEntropy().check_targets(np.array([-1.0]))


@pytest.mark.parametrize(
    "row", [[0.5, 0.25, 0.5], [1.5, -0.5, 0.0], [np.nan, 0.5, 0.5], [0.0, 0.0, 0.0]]
)
def test_rows_that_are_no_probabilities_are_named(row):
    y = np.array([[0.5, 0.5, 0.0], row])
    with pytest.raises(ValueError) as error:
        CrossEntropy().value(y, np.zeros((2, 3)))
    assert str(error.value) == (
        "CrossEntropy needs every target a row of probabilities that are >= 0 and sum "
        f"to 1: y_true[1] is {np.array(row)}."
    )


@each(SOFT_LOSSES)
def test_one_hot_probabilities_are_labels_without_smoothing(loss):
    y, raw = some(loss)
    one_hot = np.eye(N_CLASSES)[y.astype(int)]
    for output in OUTPUTS:
        got = getattr(loss, output)(one_hot, raw)
        expected = getattr(type(loss)(), output)(y, raw)
        np.testing.assert_allclose(got, expected, rtol=1e-13)


@each([loss for loss in ROW_LOSSES if not loss.soft_targets])
def test_probabilities_are_refused_where_only_labels_fit(loss):
    y, raw = some(loss)
    name = type(loss).__name__
    for function in (loss.value, loss.gradient, loss.mean):
        with pytest.raises(ValueError, match=f"{name} needs a class index.*has more"):
            function(np.eye(N_CLASSES)[y.astype(int)], raw)


@each(SOFT_LOSSES)
def test_float32_of_rows_with_probabilities(loss):
    rng = np.random.default_rng(0)
    y, raw = soft_targets(rng, 20), raw_predictions(loss, rng, 20)
    raw = raw.astype(np.float32)
    assert loss.gradient(y, raw).dtype == np.float32
    np.testing.assert_allclose(
        loss.value(y, raw), loss.value(y, raw.astype(float)), rtol=1e-6
    )


@each(BINARY_LOSSES)
def test_domain_holds_the_labels(loss):
    assert loss.domain.contains([0.0, 1.0]).all()
    assert not loss.domain.contains([-1.0, 2.0, np.nan]).any()


@each(ROW_LOSSES)
def test_domain_of_classes(loss):
    assert str(loss.domain) == "[0, inf)"


def test_targets_are_checked_before_they_are_rounded():
    assert np.isfinite(Gamma().value([1e-50], np.float32([1.0]))).all()


def test_none_is_no_prediction():
    with pytest.raises(ValueError, match="must be real numbers"):
        SquaredError().value(0.0, None)


@pytest.mark.parametrize("loss", [LogLoss(), CrossEntropy()], ids=repr)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_results_do_not_depend_on_the_number_of_threads(loss, dtype):
    rng = np.random.default_rng(0)
    n = 600_000 if loss.granularity == "point" else 200_000
    raw = raw_predictions(loss, rng, n).astype(dtype)
    y = targets(loss, rng, n)
    with threadpool_limits(1):
        expected = loss.value_gradient(y, raw)
    for n_threads in (2, 3):
        with threadpool_limits(n_threads):
            found = loss.value_gradient(y, raw)
        for one, other in zip(found, expected):
            np.testing.assert_array_equal(one, other)
