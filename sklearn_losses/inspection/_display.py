"""LossDisplay: pictures of losses, in the manner of scikit-learn's displays.

``LossDisplay.from_losses`` computes the curves and draws them; ``plot`` draws them
again, elsewhere or in other colours, without computing anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from sklearn_losses._machine._typing import ArrayLike, NDArray
from sklearn_losses.inspection._as_loss import as_loss
from sklearn_losses.inspection._profile import DESCRIPTIONS, Profile
from sklearn_losses.losses import Loss

KINDS = ("value", "gradient", "curvature")
LINE_STYLES = ("-", "--", "-.", ":")
BESIDE = 1e-9  # how far from a jump its two sides are drawn
USUAL = 3.0  # the end of the x-axis, if losses can be seen there
SIZES = np.logspace(-9, 12, 1261)  # of residuals, where scales are looked for


def pyplot(owner):
    """matplotlib.pyplot, for somebody's pictures.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{owner} needs matplotlib. Install it: pip install matplotlib"
        ) from error
    return plt


def axes_for(owner, ax, size=(6.4, 4.6)):
    """Axes to draw on, new ones if none are given; see `pyplot`."""
    plt = pyplot(f"{owner}.plot")
    return plt.subplots(figsize=size, layout="constrained")[1] if ax is None else ax


class LossDisplay:
    """Values, gradients and curvatures of losses, drawn over each other.

    It is recommended to use :meth:`from_losses`. All parameters are attributes.

    Parameters
    ----------
    names : list of str of length n_losses
        What the legend calls the losses.
    kind : tuple of {"value", "gradient", "curvature"}
        What is drawn, each in axes of its own.
    curves : dict of str to list of (x, y)
        For each kind the curves of the losses: two arrays of shape (n_points,), or None
        for a loss that has no curvature. y is nan where it jumps.
    x_label : str
        What x is.

    Attributes
    ----------
    axes_ : ndarray of shape (n_kinds,) of matplotlib Axes
        One for each kind.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure
        What the axes are in.
    lines_ : ndarray of shape (n_kinds, n_losses) of matplotlib Line2D
        The curves, None where there is none.

    See Also
    --------
    describe : The same in numbers.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn_losses import Huber, LossDisplay, TukeyBiweight
    >>> display = LossDisplay.from_losses([Huber(), TukeyBiweight()], kind="gradient")
    >>> display.ax_.get_xlabel()
    'residual: raw prediction - y'
    """

    axes_: NDArray[Any]
    ax_: Any
    figure_: Any
    lines_: NDArray[Any]

    def __init__(
        self,
        *,
        names: list[str],
        kind: tuple[str, ...],
        curves: dict[str, list[Any]],
        x_label: str,
    ) -> None:
        self.names = names
        self.kind = kind
        self.curves = curves
        self.x_label = x_label

    @classmethod
    def from_losses(
        cls,
        losses: Loss | str | Sequence[Loss | str] | Mapping[str, Loss | str],
        *,
        kind: str | tuple[str, ...] = KINDS,
        y_true: float | None = None,
        raw_prediction: ArrayLike | None = None,
        names: str | list[str] | None = None,
        ax: Any = None,
        **line_kw: Any,
    ) -> Self:
        """Compute the curves of losses and draw them.

        Parameters
        ----------
        losses : Loss, str, list of them, or dict of str to them
            Losses or their names; of a dict the keys are what the legend says.
        kind : {"value", "gradient", "curvature"} or tuple of them, \
                default=("value", "gradient", "curvature")
            What to draw, each in axes of its own.
        y_true : float, default=None
            The target. None: 1 or the valid target that is nearest to it; in losses of
            rows the class 0.
        raw_prediction : array-like of shape (n_points,), default=None
            Where to draw. None: where margins or raw predictions are between -3 and 3,
            and residuals too, unless the scale of a loss would be out of sight.
        names : str or list of str, default=None
            What the legend calls the losses. None: what they print as, or their class
            if that is long.
        ax : matplotlib Axes or array-like of them, default=None
            Where to draw: one for each kind, or a single one, whose place they share.
            None: in a new figure.
        **line_kw : dict
            Passed to matplotlib's ``plot`` for each line.

        Returns
        -------
        display : LossDisplay

        Raises
        ------
        ValueError
            If the losses cannot be in one picture because they are for different tasks
            or over different x, or a parameter is not valid.
        TypeError
            If something in `losses` is no loss.
        """
        losses, names = _named_losses(losses, names)
        kind = (kind,) if isinstance(kind, str) else tuple(kind)
        unknown = [k for k in kind if k not in KINDS]
        if unknown or not kind:
            raise ValueError(
                f"The 'kind' parameter of LossDisplay must be among {KINDS}. Got "
                f"{(unknown or kind)!r} instead."
            )
        profiles = [Profile(loss, y_true) for loss in losses]
        _check_comparable(profiles)
        if raw_prediction is None:
            x = usual_range(profiles) * np.linspace(-1.0, 1.0, 601)
        else:
            x = np.unique(profiles[0].x_of(raw_prediction))
        curves = {k: [_curve(profile, k, x) for profile in profiles] for k in kind}
        first = profiles[0]
        label = DESCRIPTIONS[first.label]
        if first.label == "raw prediction":
            label += f", y = {first.y_true:g}"
        display = cls(names=names, kind=kind, curves=curves, x_label=label)
        return display.plot(ax, **line_kw)

    def plot(self, ax: Any = None, **line_kw: Any) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of them, default=None
            Where to draw: one for each kind, or a single one, whose place they share.
            None: in a new figure.
        **line_kw : dict
            Passed to matplotlib's ``plot`` for each line.

        Returns
        -------
        display : LossDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are not as many axes as kinds.
        """
        plt = pyplot("LossDisplay.plot")
        n_kinds = len(self.kind)
        if ax is None:
            # With room for the legend beside them, however long it is.
            size = 3.6 * n_kinds + 2.4, max(3.4, 0.17 * len(self.names))
            _, ax = plt.subplots(
                1, n_kinds, figsize=size, layout="constrained", squeeze=False
            )
        self.axes_ = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        if len(self.axes_) == 1 < n_kinds:
            self.axes_ = _divided(self.axes_[0], n_kinds)
        if len(self.axes_) != n_kinds:
            raise ValueError(
                f"LossDisplay.plot needs {n_kinds} axes, one for each of {self.kind}, "
                f"or one to divide. Got {len(self.axes_)}."
            )
        self.ax_ = self.axes_[0]
        self.figure_ = self.ax_.figure
        colors = plt.rcParams["axes.prop_cycle"].by_key().get("color", ["black"])
        self.lines_ = np.full((n_kinds, len(self.names)), None, dtype=object)
        for i, (kind, axes) in enumerate(zip(self.kind, self.axes_)):
            for k, curve in enumerate(self.curves[kind]):
                if curve is not None:
                    style = _style(k, colors) | line_kw
                    (self.lines_[i, k],) = axes.plot(*curve, **style)
                    self.lines_[i, k].set_label(self.names[k])
            self._finish(axes, kind)
        self._add_legend()
        return self

    def _finish(self, axes, kind):
        """Labels, limits and a grid behind the lines."""
        axes.set(xlabel=self.x_label, ylabel=kind)
        axes.grid(alpha=0.25)
        axes.axhline(0.0, color="0.6", linewidth=0.8, zorder=0)
        limits = y_limits([curve for curve in self.curves[kind] if curve is not None])
        if limits is not None:
            axes.set_ylim(limits)

    def _add_legend(self):
        """All losses at once: beside the axes, or in them where nobody makes room."""
        handles = [
            next((line for line in lines if line is not None), None)
            for lines in self.lines_.T
        ]
        handles = [line for line in handles if line is not None]
        place = {"loc": "best"}
        if self.figure_.get_layout_engine() is not None:
            place = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
        self.axes_[-1].legend(handles=handles, fontsize="small", **place)


def _divided(ax, n):
    """n axes side by side where one was, as in scikit-learn's displays."""
    from matplotlib.gridspec import GridSpecFromSubplotSpec

    ax.set_axis_off()
    grid = GridSpecFromSubplotSpec(1, n, subplot_spec=ax.get_subplotspec(), wspace=0.35)
    axes = np.empty(n, dtype=object)
    axes[:] = [ax.figure.add_subplot(grid[0, k]) for k in range(n)]
    return axes


def _named_losses(losses, names):
    """Lists of losses and of what to call them."""
    if isinstance(losses, Mapping):
        if names is not None:
            raise ValueError("Give names as keys of `losses` or as `names`, not both.")
        names, losses = list(losses), list(losses.values())
    elif isinstance(losses, str) or not np.iterable(losses):
        losses = [losses]
        names = [names] if isinstance(names, str) else names
    losses = [as_loss(loss, "LossDisplay") for loss in losses]
    if not losses:
        raise ValueError("LossDisplay needs at least one loss.")
    names = [_short_name(loss) for loss in losses] if names is None else list(names)
    if len(names) != len(losses):
        raise ValueError(
            f"The 'names' parameter of LossDisplay must have one name for each of the "
            f"{len(losses)} losses. Got {len(names)}."
        )
    return losses, names


def _short_name(loss):
    """What a loss prints as, or its class where that is too long for a legend."""
    name = " ".join(str(loss).split())
    return name if len(name) <= 60 else type(loss).__name__


def _check_comparable(profiles):
    """Raise unless x and y mean the same for all of them."""
    first = profiles[0]
    for other in profiles[1:]:
        if first.loss.task != other.loss.task:
            reasons = [f"is for {p.loss.task} targets" for p in (first, other)]
        elif first.label != other.label:
            reasons = [f"is drawn over a {p.label}" for p in (first, other)]
        else:
            continue
        raise ValueError(
            f"{first.loss!r} and {other.loss!r} cannot be in one picture, because the "
            f"first {reasons[0]} and the second {reasons[1]}. Draw two."
        )


def _curve(profile, kind, x):
    """x and y of one line, interrupted where y jumps; None if there is none."""
    if kind == "curvature" and not profile.has_curvature:
        return None
    jumps = profile.jumps(kind, x)
    x = np.union1d(x, np.concatenate([jumps - BESIDE, jumps, jumps + BESIDE]))
    y = np.array(getattr(profile, kind)(x), dtype=np.float64)
    y[~np.isfinite(y) | np.isin(x, jumps)] = np.nan
    return x, y


def _style(k, colors):
    """A pair of colour and line style that no other of many lines has.

    Neighbours differ in both, so that a line shows where it runs over another.
    """
    n = len(colors)
    return {
        "color": colors[k % n],
        "linestyle": LINE_STYLES[(k % n + k // n) % len(LINE_STYLES)],
        "linewidth": 1.8,
    }


def usual_range(profiles):
    """The end of an x-axis that has the scales of all losses in sight.

    Parameters
    ----------
    profiles : list of Profile
        Over the same x.

    Returns
    -------
    float
        `USUAL`, if it does, or if there is no scale.
    """
    if profiles[0].label != "residual":
        return USUAL
    needed = max(map(_room_needed, profiles), default=0.0)
    if needed == 0.0 or USUAL / 3.0 <= needed <= 1.1 * USUAL:
        return USUAL
    unit = 0.5 * 10.0 ** np.floor(np.log10(needed))
    return float(unit * np.ceil(needed / unit))


def _room_needed(profile):
    """Where a loss of residuals has shown what it is; 0 if its shape has no scale."""
    loss = profile.loss
    slopes = np.abs([profile.gradient(-SIZES), profile.gradient(SIZES)])
    if loss.lipschitz == np.inf:
        return 2.4 * _first(_bends(slopes))
    # Where it is half as steep as it gets on both sides, or near its bound.
    half = _first((slopes > 0.5 * slopes.max(axis=1, keepdims=True)).all(axis=0))
    if not loss.bounded:
        return 4.0 * half
    value = profile.value(SIZES)
    return min(30.0 * half, 1.35 * _first(value > 0.95 * value.max()))


def _bends(slopes):
    """Where slopes, in proportion to x, are no longer about those near 0."""
    near = slopes[:, :1] / SIZES[0]
    ratio = slopes / SIZES
    return ((ratio > 2.0 * near) | (ratio < 0.5 * near)).any(axis=0)


def _first(is_there):
    """The first of `SIZES` where something is true; 0 if nowhere, or everywhere."""
    first = np.argmax(is_there)
    return SIZES[first] if first > 0 else 0.0


def y_limits(curves):
    """Limits that show most curves in full, and cut those that dwarf them.

    Parameters
    ----------
    curves : list of (x, y)

    Returns
    -------
    tuple of float, or None if there is nothing to see
    """
    seen = [y[np.isfinite(y)] for _, y in curves]
    seen = [y for y in seen if len(y)]
    if not seen:
        return None
    low, high = np.array([[min(y.min(), 0.0), max(y.max(), 0.0)] for y in seen]).T
    room = 2.5 * np.median(np.maximum(high, -low))
    bottom, top = max(low.min(), -room), min(high.max(), room)
    margin = 0.06 * (top - bottom) or 0.5
    return bottom - margin, top + margin
