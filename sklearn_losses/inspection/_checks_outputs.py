"""Checks of losses of several outputs (`losses._outputs`), at examples of their own.

Raw outputs that are no valid ones, as thresholds out of order, cost inf; so points are
the loss's own, and steps from them are short.
"""

import pickle

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from sklearn_losses.inspection._report import CheckFailed, CheckSkipped, checks_of

OUTPUT_CHECKS = []
check = checks_of(OUTPUT_CHECKS)
N_EXAMPLES = 200
STEP = 1e-5  # of differences
TOLERANCE = 1e-6


class Examples:
    """Targets and raw outputs at which a loss is evaluated.

    Parameters
    ----------
    loss : Likelihood
    random_state : int, RandomState instance or None
    """

    def __init__(self, loss, random_state=0):
        seed = check_random_state(random_state).randint(2**31)
        self.rng = np.random.default_rng(seed)
        self.y, self.raw = loss.examples(self.rng, N_EXAMPLES)

    def point(self, i, raw=None):
        raw = self.raw if raw is None else raw
        return f"at y_true={self.y[i].tolist()!r}, raw_prediction={raw[i].tolist()!r}"


def _require(ok, probe, sentence):
    """Fail with a sentence about the first example that is not well."""
    bad = np.flatnonzero(~ok)
    if len(bad):
        raise CheckFailed(f"{probe.point(bad[0])} {sentence(bad[0])}")


@check()
def check_compiled(loss, probe):
    """The value is finite at the examples."""
    value = loss.value(probe.y, probe.raw)
    _require(np.isfinite(value), probe, lambda i: f"value() is {value[i]}")


@check("compiled")
def check_clone(loss, probe):
    """A clone is the same."""
    _same(clone(loss), loss, probe)


@check("compiled")
def check_pickle(loss, probe):
    """A pickle is the same."""
    _same(pickle.loads(pickle.dumps(loss)), loss, probe)


def _same(other, loss, probe):
    value, here = other.value(probe.y, probe.raw), loss.value(probe.y, probe.raw)
    _require(value == here, probe, lambda i: f"value() is {value[i]}, not {here[i]}")


@check("compiled")
def check_sample_weight(loss, probe):
    """Weights multiply, and rows of weight 0 are 0."""
    weight = probe.rng.choice([0.0, 1.0, 2.5], N_EXAMPLES)
    value = loss.value(probe.y, probe.raw, weight)
    expected = weight * loss.value(probe.y, probe.raw)
    _require(
        np.isclose(value, expected, rtol=1e-12),
        probe,
        lambda i: f"value() is {value[i]} with the sample weight {weight[i]}",
    )


@check("compiled")
def check_domain(loss, probe):
    """nan is no target."""
    y = probe.y.copy()
    y[3] = np.nan
    try:
        loss.value(y, probe.raw)
    except ValueError:
        return
    raise CheckFailed("nan was taken for a target")


@check("compiled")
def check_gradient(loss, probe):
    """The gradient by each output is the slope of the value."""
    claimed = loss.gradient(probe.y, probe.raw)
    for k, (up, down) in enumerate(_steps(probe.raw)):
        slope = (loss.value(probe.y, up) - loss.value(probe.y, down)) / (2 * STEP)
        size = 1.0 + np.abs(claimed[:, k]) + np.abs(loss.value(probe.y, probe.raw))
        _require_close(claimed[:, k], slope, size, probe, f"gradient()[{k}]", "value()")


@check("compiled", "gradient")
def check_hessian(loss, probe):
    """All K x K second derivatives are slopes of the gradient, and symmetric."""
    claimed = loss.hessian(probe.y, probe.raw)
    size = 1.0 + np.abs(claimed).max(axis=(1, 2))
    diagonal = np.einsum("nkk->nk", claimed)
    if not np.array_equal(diagonal, loss.curvature(probe.y, probe.raw)):
        raise CheckFailed("the diagonal of hessian() is not the curvature()")
    _require(
        (claimed == claimed.swapaxes(1, 2)).all(axis=(1, 2)),
        probe,
        lambda i: "hessian() is not symmetric",
    )
    for k, (up, down) in enumerate(_steps(probe.raw)):
        slope = loss.gradient(probe.y, up) - loss.gradient(probe.y, down)
        slope /= 2 * STEP
        for m in range(claimed.shape[1]):
            words = f"hessian()[{m}, {k}]", f"gradient()[{m}]"
            _require_close(claimed[:, m, k], slope[:, m], size, probe, *words)


def _steps(raw):
    for shift in STEP * np.eye(raw.shape[1]):
        yield raw + shift, raw - shift


def _require_close(claimed, slope, size, probe, who, of):
    _require(
        np.abs(claimed - slope) <= TOLERANCE * size,
        probe,
        lambda i: f"{who} says {claimed[i]:.6g}, the slope of {of} is {slope[i]:.6g}",
    )


@check("compiled")
def check_convex(loss, probe):
    """The value lies below its chords, if it claims to."""
    if not loss.convex:
        raise CheckSkipped("not claimed")
    y, a = probe.y, probe.raw
    _, b = loss.examples(probe.rng, N_EXAMPLES)
    middle = loss.value(y, 0.5 * (a + b))
    ends = 0.5 * (loss.value(y, a) + loss.value(y, b))
    _require(
        middle <= ends + 1e-9 * (1.0 + np.abs(ends)),
        probe,
        lambda i: f"the value halfway to {b[i].tolist()} is above the chord",
    )


@check("compiled")
def check_minimum(loss, probe):
    """No value is below the minimum."""
    least, value = loss.minimum(probe.y), loss.value(probe.y, probe.raw)
    _require(
        value >= least - 1e-9 * (1.0 + np.abs(value)),
        probe,
        lambda i: f"value() is {value[i]:.6g}, below the minimum, {least[i]:.6g}",
    )


@check("compiled", "gradient")
def check_optimal_constant(loss, probe):
    """No other constant that was tried is better than the optimal one."""
    best = loss.optimal_constant(probe.y)
    least = loss.mean(probe.y, np.tile(best, (N_EXAMPLES, 1)))
    rivals = [best + s * probe.rng.normal(size=len(best)) for s in (1e-3, 0.1, 1.0)]
    for rival in rivals:
        mean = loss.mean(probe.y, np.tile(rival, (N_EXAMPLES, 1)))
        if mean < least - 1e-9 * (1.0 + abs(least)):
            raise CheckFailed(
                f"the mean is {least:.9g} at the optimal constant {best.tolist()}, and "
                f"only {mean:.9g} at {rival.tolist()}"
            )


@check("compiled")
def check_probabilities(loss, probe):
    """Probabilities sum to 1, and of a log-likelihood they are its exponentials."""
    if not loss.probabilistic:
        raise CheckSkipped("the loss has none")
    total = loss.inverse_link(probe.raw).sum(axis=1)
    _require(
        np.isclose(total, 1.0, rtol=1e-9),
        probe,
        lambda i: f"the probabilities sum to {total[i]:.6g}",
    )
