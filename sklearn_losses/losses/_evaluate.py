"""From arguments to the kernels of a loss, and from what they write to results.

Points and rows differ in the arrays that their kernels take, and in little else.
"""

import numpy as np

from sklearn_losses._machine._params import Interval
from sklearn_losses.losses._arguments import (
    factors_of_results,
    limits_of_targets,
    output_array,
    real_array,
    require_shape,
    rows_needed,
)

_OUTPUTS = "value", "gradient", "curvature"  # as kernels take them


def evaluate(loss, y_true, raw_prediction, sample_weight, **outputs):
    """Results of a loss, weighted: one array, or a tuple in the order of the names.

    Parameters
    ----------
    loss : Loss
    y_true, raw_prediction, sample_weight
        As in `Loss.value`.
    **outputs : ndarray or None
        What is wanted of value, gradient and curvature, and where to write it; or the
        hessian, alone.
    """
    functions = loss.checked()
    is_point = loss.granularity == "point"
    if is_point and "hessian" in outputs:
        raise ValueError(
            f"{type(loss).__name__} has no Hessian, because it is a loss of points "
            "here, with one raw prediction a sample. Use curvature()."
        )
    arrays, run = (_point_arrays, _run_points) if is_point else (_row_arrays, _run_rows)
    y, raw, dtype, limits = arrays(loss, y_true, raw_prediction, outputs)
    shape = raw.shape if is_point else raw.shape[:1]
    weight = factors_of_results(sample_weight, shape)
    if "curvature" in outputs and not functions.has_curvature:
        raise ValueError(f"{type(loss).__name__} has no curvature.")
    if "hessian" in outputs and not functions.has_hessian:
        raise ValueError(f"{type(loss).__name__} has no Hessian.")
    others = {"value": shape, "hessian": (*raw.shape, *raw.shape[1:])}
    results = {
        name: output_array(out, name, others.get(name, raw.shape), dtype)
        for name, out in outputs.items()
    }
    if not run(functions, y, raw, results, limits):
        loss.check_targets(y, n_classes=None if is_point else raw.shape[1])
    if weight is not None:
        _multiply(results, weight)
    found = tuple(
        result if outputs[name] is not None else result[()]
        for name, result in results.items()
    )
    return found if len(found) > 1 else found[0]


def _point_arrays(loss, y_true, raw_prediction, outputs):
    """Targets and raw predictions of one shape and dtype, that dtype, and limits.

    The targets are within their domain, or will be held to the limits.
    """
    raw, dtype = real_array(raw_prediction)
    y = np.asarray(y_true)
    y = y if y.dtype == dtype else y.astype(np.float64)
    raw = raw.astype(dtype, copy=False)
    if y.shape != raw.shape and raw.ndim:
        require_shape("y_true", y, raw.shape, ())
    limits = None
    if y.dtype == dtype:
        limits = limits_of_targets(loss, y, raw, loss.domain, outputs)
    if limits is None:
        loss.check_targets(y)  # as they are: rounding may move them to an end
    return *np.broadcast_arrays(y.astype(dtype, copy=False), raw), dtype, limits


def _row_arrays(loss, y_true, raw_prediction, outputs):
    """The same of rows, of which kernels take float64 alone."""
    if loss.outputs:
        return loss._row_arrays(y_true, raw_prediction)
    raw, dtype = real_array(raw_prediction)
    if raw.ndim != 2:
        raise rows_needed(loss, "raw_prediction", raw)
    if raw.shape[1] < 2:
        raise ValueError(
            f"{type(loss).__name__} needs raw predictions of at least two classes. "
            f"Got the shape {raw.shape}."
        )
    y = np.asarray(y_true, dtype=np.float64)
    require_shape("y_true", y, raw.shape, raw.shape[:1], raw.shape)
    labels = Interval(0, raw.shape[1] - 1, "both", integer=True)
    limits = limits_of_targets(loss, y, raw, labels, outputs)
    if limits is None:
        loss.check_targets(y, n_classes=raw.shape[1])
    return y, np.ascontiguousarray(raw, dtype=np.float64), dtype, limits


def _run_points(functions, y, raw, results, limits):
    """Fill the results; False if a target is beyond the limits."""
    return functions.evaluate_points(
        np.ascontiguousarray(y).ravel(),
        np.ascontiguousarray(raw).ravel(),
        *(results[k].reshape(-1) if k in results else None for k in _OUTPUTS),
        limits,
    )


def _run_rows(functions, y, raw, results, limits):
    work = {  # an input may be overwritten, but only once all is read
        name: result
        if result.dtype == np.float64
        and not np.may_share_memory(result, raw)
        and not np.may_share_memory(result, y)
        else np.empty(result.shape)
        for name, result in results.items()
    }
    targets = np.ascontiguousarray(y if y.ndim == 2 else y[:, np.newaxis])
    if "hessian" in work:
        are_inside = functions.evaluate_hessians(targets, raw, work["hessian"], limits)
    else:
        arrays = map(work.get, _OUTPUTS)
        are_inside = functions.evaluate_rows(targets, raw, *arrays, limits)
    if are_inside:
        for name, result in results.items():
            if result is not work[name]:
                result[...] = work[name]
    return are_inside


def _multiply(results, weight):
    for result in results.values():
        factor = weight.reshape(weight.shape + (1,) * (result.ndim - weight.ndim))
        # Weight 0 gives 0, also where the loss is infinite.
        np.multiply(result, factor, out=result, where=factor != 0)
        result[weight == 0] = 0.0


def conjugate(loss, y_true, dual):
    """What `Loss.conjugate` returns."""
    functions = loss.checked()
    if not loss.convex:
        raise ValueError(
            f"{type(loss).__name__} has no conjugate, because it is not convex."
        )
    y, dual = np.asarray(y_true, np.float64), np.asarray(dual, np.float64)
    if loss.granularity == "row":
        if dual.ndim != 2 or dual.shape[1] < 2:
            raise rows_needed(loss, "dual", dual)
        require_shape("y_true", y, dual.shape, dual.shape[:1], dual.shape)
        loss.check_targets(y, n_classes=dual.shape[1])
        return loss._conjugate(y, dual)
    if y.shape != dual.shape and dual.ndim:
        require_shape("y_true", y, dual.shape, ())
    loss.check_targets(y)
    y, dual = np.broadcast_arrays(y, dual)
    result = np.empty(dual.shape)
    functions.evaluate_conjugate(y.ravel(), dual.ravel(), result.reshape(-1))
    return result[()]
