"""Checks of what a loss is called with: targets, raw predictions, weights, outputs.

They return arrays as kernels take them, or raise the sentence that says what is wrong.
"""

import numpy as np

from sklearn_losses._machine._params import Interval

ORDINARY = 1e-100, 1e100  # the sizes of the largest of many weights

# With fewer targets, that they are read twice costs next to nothing.
_MANY_TARGETS = 1 << 14


def domain_error(loss, y_true, name):
    """The error of targets of points, some of which lie outside of the domain."""
    bad = ~loss.domain.contains(y_true)
    return _target_error(loss, y_true, bad, name, loss.domain.wanted())


def check_classes(loss, y_true, name, n_classes):
    """Refuse targets of a loss of rows that are no classes, or no probabilities."""
    if y_true.ndim == 2 and not loss.soft_targets:
        raise ValueError(
            f"{type(loss).__name__} needs a class index for each sample: {name} of "
            f"shape {y_true.shape} has more."
        )
    if y_true.ndim < 2:
        last = None if n_classes is None else n_classes - 1
        labels = Interval(0, last, "both" if n_classes else "left", integer=True)
        if labels.contains_all(y_true):
            return
        bad = ~labels.contains(y_true)
        wanted = "a class index " + (f"in 0..{last}" if n_classes else "0, 1, ...")
    else:
        positive = (y_true >= 0).all(axis=1)
        bad = ~(positive & (np.abs(y_true.sum(axis=1) - 1) < 1e-6))
        wanted = "a row of probabilities that are >= 0 and sum to 1"
    if np.any(bad):
        raise _target_error(loss, y_true, bad, name, wanted)


def _target_error(loss, y_true, bad, name, wanted):
    first = tuple(int(i) for i in np.argwhere(bad)[0])
    where = f"[{', '.join(map(str, first))}]" if first else ""
    return ValueError(
        f"{type(loss).__name__} needs every target {wanted}: {name}{where} is "
        f"{y_true[first]}."
    )


def limits_of_targets(loss, y_true, raw, domain, outputs):
    """The limits that targets are held to block by block, while they are evaluated.

    So many targets come from memory once. None: they are to be checked before, as
    few are, and those of a loss with its own check, or that a result may overwrite.
    """
    if (
        y_true.ndim != 1
        or len(y_true) < _MANY_TARGETS
        or loss._has_own_check
        or y_true.shape != raw.shape[:1]
        or y_true.dtype not in (np.float32, np.float64)
        or any(
            out is not None and np.may_share_memory(out, array)
            for out in outputs.values()
            for array in (y_true, raw)
        )
    ):
        return None
    return domain.limits()


def require_shape(name, array, reference, *allowed):
    """Refuse an array whose shape is not one of those that fit the reference's."""
    if array.shape not in allowed:
        raise ValueError(
            f"{name} of shape {array.shape} does not fit raw predictions or targets of "
            f"shape {reference}."
        )


def rows_needed(loss, name, array):
    """The error of an array without a column for each class."""
    return ValueError(
        f"{name} must have the shape (n_samples, n_classes) in {type(loss).__name__}. "
        f"Got {array.shape}."
    )


def real_array(raw_prediction):
    """Raw predictions as an array, and the dtype of what is computed from them."""
    raw = np.asarray(raw_prediction)
    if raw.dtype.kind not in "biuf":
        raise ValueError(
            f"raw_prediction must be real numbers. Got the dtype {raw.dtype}."
        )
    return raw, np.float32 if raw.dtype == np.float32 else np.float64


def output_array(out, name, shape, dtype):
    """`out`, where the user has given it, or a new array."""
    if out is None:
        return np.empty(shape, dtype=dtype)
    if not (
        isinstance(out, np.ndarray)
        and out.shape == shape
        and out.dtype == dtype
        and out.flags.c_contiguous
        and out.flags.writeable
    ):
        got = (
            f"{type(out).__name__}"
            if not isinstance(out, np.ndarray)
            else f"shape {out.shape}, dtype {out.dtype}"
        )
        raise ValueError(
            f"out for the {name} must be a writeable C-contiguous array of shape "
            f"{shape} and dtype {np.dtype(dtype)}. Got {got}."
        )
    return out


def factors_of_results(sample_weight, shape):
    """Sample weights that multiply results, or None."""
    if sample_weight is None:
        return None
    weight = np.asarray(sample_weight, dtype=np.float64)
    require_shape("sample_weight", weight, shape, shape, ())
    return np.broadcast_to(weight, shape)


def weights_of_mean(sample_weight, reference):
    """Sample weights of which a mean can be taken."""
    weight = np.asarray(sample_weight, dtype=np.float64)
    require_shape("sample_weight", weight, reference.shape, reference.shape[:1])
    weight = moderate_weight(weight)
    if not (weight.min() >= 0 and 0 < weight.sum() < np.inf):
        raise ValueError(
            "sample_weight must be >= 0 and have a positive and finite sum."
        )
    return weight


def moderate_weight(weight):
    """Weights in the same ratios, whose sums and products neither over- nor underflow.

    They are multiplied by a power of 2, which rounds nothing but what is negligible.

    Parameters
    ----------
    weight : ndarray of float64 of shape (n_samples,)

    Returns
    -------
    ndarray of float64 of shape (n_samples,)
        The weights themselves if the largest is of an ordinary size.
    """
    largest = weight.max(initial=0.0)
    if ORDINARY[0] < largest < ORDINARY[1] or not 0.0 < largest < np.inf:
        return weight
    return np.ldexp(weight, -np.frexp(largest)[1])
