"""Checks that the traits, the optimum and the probabilities of a loss are as claimed.

A trait that is an upper bound is held against the largest number that was met: more is
a failure, much less is a remark.
"""

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from sklearn_losses.inspection._checks_calculus import jumps_on_lines
from sklearn_losses.inspection._probe import SIZES, centre
from sklearn_losses.inspection._report import CheckFailed, CheckSkipped, checks_of

CLAIM_CHECKS = []
check = checks_of(CLAIM_CHECKS)


def _compare_bound(name, claim, measured, point):
    """Fail if something above the claimed bound was met; remark if it is far below."""
    if measured > claim * (1.0 + 1e-9):
        raise CheckFailed(f"{point}, {name} claims at most {claim:.6g}")
    if measured < 0.9 * claim < np.inf:
        return f"the largest that was met is {measured:.4g}, claimed is {claim:.4g}"
    return None


def _everywhere(probe):
    """The points of the probe, and the far ones around each target."""
    y = [probe.y]
    raw = [probe.raw]
    for target in probe.targets:
        shift = 0.0 if probe.is_row else centre(probe.loss, target)
        for far in (probe.far, probe.far + shift):
            y.append(np.full(len(far), target))
            raw.append(far)
    return np.concatenate(y), np.concatenate(raw)


def _norm(gradient):
    return np.abs(gradient) if gradient.ndim == 1 else np.linalg.norm(gradient, axis=1)


@check("compiled", "gradient", "extremes")
def check_lipschitz(loss, probe):
    """No gradient is larger than `lipschitz`."""
    y, raw = _everywhere(probe)
    norm = _norm(probe.gradient(y, raw))
    i = int(np.nanargmax(norm))
    found = f"{probe.point(y[i], raw[i])} the gradient has the size {norm[i]:.6g}"
    return _compare_bound("lipschitz", loss.lipschitz, norm[i], found)


@check("compiled", "gradient", "differentiable")
def check_smoothness(loss, probe):
    """No gradient changes faster than `smoothness`."""
    if loss.smoothness == np.inf:
        return None
    for y, raw, before, after in jumps_on_lines(probe, probe.gradient):
        raise CheckFailed(
            f"{probe.point(y, raw)} the gradient jumps from {before:.6g} to "
            f"{after:.6g}, smoothness claims at most {loss.smoothness:.6g}"
        )
    y, a = np.repeat(probe.y, 3), np.repeat(probe.raw, 3, axis=0)
    size = 10.0 ** probe.rng.uniform(-4, 0, size=a.shape)
    size *= probe.rng.choice([-1.0, 1.0], size=a.shape)
    b = a + probe.unit * np.round(size, 6)
    start, end = probe.gradient(y, a), probe.gradient(y, b)
    noise = 1e-13 * (_norm(start) + _norm(end))
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = (_norm(end - start) - noise) / _norm(b - a)
    i = int(np.nanargmax(rate))
    found = (
        f"{probe.point(y[i], a[i])} the gradient changes at the rate {rate[i]:.6g} "
        f"towards {b[i].tolist()}"
    )
    return _compare_bound("smoothness", loss.smoothness, rate[i], found)


@check("compiled")
def check_symmetric(loss, probe):
    """A symmetric loss treats both signs of a residual, or all classes, alike."""
    if not loss.symmetric:
        raise CheckSkipped("not claimed")
    y, raw = probe.y, probe.raw
    if loss.task == "regression":
        mirrored, words = (y, 2.0 * y - raw), "with the residual turned around"
    elif not probe.is_row:
        mirrored, words = (1.0 - y, -raw), "with the other class and -raw_prediction"
    else:
        order = np.array([2, 0, 1])
        mirrored = np.argsort(order)[y.astype(int)].astype(float), raw[:, order]
        words = "with the classes renamed"
    value, other = probe.value(y, raw), probe.value(*mirrored)
    bad = ~np.isclose(value, other, rtol=1e-9, atol=1e-12 * np.abs(value).max())
    if bad.any():
        i = int(np.argmax(bad))
        raise CheckFailed(
            f"{probe.point(y[i], raw[i])} the value is {value[i]:.6g}, {words} it is "
            f"{other[i]:.6g}, and symmetric is True"
        )


@check("compiled", "limits")
def check_bounded(loss, probe):
    """The values of a bounded loss are finite, also at infinity."""
    if not loss.bounded:
        raise CheckSkipped("not claimed")
    far = np.array([np.inf, -np.inf])
    if probe.is_row:
        far = np.column_stack([far, np.zeros((2, probe.raw.shape[1] - 1))])
    for y in probe.targets:
        value = loss.value(np.full(2, y), far)
        if np.isposinf(value).any():
            i = int(np.argmax(value))
            raise CheckFailed(
                f"{probe.point(y, far[i])} value() is {value[i]}, and bounded is True"
            )


# ------------------------------------------------------------------------- optima
@check("compiled", "gradient", "convex")
def check_optimal_constant(loss, probe):
    """No other constant is better than the optimal one, near it or far."""
    y = np.concatenate([probe.targets, probe.rng.choice(probe.targets, size=9)])
    weight = probe.rng.choice([0.5, 1.0, 2.0], size=len(y))
    best = np.asarray(loss.optimal_constant(y, weight), dtype=np.float64)
    if np.isnan(best).any():
        raise CheckFailed(f"optimal_constant({y.tolist()}) is {best}")

    def mean(constant):
        raw = np.broadcast_to(constant, (len(y), *best.shape))
        return loss.mean(y, raw, weight)

    least = mean(best)
    steps = probe.unit * 10.0 ** np.arange(-4.0, 2.0)
    rivals = [best + sign * step for step in steps for sign in (-1.0, 1.0)]
    if probe.is_row:
        rivals = [
            best + step * probe.rng.normal(size=best.shape)
            for step in steps
            for _ in range(4)
        ]
    if loss.convex:
        rivals += [np.zeros_like(best), *probe.raw[:40]]
    means = np.array([mean(rival) for rival in rivals])
    tolerance = 1e-9 * abs(least) + 1e-12 * np.nanmedian(np.abs(means))
    for rival, rival_mean in zip(rivals, means):
        if rival_mean < least - tolerance:
            raise CheckFailed(
                f"for y_true={y.tolist()} with sample_weight={weight.tolist()} the "
                f"mean is {least:.9g} at {best.tolist()} and only {rival_mean:.9g} at "
                f"{np.asarray(rival).tolist()}"
            )


def _targets_with_a_minimum(loss, probe):
    """The targets of the probe; of losses of rows, probabilities where they may be."""
    if not (probe.is_row and loss.soft_targets):
        return probe.targets
    n_classes = probe.raw.shape[1]
    soft = probe.rng.dirichlet(np.ones(n_classes), size=3)
    return np.concatenate([np.eye(n_classes), soft])


def _least_of_point(loss, probe, y):
    """The least value for a target that a search finds, and where."""
    grid = np.concatenate([probe.raw, probe.far, centre(loss, y) + probe.far])
    grid = np.unique(np.append(grid, loss.optimal_constant([y])))
    values = loss.value(np.full(len(grid), y), grid)
    i = int(np.nanargmin(values))
    low, high = grid[max(i - 1, 0)], grid[min(i + 1, len(grid) - 1)]
    found = values[i], grid[i]
    if np.isfinite(high - low):
        result = minimize_scalar(
            lambda raw: float(loss.value(y, raw)),
            bounds=(low, high),
            method="bounded",
            options={"xatol": 1e-9 * (high - low)},
        )
        found = min(found, (result.fun, result.x))
    return found


def _least_of_row(loss, probe, y):
    """The least value for a target or row of probabilities, and where."""
    far = [np.roll(probe.far, k, axis=1) for k in range(probe.raw.shape[1])]
    grid = np.concatenate([probe.raw, *far])
    y = np.asarray([y])

    def objective(raw):
        value, gradient = loss.value_gradient(y, raw[np.newaxis])
        return value[0], gradient[0]

    values = loss.value(np.repeat(y, len(grid), axis=0), grid)
    order = np.argsort(values)  # nan comes last
    found = [(values[order[0]], grid[order[0]])]
    for start in (np.zeros(grid.shape[1]), *grid[order[:3]]):
        options = {"ftol": 0.0, "gtol": 1e-10}
        result = minimize(
            objective, start, jac=True, method="L-BFGS-B", options=options
        )
        found.append((result.fun, result.x))
    return min(found, key=lambda pair: pair[0])


@check("compiled", "gradient", "scalars", "optimal_constant")
def check_minimum(loss, probe):
    """`minimum` is the least value that a search finds, neither more nor less."""
    if getattr(loss, "searches_minimum", False):
        raise CheckSkipped("it is not declared, and searched for")
    targets = _targets_with_a_minimum(loss, probe)
    try:
        least = loss.minimum(targets)
    except ValueError as error:
        if not probe.is_row:
            raise
        raise CheckSkipped(str(error)) from None  # it needs rows of probabilities
    if least.shape != targets.shape[:1]:
        raise CheckFailed(
            f"minimum() of {len(targets)} targets has the shape {least.shape}"
        )
    search = _least_of_row if probe.is_row else _least_of_point
    ordinary = np.median(np.abs(probe.value(probe.y, probe.raw)))
    for y, minimum in zip(targets, least):
        value, raw = search(loss, probe, y)
        scale = ordinary + abs(minimum)
        point = probe.point(y, raw)
        if value < minimum - 1e-10 * scale:
            raise CheckFailed(
                f"{point} value() is {value:.9g}, below minimum(), which is "
                f"{minimum:.9g}"
            )
        if value > minimum + 1e-6 * scale:
            raise CheckFailed(
                f"{point} is the least value that was found, {value:.9g}, and "
                f"minimum() says {minimum:.9g}"
            )


@check("compiled", "gradient", "convex")
def check_conjugate(loss, probe):
    """Fenchel and Young: value + conjugate >= dual * raw, equal for gradients."""
    if not loss.has_conjugate:
        raise CheckSkipped("no formula" if loss.convex else "not convex")
    y, raw = probe.y, probe.raw

    def along(slopes):
        return (slopes * raw).sum(axis=1) if probe.is_row else slopes * raw

    value, dual = loss.value(y, raw), loss.gradient(y, raw)
    tolerance = 1e-8 * (1.0 + np.abs(value) + np.abs(along(dual)))
    for shift, words in ((0, "a gradient, where both are equal"), (7, "a slope")):
        same = np.roll(y, shift) == y
        same = same[:, None] if probe.is_row else same
        slopes = np.where(same, np.roll(dual, shift, axis=0), dual)
        conjugate = loss.conjugate(y, slopes)
        gap = value + conjugate - along(slopes)
        bad = ~(gap >= -tolerance)
        if shift == 0:
            bad |= ~(gap <= tolerance)
        if bad.any():
            i = int(np.argmax(bad))
            raise CheckFailed(
                f"{probe.point(y[i], raw[i])} and dual={slopes[i]}, {words}, "
                f"value() + conjugate() is {value[i] + conjugate[i]:.9g}, and "
                f"dual * raw_prediction is {along(slopes)[i]:.9g}"
            )


# ---------------------------------------------------------------- classification
@check("compiled")
def check_probabilities(loss, probe):
    """Probabilities lie in [0, 1], and those of all classes sum to 1."""
    if not loss.probabilistic:
        raise CheckSkipped("the loss defines none")
    raw = np.concatenate([probe.raw, probe.far])
    probability = loss.inverse_link(raw)
    bad = ~((probability >= 0) & (probability <= 1 + 1e-15))
    if probe.is_row:
        bad |= ~(np.abs(probability.sum(axis=1, keepdims=True) - 1.0) < 1e-9)
    if bad.any():
        i = int(np.argmax(bad.reshape(len(bad), -1).any(axis=1)))
        raise CheckFailed(
            f"{probe.point(0, raw[i])} inverse_link() is {probability[i].tolist()}"
        )


@check("compiled", "probabilities")
def check_link(loss, probe):
    """`link` undoes `inverse_link`, which grows."""
    if probe.is_row:
        raw = probe.raw - probe.raw.mean(axis=1, keepdims=True)
    else:
        raw = np.unique(np.concatenate([np.linspace(-4, 4, 81), SIZES[:24]]))
    prediction = loss.inverse_link(raw)
    if prediction.shape != raw.shape:
        raise CheckFailed(
            f"inverse_link() of the shape {raw.shape} has the shape {prediction.shape}"
        )
    if not probe.is_row and np.any(np.diff(prediction) < 0):
        where = int(np.argmax(np.diff(prediction) < 0))
        raise CheckFailed(f"inverse_link() falls behind raw_prediction={raw[where]}")
    try:
        with np.errstate(all="ignore"):
            again = loss.inverse_link(loss.link.link(prediction))
    except NotImplementedError as error:
        raise CheckSkipped(str(error)) from None
    bad = ~np.isclose(again, prediction, rtol=1e-9, atol=1e-12)
    if bad.any():
        i = int(np.argmax(bad.reshape(len(bad), -1).any(axis=1)))
        raise CheckFailed(
            f"at raw_prediction={raw[i].tolist()} inverse_link() is "
            f"{prediction[i].tolist()}, and after link() {again[i].tolist()}"
        )


@check("compiled", "gradient", "probabilities")
def check_proper(loss, probe):
    """In a proper loss the true probabilities have the least expected loss."""
    if not loss.proper:
        raise CheckSkipped("not claimed")
    if not loss.probabilistic:
        raise CheckFailed("proper is True, and probabilistic is False")
    raw = probe.raw
    probability = loss.inverse_link(raw)
    if not probe.is_row:
        probability = np.column_stack([1.0 - probability, probability])
    inside = (probability > 1e-6).all(axis=1)
    raw, probability = raw[inside], probability[inside]
    slope, size = np.zeros_like(raw), np.zeros_like(raw)
    for k, share in enumerate(probability.T):
        share = share[:, np.newaxis] if probe.is_row else share
        gradient = probe.gradient(np.full(len(raw), float(k)), raw)
        slope, size = slope + share * gradient, size + np.abs(share * gradient)
    bad = ~(np.abs(slope) <= 1e-9 * size + 1e-300)
    if bad.any():
        i = int(np.argmax(bad.reshape(len(bad), -1).any(axis=1)))
        raise CheckFailed(
            f"at raw_prediction={raw[i].tolist()}, which means the probabilities "
            f"{probability[i].tolist()}, the expected loss has the slope "
            f"{slope[i].tolist()} instead of 0"
        )
