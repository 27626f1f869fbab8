"""check_loss: right losses pass, and each kind of wrong one fails the check for it."""

import re
import warnings

import numpy as np
import pytest

from sklearn_losses import CheckResult, LossReport, check_loss
from sklearn_losses.losses import (
    AbsoluteError,
    Asymmetric,
    Barron,
    CrossEntropy,
    EpsilonInsensitive,
    Fair,
    GeneralizedCrossEntropy,
    Hinge,
    Huber,
    Interval,
    Linex,
    LogLink,
    LogLoss,
    MulticlassSquaredHinge,
    NumpyLoss,
    Poisson,
    PseudoHuber,
    Quantile,
    SmoothHinge,
    SmoothQuantile,
    SoftmaxLink,
    Sparsemax,
    SquaredError,
    SquaredHinge,
    StudentT,
    Tangent,
    Truncated,
    TukeyBiweight,
)
from tests.cases import LOSSES, each, each_class


@each_class(LOSSES)
def test_every_loss_passes(loss):
    report = check_loss(loss)
    assert report.passed
    assert {result.status for result in report} <= {"passed", "skipped"}
    assert report["limits"].message == ""  # not even a remark


@pytest.mark.parametrize(
    "loss",
    [
        Huber(1e-6),
        Huber(1e6),
        PseudoHuber(1e-6),
        Fair(1e-8),
        SmoothHinge(1e-5),
        Linex(20),
        SmoothQuantile(0.3, 1e-6),
        EpsilonInsensitive(1e-6),
        StudentT(scale=1e5),
        Truncated(SquaredError(), 1e-8),
        Asymmetric(Huber(1e-5), 1.0, 3.0),
        1e-8 * Huber(),
        TukeyBiweight(1e-4),
        Barron(alpha=-np.inf, scale=1e-3),
    ],
    ids=lambda loss: " ".join(str(loss).split()),
)
def test_losses_of_all_scales_pass(loss):
    report = check_loss(loss, on_fail=None)
    assert report.passed, str(report)


@pytest.mark.parametrize("seed", range(3))
@each([Sparsemax() + MulticlassSquaredHinge(), LogLoss() + Hinge()])
def test_sums_with_a_common_kink_pass(loss, seed):
    report = check_loss(loss, on_fail=None, random_state=seed)
    assert report.passed, str(report)


@each([SquaredError(), LogLoss(), CrossEntropy()])
@pytest.mark.parametrize("seed", range(5))
def test_other_points_change_nothing(loss, seed):
    assert check_loss(loss, random_state=seed).passed


# --------------------------------------------------------------------- mutants
def patched(base, output):
    """A decorator: the loss `base`, but with that output changed by the function.

    The function takes the result, y and the raw prediction and returns another result.
    """

    def decorate(change):
        def _evaluate(self, y_true, raw_prediction, sample_weight, **wanted):
            results = type(base)._evaluate(self, y_true, raw_prediction, None, **wanted)
            results = list(results) if len(wanted) > 1 else [results]
            y, raw = np.asarray(y_true), np.asarray(raw_prediction)
            for i, (name, result) in enumerate(zip(wanted, results)):
                new = change(result, y, raw) if name == output else result
                if sample_weight is not None:
                    new = (new.T * sample_weight).T
                results[i] = np.float64(new) if np.ndim(result) == 0 else result
                if np.ndim(result):
                    result[...] = new  # which may be the caller's `out`
            return tuple(results) if len(wanted) > 1 else results[0]

        name = f"Mutant_{change.__name__}"
        body = {"_evaluate": _evaluate, "__module__": __name__}
        globals()[name] = type(name, (type(base),), body)  # where pickle looks for it
        return globals()[name](**base.get_params(deep=False))

    return decorate


MUTANTS = {}


def mutant_of(check, **parameters):
    """A decorator: this loss is wrong, and `check` has to find it.

    It is a loss, or a class and the parameters of an instance of it.
    """

    def decorate(loss):
        instance = loss(**parameters) if isinstance(loss, type) else loss
        MUTANTS.setdefault(check, []).append(instance)
        return loss

    return decorate


@mutant_of("gradient")
@patched(SquaredError(), "gradient")
def gradient_with_a_factor(gradient, y, raw):
    return gradient * 1.0001


@mutant_of("gradient")
@patched(Huber(delta=1.0), "gradient")
def gradient_with_the_wrong_sign_on_one_side(gradient, y, raw):
    return np.where(raw > y, -gradient, gradient)


@mutant_of("gradient")
@patched(Poisson(), "gradient")
def gradient_that_forgets_a_term(gradient, y, raw):
    return gradient + 1e-3


@mutant_of("gradient")
@patched(AbsoluteError(), "gradient")
def gradient_that_is_no_subgradient_at_the_kink(gradient, y, raw):
    return np.where(raw == y, 1.5, gradient)


@mutant_of("gradient")
@patched(Quantile(quantile=0.9), "gradient")
def gradient_with_sides_exchanged(gradient, y, raw):
    return np.where(raw > y, 0.9, np.where(raw < y, -0.1, 0.0))


@mutant_of("gradient")
@patched(CrossEntropy(), "gradient")
def gradient_wrong_in_one_class(gradient, y, raw):
    return gradient * [1.0, 1.0, 1.01]


@mutant_of("gradient")
@patched(Quantile(quantile=0.9), "value")
def value_that_jumps(value, y, raw):
    return value + 0.1 * (raw - y > 0.7)


@mutant_of("gradient")
@patched(LogLoss(), "gradient")
def gradient_without_the_label(gradient, y, raw):
    return gradient + y


@mutant_of("curvature")
@patched(LogLoss(), "curvature")
def curvature_with_a_factor(curvature, y, raw):
    return curvature * 0.999


@mutant_of("curvature")
@patched(SquaredHinge(), "curvature")
def curvature_on_the_wrong_side(curvature, y, raw):
    return 2.0 - curvature


@mutant_of("curvature")
@patched(CrossEntropy(), "curvature")
def curvature_of_another_class(curvature, y, raw):
    return np.roll(curvature, 1, axis=-1)


@mutant_of("hessian")
@patched(CrossEntropy(), "hessian")
def hessian_without_the_entries_beside_the_diagonal(hessian, y, raw):
    return hessian * np.eye(raw.shape[1])


@mutant_of("hessian")
@patched(MulticlassSquaredHinge(), "hessian")
def hessian_with_a_factor(hessian, y, raw):
    return hessian * 1.001


@mutant_of("hessian")
@patched(Sparsemax(), "hessian")
def hessian_that_is_not_symmetric(hessian, y, raw):
    return hessian + 1e-6 * np.triu(np.ones(hessian.shape[1:]), 1)


@mutant_of("hessian")
@patched(MulticlassSquaredHinge(), "hessian")
def hessian_of_two_sides_of_a_jump(hessian, y, raw):
    new, rows = hessian.copy(), np.arange(len(y))
    own = y.astype(int)
    for k in range(raw.shape[1]):
        at_jump = (raw[rows, own] - raw[:, k] == 1.0) & (own != k)
        new[at_jump, k, own[at_jump]] = new[at_jump, own[at_jump], k] = -2.0
    return new


@mutant_of("extremes")
@patched(LogLoss(), "value")
def nan_where_exp_overflows(value, y, raw):
    return np.where(np.abs(raw) > 709, np.nan, value)


@mutant_of("extremes")
@patched(SquaredError(), "value")
def no_error_where_the_model_has_diverged(value, y, raw):
    return np.nan_to_num(value, nan=0.0)


@mutant_of("extremes")
@patched(SquaredHinge(), "gradient")
def nan_gradient_far_away(gradient, y, raw):
    return np.where(raw < -5000, np.nan, gradient)


@mutant_of("scalars")
@patched(Huber(), "value")
def value_of_a_scalar_is_another(value, y, raw):
    return value if np.ndim(raw) else 2 * value


@mutant_of("scalars")
@patched(CrossEntropy(), "value")
def value_of_one_row_is_another(value, y, raw):
    return value if len(raw) > 1 else 2 * value


@mutant_of("float32")
@patched(Huber(), "value")
def float32_loses_digits(value, y, raw):
    return value.astype(np.float16) if value.dtype == np.float32 else value


@mutant_of("order")
@patched(Huber(), "value")
def value_depends_on_the_first_sample(value, y, raw):
    return value * (1 + 1e-6 * (np.ndim(raw) > 0 and np.ravel(raw)[0] > 2.2))


@patched(Huber(delta=1.0), "value")
def value_with_a_plateau(value, y, raw):
    return np.minimum(value, 3.0)


@patched(value_with_a_plateau, "gradient")
def gradient_with_a_plateau(gradient, y, raw):
    return np.where(np.abs(raw - y) >= 3.5, 0.0, gradient)


@mutant_of("convex", delta=1.0)
class ClaimsToBeConvex(type(gradient_with_a_plateau)):
    differentiable = False
    smoothness = np.inf


@mutant_of("differentiable")
class ClaimsToBeDifferentiable(Hinge):
    differentiable = True


@mutant_of("smoothness")
class ClaimsToBeSmooth(AbsoluteError):
    smoothness = 1.0


@mutant_of("smoothness")
class SmoothnessTooSmall(SquaredHinge):
    smoothness = 1.9


@mutant_of("smoothness")
class SmoothnessOfRowsTooSmall(CrossEntropy):
    smoothness = 0.25


@mutant_of("lipschitz", quantile=0.9)
class LipschitzTooSmall(Quantile):
    lipschitz = 0.5


@mutant_of("lipschitz")
class LipschitzOfRowsTooSmall(CrossEntropy):
    lipschitz = 1.0


@mutant_of("lipschitz")
class LipschitzThatIsNot(SquaredError):
    lipschitz = 1000.0


@mutant_of("symmetric", quantile=0.9)
class ClaimsToBeSymmetric(Quantile):
    symmetric = True


@mutant_of("symmetric")
class ClaimsThatCountsAreSymmetric(Poisson):
    symmetric = True


@mutant_of("bounded")
class ClaimsToBeBounded(Huber):
    bounded = True


@mutant_of("piecewise_linear")
class ClaimsToBePiecewiseLinear(Huber):
    piecewise_linear = True


@mutant_of("domain")
class TakesEveryTarget(Hinge):
    def check_targets(self, y_true, name="y_true"):
        pass


@mutant_of("domain")
class TakesEveryClass(CrossEntropy):
    def check_targets(self, y_true, name="y_true", n_classes=None):
        if not np.isin(y_true, [0.0, 1.0, 2.0]).all():
            super().check_targets(np.asarray([0.5]), name)

    def _evaluate(self, y_true, raw_prediction, sample_weight, **wanted):
        y = np.asarray(y_true, dtype=float)
        if np.ndim(y) == 1 and not np.isnan(y).any():
            y = np.clip(y, 0, 2).round()
        return super()._evaluate(y, raw_prediction, sample_weight, **wanted)


@mutant_of("minimum")
class MinimumTooLarge(SquaredError):
    def minimum(self, y_true):
        return np.full(np.shape(y_true), 0.1)


@mutant_of("minimum")
class MinimumTooSmall(LogLoss):
    def minimum(self, y_true):
        return np.full(np.shape(y_true), -1.0)


@mutant_of("minimum")
class MinimumTooSmallOfALossThatIsNotConvex(Tangent):
    def minimum(self, y_true):
        return np.full(np.shape(y_true), -0.01)


@mutant_of("minimum", alpha=-2.0)
class MinimumTooLargeOfALossThatIsNotConvex(Barron):
    def minimum(self, y_true):
        return np.full(np.shape(y_true), 1e-6)


@mutant_of("minimum")
class MinimumOfHardTargets(CrossEntropy):
    def minimum(self, y_true):
        return np.zeros(len(y_true))


@mutant_of("conjugate")
class ConjugateWithAFactor(SquaredError):
    def conjugate(self, y_true, dual):
        return 1.01 * super().conjugate(y_true, dual)


@mutant_of("optimal_constant")
class OptimumIsTheMean(AbsoluteError):
    def _optimal_constant(self, y_true, sample_weight):
        return float(np.average(y_true, weights=sample_weight))


@mutant_of("optimal_constant")
class OptimumWithoutWeights(CrossEntropy):
    def _optimal_constant(self, y_true, sample_weight):
        return super()._optimal_constant(y_true, np.ones(len(y_true)))


@mutant_of("probabilities")
class ProbabilitiesAboveOne(LogLoss):
    def inverse_link(self, raw_prediction):
        return 1.5 * super().inverse_link(raw_prediction)


@mutant_of("proper")
class ClaimsToBeProper(GeneralizedCrossEntropy):
    proper = True


@mutant_of("proper", label_smoothing=0.1)
class ClaimsToBeProperDespiteSmoothing(CrossEntropy):
    proper = True


@mutant_of("clone", delta=2.0)
class LosesParametersInClone(Huber):
    def __sklearn_clone__(self):
        return type(self)()


@mutant_of("clone")
class ChangesItsParameter(Huber):
    def __init__(self, delta=1.0):
        self.delta = float(delta) + 1e-9


@mutant_of("pickle")
class CannotBePickled(Huber):
    def __reduce__(self):
        raise TypeError("no")


@mutant_of("pickle", delta=2.0)
class PicklesItsDefaults(Huber):
    def __reduce__(self):
        return type(self), ()


@mutant_of("parameters", delta=2.0)
class TakesEveryParameter(Huber):
    _constraints = {}

    def compiled(self):
        bad = not isinstance(self.delta, float) or np.isnan(self.delta)
        return Huber(1.0 if bad else self.delta).compiled()


@mutant_of("value_gradient")
class FusedDiffers(Huber):
    def value_gradient(self, y_true, raw_prediction, sample_weight=None, out=None):
        value, gradient = super().value_gradient(
            y_true, raw_prediction, sample_weight, out
        )
        return value, np.where(np.asarray(raw_prediction) > 3, 0.0, gradient)


@mutant_of("sample_weight")
class WeightsTheSquare(Huber):
    def _evaluate(self, y_true, raw_prediction, sample_weight, **wanted):
        if sample_weight is not None:
            sample_weight = np.square(sample_weight)
        return super()._evaluate(y_true, raw_prediction, sample_weight, **wanted)


@mutant_of("out")
class IgnoresOut(Huber):
    def _evaluate(self, y_true, raw_prediction, sample_weight, **wanted):
        wanted = dict.fromkeys(wanted)
        return super()._evaluate(y_true, raw_prediction, sample_weight, **wanted)


@mutant_of("limits")
@patched(Huber(), "value")
def value_at_infinity_is_not_the_limit(value, y, raw):
    return np.where(np.isinf(raw), 0.0, value)


@mutant_of("compiled")
class OverridesWhatSolversDoNotCall(Huber):
    def value(self, y_true, raw_prediction, sample_weight=None, out=None):
        return np.zeros(np.shape(raw_prediction))


@mutant_of("compiled")
@patched(Huber(), "gradient")
def gradient_that_is_not_finite(gradient, y, raw):
    return np.where(raw > 2, np.inf, gradient)


@mutant_of("compiled")
class HasNoTable(Huber):
    def compiled(self):
        return None


class DoubledLink(LogLink):
    def inverse(self, raw_prediction):
        return super().inverse(2.0 * np.asarray(raw_prediction))


@mutant_of("link")
class LinkIsNoInverse(Poisson):
    link = DoubledLink()


each_mutant = pytest.mark.parametrize(
    ("check", "loss"),
    [
        pytest.param(check, loss, id=type(loss).__name__)
        for check, losses in MUTANTS.items()
        for loss in losses
    ],
)


ABOUT_THE_OBJECT = {"clone", "compiled", "parameters", "pickle", "out"}


@each_mutant
def test_a_wrong_loss_fails_the_check_for_it_and_no_other(check, loss):
    report = check_loss(loss, on_fail=None)
    assert [result.name for result in report.failures] == [check], str(report)
    message = report[check].message
    assert message
    if check not in ABOUT_THE_OBJECT:  # it names the point
        assert "y_true=" in message or "raw_prediction=" in message


@patched(Huber(delta=1e-6), "gradient")
def gradient_wrong_on_a_small_scale(gradient, y, raw):
    return np.where(np.abs(raw - y) < 1e-6, 1.001 * gradient, gradient)


def test_mistakes_on_a_small_scale_are_found():
    report = check_loss(gradient_wrong_on_a_small_scale, on_fail=None)
    assert report["gradient"].status == "failed"


def test_every_check_has_a_mutant():
    names = {result.name for result in check_loss(Huber())}
    assert names == set(MUTANTS)


def test_the_message_says_where_and_what():
    message = check_loss(gradient_with_a_factor, on_fail=None)["gradient"].message
    point, claimed, measured = re.fullmatch(
        r"(at y_true=\S+, raw_prediction=\S+) gradient\(\) says (\S+), "
        r"the slope of value\(\) is (\S+)",
        message,
    ).groups()
    y, raw = re.findall(r"=(-?[\d.]+)", point)
    assert float(measured) == pytest.approx(float(raw) - float(y), rel=1e-5)
    assert float(claimed) == pytest.approx(1.0001 * (float(raw) - float(y)), rel=1e-5)


# --------------------------------------------------------------------- reports
def test_a_check_that_rests_on_a_failed_one_is_skipped():
    report = check_loss(gradient_with_a_factor, on_fail=None)
    assert report["curvature"].status == "skipped"
    assert report["curvature"].message == "rests on gradient"
    assert report["proper"].status == "skipped"


def test_on_fail():
    wrong = LipschitzTooSmall(quantile=0.9)
    with pytest.raises(AssertionError) as error:
        check_loss(wrong)
    assert str(error.value) == str(check_loss(wrong, on_fail=None))
    with pytest.warns(UserWarning, match="1 of 29 checks failed") as record:
        check_loss(wrong, on_fail="warn")
    assert record[0].filename == __file__
    with pytest.raises(ValueError, match=r"'on_fail' .* Got 'ignore' instead"):
        check_loss(wrong, on_fail="ignore")


def test_a_report_is_iterable_and_readable():
    report = check_loss(LipschitzTooSmall(quantile=0.9), on_fail=None)
    assert isinstance(report, LossReport)
    assert not report.passed
    assert len(report) == len(list(report)) == 29
    assert all(isinstance(result, CheckResult) for result in report)
    assert report.failures == (report["lipschitz"],)
    assert str(report["lipschitz"]).startswith("lipschitz: at y_true=")
    lines = str(report).splitlines()
    assert lines[0] == (
        "check_loss(LipschitzTooSmall(quantile=0.9)): 1 of 29 checks failed"
    )
    assert len(lines) == 30
    failed = [line for line in lines if line.startswith("  FAILED   lipschitz  ")]
    assert len(failed) == 1
    assert "lipschitz claims at most 0.5" in failed[0]
    assert repr(report) == "<LossReport of LipschitzTooSmall(quantile=0.9): 1 failed>"
    with pytest.raises(KeyError, match="There is no check 'lipshitz'"):
        report["lipshitz"]
    assert "all checks passed" in str(check_loss(Huber()))


def test_a_claim_that_is_far_above_the_truth_is_a_remark():
    class Loose(Hinge):
        lipschitz = 3.0
        smoothness = np.inf
        differentiable = False

    result = check_loss(Loose(), on_fail=None)["lipschitz"]
    assert result.passed
    assert result.message == "the largest that was met is 1, claimed is 3"


def test_nothing_is_changed_and_nothing_warns():
    loss = Huber(delta=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = check_loss(loss), check_loss(loss)
        check_loss(Poisson())
    assert loss.get_params() == {"delta": 3, "scale": 1.0}
    assert str(first) == str(second)


def test_a_loss_that_raises_is_reported():
    @patched(Huber(), "gradient")
    def broken(gradient, y, raw):
        raise ZeroDivisionError("in a formula\nand more")

    report = check_loss(broken, on_fail=None)
    message = report["compiled"].message
    assert message == "raised ZeroDivisionError: in a formula"
    assert [result.name for result in report.failures] == ["compiled"]


# -------------------------------------------------------------- losses of the user
def lp_value(y_true, raw_prediction, power):
    return np.abs(raw_prediction - y_true) ** power / power


def lp_gradient(y_true, raw_prediction, power):
    r = raw_prediction - y_true
    return np.sign(r) * np.abs(r) ** (power - 1)


def lp_gradient_without_a_sign(y_true, raw_prediction, power):
    return np.abs(raw_prediction - y_true) ** (power - 1)


def log_value(y_true, raw_prediction):
    return np.log1p((raw_prediction - y_true) ** 2)


def log_gradient(y_true, raw_prediction):
    r = raw_prediction - y_true
    return 2 * r / (1 + r**2)


def softmax_value(y_true, raw_prediction):
    """As one writes it at first, with digits lost and nan at infinity."""
    chosen = raw_prediction[np.arange(len(y_true)), y_true.astype(int)]
    return np.log(np.exp(raw_prediction).sum(axis=1)) - chosen


def softmax_gradient(y_true, raw_prediction):
    probability = np.exp(raw_prediction)
    probability /= probability.sum(axis=1, keepdims=True)
    probability[np.arange(len(y_true)), y_true.astype(int)] -= 1
    return probability


def stable_softmax_value(y_true, raw_prediction):
    return softmax_value(y_true, raw_prediction - raw_prediction.max(1, keepdims=True))


def stable_softmax_gradient(y_true, raw_prediction):
    return softmax_gradient(
        y_true, raw_prediction - raw_prediction.max(1, keepdims=True)
    )


def poisson_value(y_true, raw_prediction):
    return np.exp(raw_prediction) - y_true * raw_prediction


def poisson_gradient(y_true, raw_prediction):
    return np.exp(raw_prediction) - y_true


ROWS = dict(
    task="multiclass", link=SoftmaxLink(), convex=True, symmetric=True, proper=True
)
COUNTS = dict(link=LogLink(), domain=Interval(0, None, "left"), convex=True)


@pytest.mark.parametrize("seed", range(3))
@each(
    [
        NumpyLoss(lp_value, lp_gradient, convex=True, symmetric=True, power=2.0),
        NumpyLoss(lp_value, lp_gradient, convex=True, symmetric=True, power=1.5),
        NumpyLoss(stable_softmax_value, stable_softmax_gradient, **ROWS),
        NumpyLoss(poisson_value, poisson_gradient, minimum=Poisson().minimum, **COUNTS),
    ]
)
def test_right_losses_of_the_user_pass(loss, seed):
    report = check_loss(loss, random_state=seed)
    assert report.passed
    assert report["curvature"].status == "skipped"


@pytest.mark.parametrize(
    ("check", "loss"),
    [
        ("gradient", NumpyLoss(lp_value, lp_gradient_without_a_sign, power=1.5)),
        ("convex", NumpyLoss(log_value, log_gradient, convex=True)),
        ("lipschitz", NumpyLoss(lp_value, lp_gradient, lipschitz=5.0, power=2.0)),
        ("smoothness", NumpyLoss(lp_value, lp_gradient, smoothness=3.0, power=3.0)),
        ("extremes", NumpyLoss(softmax_value, softmax_gradient, **ROWS)),
        (
            "minimum",
            NumpyLoss(poisson_value, poisson_gradient, minimum=0.0, **COUNTS),
        ),
        ("pickle", NumpyLoss(lambda y, raw: raw - y, lambda y, raw: np.ones(len(y)))),
    ],
)
def test_wrong_losses_of_the_user_fail(check, loss):
    failures = [result.name for result in check_loss(loss, on_fail=None).failures]
    assert check in failures
