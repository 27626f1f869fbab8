"""A glance at a loss of somebody else's before it is fitted.

A gradient of the wrong sign, or of another function, leaves a fit where it began, and a
value below what was declared as the minimum passes for a perfect fit. Both show at a
few points, without a derivative: over an interval the value rises by a mean of the
gradient there, kinks or not. `check_loss` looks at everything else.
"""

import numpy as np

from sklearn_losses.losses._base import PACKAGE
from sklearn_losses.losses._custom import CustomLoss

N_ROWS, N_SEEN = 16, 256  # targets, and of how many they are chosen
N_INSIDE = 9  # points of an interval where the gradient is seen
WIDTHS = 0.1, 0.01  # around the same place: what is narrow is between few of them
AWAY = 0.2718  # of the range of targets, so that no place is a target
# How far a rise may lie outside of the gradients that were seen and still be a mean of
# gradients: a share of their range, of their size, and of the values.
OF_RANGE, OF_SIZE, OF_VALUE = 0.2, 0.02, 1e-6
INFORMATIVE = 5.0  # times the rounding is a rise that says anything
OF_TERMS, LOW = 8.0 * np.finfo(np.float64).eps, 0.25  # of values; exponentials are high
TAME = 100.0  # times as large is a value at most a little further on
FEW_TIMES = 4.0  # the noise of a value may it be below a minimum
FEW = 0.2  # of the intervals may fail: a value may jump somewhere


def refuse_contradictions(loss, y_true, n_outputs):
    """Refuse a loss of somebody else's that contradicts itself at a few points.

    Parameters
    ----------
    loss : Loss
        Losses that it is made of are looked at as well.
    y_true : ndarray of float64 of shape (n_rows,)
        The targets of one output, n_rows > 0.
    n_outputs : int
        Of a loss of rows.

    Raises
    ------
    ValueError
        If a gradient is not that of the value, or a value is below the minimum.
    """
    for part in _foreign(loss):
        try:
            targets = _few_targets(part, y_true, n_outputs)
            intervals = _Intervals(part, targets, n_outputs)
        except (ValueError, ArithmeticError):
            continue  # a fit may never go there; if it does, it says the same
        intervals.check_gradient()
        intervals.check_minimum()


def is_foreign(loss):
    """Whether a loss, or one that it is made of, has functions of somebody else's."""
    return next(_foreign(loss), None) is not None


def _foreign(loss):
    """The losses, in this one or itself, whose functions are not from here."""
    for part in loss._inner_losses().values():
        yield from _foreign(part)
    if isinstance(loss, CustomLoss) or not type(loss).__module__.startswith(PACKAGE):
        yield loss


def _few_targets(loss, y_true, n_outputs):
    """A few targets, as different as they come."""
    if loss.task != "regression":
        n_classes = n_outputs if loss.granularity == "row" else 2
        return np.resize(np.arange(float(n_classes)), max(N_ROWS, n_classes))
    seen = np.unique(y_true[:: max(1, len(y_true) // N_SEEN)])
    at = np.linspace(0, len(seen) - 1, N_ROWS).round().astype(np.intp)
    return seen[at]


class _Intervals:
    """Values at the ends of intervals, and gradients inside.

    Attributes
    ----------
    y : ndarray of shape (n,)
    ends : ndarray of shape (n, 2) or (n, 2, n_outputs)
    width : ndarray of shape (n,)
    values : ndarray of shape (n, 2)
    noise : ndarray of shape (n,)
        How rough the values are inside: about the rounding in them, which terms that
        cancel make larger than they are.
    slopes : ndarray of shape (n, N_INSIDE)
        Along the interval.
    """

    def __init__(self, loss, y, n_outputs):
        self.loss = loss
        places, unit = self._places(y)
        n_places = len(places)
        self.y = np.tile(y, n_places * len(WIDTHS))
        middle = np.tile(places.ravel(), len(WIDTHS))
        sizes = np.repeat(np.outer(WIDTHS, unit).ravel(), len(y))
        along = np.linspace(-0.5, 0.5, N_INSIDE)
        self.width, direction = sizes, 1.0
        raw = middle[:, None] + sizes[:, None] * along
        if loss.granularity == "row":
            rng = np.random.default_rng(0)
            direction = rng.normal(size=(len(self.y), 1, n_outputs))
            start = rng.normal(size=direction.shape)
            raw = start + raw[:, :, None] * direction
        points = raw.reshape(-1, *raw.shape[2:])
        with np.errstate(all="ignore"):
            value, slope = loss.value_gradient(np.repeat(self.y, N_INSIDE), points)
        slopes = slope.reshape(raw.shape) * direction
        self.slopes = slopes.sum(axis=2) if slopes.ndim == 3 else slopes
        value = value.reshape(raw.shape[:2])
        with np.errstate(all="ignore"):
            # Near a target a loss may be all rounding, of terms as large as elsewhere.
            elsewhere = _usual_size(np.abs(value[: len(y)]))
            self.noise = np.abs(np.diff(value, 2)).max(axis=1)
            self.noise += OF_TERMS * np.nan_to_num(elsewhere, posinf=0.0)
        self.values = value[:, [0, -1]]
        self.ends = raw[:, [0, -1]]

    def _places(self, y):
        """Raw predictions for each target, and the units that widths are in.

        They are of other targets, beside their own, and around 0.
        """
        around = np.linspace(-1.0, 1.0, len(y))
        if self.loss.task != "regression":
            return np.array([around, 3.0 * around[::-1]]), [1.0, 1.0]
        with np.errstate(all="ignore"):
            linked = np.asarray(self.loss.link.link(y), np.float64)
        usable = np.isfinite(linked)
        unit = np.ptp(linked[usable]) if usable.any() else 0.0
        unit = unit or np.abs(linked[usable]).max(initial=0.0) or 1.0
        own = np.where(usable, linked, 0.0)
        other = np.roll(own, len(y) // 3) + AWAY * unit
        return np.array([other, own + around, around]), [unit, 1.0, 1.0]

    def check_gradient(self):
        with np.errstate(all="ignore"):
            rise = (self.values[:, 1] - self.values[:, 0]) / self.width
            low, high = self.slopes.min(axis=1), self.slopes.max(axis=1)
            size = np.maximum(np.abs(low), np.abs(high))
            rounding = OF_VALUE * np.abs(self.values).sum(axis=1) + self.noise
            rounding /= self.width
            margin = OF_RANGE * (high - low) + OF_SIZE * size + rounding
            tells = np.maximum(size, np.abs(rise)) > INFORMATIVE * rounding
            tells &= np.isfinite(rise) & np.isfinite(size)
            wrong = tells & ((rise < low - margin) | (rise > high + margin))
        at_all_widths = wrong.reshape(len(WIDTHS), -1).all(axis=0)
        if at_all_widths.sum() <= FEW * tells[: len(at_all_widths)].sum():
            return
        i = np.flatnonzero(at_all_widths)[0]
        a, b = self.ends[i]
        raise ValueError(
            f"The gradient of {self._name} is not that of its value. For "
            f"y_true={self.y[i]:.6g}, between the raw predictions {_shown(a)} and "
            f"{_shown(b)}, the value rises by {rise[i]:.4g} for each unit, and the "
            f"gradient lies between {low[i]:.4g} and {high[i]:.4g}. It must be the "
            "derivative of the value by raw_prediction: look at its sign and its "
            "factors; check_loss(loss) tests them at many points."
        )

    def check_minimum(self):
        if getattr(self.loss, "searches_minimum", False):
            return
        try:
            least = self.loss.minimum(self.y)[:, None]
        except ValueError:  # it depends on more than a target
            return
        values = np.where(np.isfinite(self.values), self.values, np.inf)
        rounding = OF_VALUE * (1.0 + np.abs(least) + np.abs(values))
        below = values < least - rounding - FEW_TIMES * self.noise[:, None]
        if not below.any():
            return
        i, k = np.argwhere(below)[0]
        advice = "Override _minimum(y_true)"
        if isinstance(self.loss, CustomLoss):
            advice = "Use minimum=None, with which it is searched for"
        raise ValueError(
            f"The value of {self._name} is {values[i, k]:.6g} for y_true="
            f"{self.y[i]:.6g} and raw_prediction={_shown(self.ends[i, k])}, below its "
            f"minimum, {least[i, 0]:.6g}, so that a fit could not tell when it is "
            f"perfect. {advice}; check_loss(loss) looks at more points."
        )

    @property
    def _name(self):
        function = self.loss.get_params(deep=False).get("gradient")
        name = getattr(function, "__qualname__", None)
        return type(self.loss).__name__ + (f" ({name})" if name else "")


def _usual_size(values):
    """Of values in intervals, where they are no exponentials, which say nothing."""
    tame = values[values.max(axis=1) <= TAME * values.min(axis=1)]
    return np.quantile(tame, LOW) if tame.size else 0.0


def _shown(raw):
    return np.array2string(np.asarray(raw), precision=4, threshold=8)
