"""Where to look at a loss: valid targets, and raw predictions around them.

>>> from sklearn_losses.inspection._probe import Probe
>>> from sklearn_losses.losses import Hinge
>>> Probe(Hinge()).targets
array([0., 1.])
"""

import numpy as np
from sklearn.utils import check_random_state

from sklearn_losses.losses import IdentityLink

N_CLASSES = 3
N_POINTS = 240
SIZES = np.logspace(-12, 4, 33)
LANDMARKS = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 3.0])  # where losses like to have kinks
# Points and directions of lines through the raw predictions of classes.
LINES = np.array(
    [
        [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]],
        [[0.3, -0.2, 0.4], [0.0, 1.0, -1.0]],
        [[1.0, 0.5, 0.0], [-0.9, 0.1, 0.7]],
    ]
)


def valid_targets(loss, unit=1.0):
    """Some targets in the domain of a loss, its ends among them.

    Parameters
    ----------
    loss : Loss
    unit : float, default=1.0
        The size of an ordinary target of a loss of points.

    Returns
    -------
    ndarray of shape (n_targets,)

    Raises
    ------
    ValueError
        If there seem to be none.
    """
    if loss.granularity == "row":
        return np.arange(float(N_CLASSES))
    low, high = loss.domain.low, loss.domain.high
    ordinary = np.array([0.0, 1.0, -1.0, 0.3, 2.5, -7.3, 4.0, 40.0, -3.0])
    candidates = [low, high, *(unit * ordinary)]
    if np.isfinite(low) and np.isfinite(high):
        candidates += [low + share * (high - low) for share in (0.25, 0.5, 0.9)]
    elif np.isfinite(low):
        candidates += [low + 0.01, low + 1.0, low + 5.5]
    elif np.isfinite(high):
        candidates += [high - 0.01, high - 1.0, high - 5.5]
    candidates = np.unique(np.array(candidates))
    targets = candidates[loss.domain.contains(candidates)]
    if loss.domain.integer:
        targets = targets[targets == np.floor(targets)]
    if len(targets) == 0:
        raise ValueError(f"{loss!r} has the domain {loss.domain}, which seems empty.")
    return targets


def centre(loss, y):
    """The raw predictions around which a loss of points is interesting.

    Those that predict y itself, or 0 where none does.
    """
    y = np.asarray(y, dtype=np.float64)
    if loss.task != "regression":
        return np.zeros_like(y)
    try:
        with np.errstate(all="ignore"):
            raw = np.asarray(loss.link.link(y), dtype=np.float64)
    except NotImplementedError:
        return np.zeros_like(y)
    return np.where(np.isfinite(raw), raw, 0.0)


def length(loss):
    """The size of residual over which the gradient of a loss changes, a power of 10.

    For the Huber loss it is delta: over much shorter steps the loss is a parabola, and
    over much longer ones it has a kink. 1 where there is no such size, as in a loss of
    rows, with a link, with a gradient that is not bounded, or that only jumps at 0.

    Returns
    -------
    float
    """
    if loss.task != "regression" or loss.link != IdentityLink():
        return 1.0
    targets = valid_targets(loss)
    y = targets[np.argmin(np.abs(targets))]
    sizes = 10.0 ** np.arange(-14.0, 14.0, 0.25)
    raw = centre(loss, y) + np.concatenate([[0.0], sizes, -sizes])
    try:
        gradient = loss.gradient(np.full(len(raw), y), raw)
    except Exception:  # whatever it is, the checks will report it
        return 1.0
    change = np.abs(gradient[1:] - gradient[0]).reshape(2, -1).max(axis=0)
    largest = change.max()
    is_bounded = change[-1] <= 1.01 * change[-5] or change[-1] < 0.5 * largest
    first = int(np.argmax(change >= 0.5 * largest))
    if not (np.isfinite(largest) and is_bounded) or first == 0:
        return 1.0
    return 10.0 ** np.round(np.log10(sizes[first]))


class Probe:
    """Targets and raw predictions at which a loss is evaluated, without surprises.

    Raw predictions are rounded, so that a message can name them, and some of them hit
    the kinks that losses usually have. Both they and the targets of a regression loss
    are measured in the loss's own unit of length, so that Huber(1e-6) is looked at as
    closely as Huber(1).

    Parameters
    ----------
    loss : Loss
    random_state : int, RandomState instance or None, default=0

    Attributes
    ----------
    unit : float
        The `length` of the loss.
    targets : ndarray of shape (n_targets,)
        Different valid targets.
    y : ndarray of shape (n,)
        A valid target for each point.
    raw : ndarray of shape (n,) or (n, N_CLASSES)
        Raw predictions of moderate size.
    far : ndarray of shape (n_far,) or (n_far, N_CLASSES)
        Raw predictions of all sizes, from 1e-12 to 1e4, as numbers and in units.
    """

    def __init__(self, loss, random_state=0):
        self.loss = loss
        self.rng = check_random_state(random_state)
        self.is_row = loss.granularity == "row"
        with np.errstate(all="ignore"):
            self.unit = length(loss)
        self.targets = valid_targets(loss, self.unit)
        self.y = self.rng.choice(self.targets, size=N_POINTS)
        self.y[: len(self.targets)] = self.targets
        if self.is_row:
            self.raw = self._rows(N_POINTS)
            self.far = np.zeros((4 * len(SIZES), N_CLASSES))
            sizes = np.concatenate([SIZES, -SIZES])
            self.far[: len(sizes), 0] = sizes
            self.far[len(sizes) :] = sizes[:, np.newaxis] * [1.0, -0.5, 0.3]
        else:
            near = np.round(centre(loss, self.y) / self.unit, 4) * self.unit
            self.raw = near + self._offsets(N_POINTS)
            # A quarter of the points exactly at a landmark of the residual or margin.
            quarter = slice(0, N_POINTS // 4)
            marks = self.rng.choice(np.concatenate([-LANDMARKS, LANDMARKS]), N_POINTS)
            marks = self.unit * marks
            self.raw[quarter] = (centre(loss, self.y) + marks)[quarter]
            sizes = np.concatenate([SIZES, self.unit * SIZES])
            self.far = np.unique(np.concatenate([-sizes, [0.0], sizes]))

    def _offsets(self, n):
        """Residuals of all moderate sizes and both signs."""
        size = 10.0 ** self.rng.uniform(-3, 1, size=n)
        return self.unit * np.round(size * self.rng.choice([-1.0, 1.0], size=n), 4)

    def _rows(self, n):
        """Raw predictions of classes, a third with ties and margins of one."""
        rows = self.rng.normal(size=(n, N_CLASSES))
        rows = np.round(rows * 10.0 ** self.rng.uniform(-1, 1, size=(n, 1)), 3)
        rows[::3] = self.rng.choice(np.arange(-2.0, 3.0), size=rows[::3].shape)
        return rows

    # ------------------------------------------------------------- evaluation
    def value(self, y, raw):
        """loss.value for arrays of any number of leading dimensions."""
        return self._evaluate(self.loss.value, y, raw)

    def gradient(self, y, raw):
        """loss.gradient for arrays of any number of leading dimensions."""
        return self._evaluate(self.loss.gradient, y, raw)

    def curvature(self, y, raw):
        """loss.curvature for arrays of any number of leading dimensions."""
        return self._evaluate(self.loss.curvature, y, raw)

    def hessian(self, y, raw):
        """loss.hessian for arrays of any number of leading dimensions."""
        return self._evaluate(self.loss.hessian, y, raw)

    def _evaluate(self, method, y, raw):
        raw = np.asarray(raw, dtype=np.float64)
        shape = raw.shape[:-1] if self.is_row else raw.shape
        y = np.broadcast_to(y, shape)
        flat = raw.reshape(-1, raw.shape[-1]) if self.is_row else raw.ravel()
        result = method(np.ascontiguousarray(y).ravel(), np.ascontiguousarray(flat))
        return result.reshape(shape + result.shape[1:])

    def axes(self):
        """The coordinates of a raw prediction: the classes, or one."""
        return range(N_CLASSES) if self.is_row else range(1)

    def along(self, method, axis, y, raw, output=None):
        """`method` as a function of one coordinate of raw, the others held.

        Of the gradient and the curvature it gives the same coordinate, or `output`.
        """
        output = axis if output is None else output
        if not self.is_row:
            return lambda moved: method(y, moved)

        def function(moved):
            rows = np.broadcast_to(raw, (*moved.shape, N_CLASSES)).copy()
            rows[..., axis] = moved
            result = method(y, rows)
            return result[..., output] if result.ndim > moved.ndim else result

        return function

    def lines(self):
        """Lines through the raw predictions, on which jumps are looked for.

        Yields
        ------
        y : float
        points : ndarray of shape (n_grid,)
            Positions on the line.
        raw : callable
            From positions to raw predictions.
        direction : float or ndarray of shape (N_CLASSES,)
            Of the line, to be multiplied with a gradient.
        """
        offsets = np.linspace(-8.0, 8.0, 161) + 0.0123
        offsets = np.sort(np.concatenate([offsets, SIZES[8:24], -SIZES[8:24]]))
        if not self.is_row:
            for y in self.targets:
                yield y, centre(self.loss, y) + self.unit * offsets, lambda t: t, 1.0
            return
        for y in self.targets:
            for start, direction in LINES:
                yield y, offsets, self._line(start, direction), direction

    @staticmethod
    def _line(start, direction):
        return lambda t: start + np.asarray(t)[..., np.newaxis] * direction

    # ---------------------------------------------------------------- messages
    @staticmethod
    def point(y, raw):
        """How a message names a point."""
        y, raw = np.asarray(y, dtype=np.float64).tolist(), np.asarray(raw).tolist()
        return f"at y_true={y!r}, raw_prediction={raw!r}"
