"""InfluenceDisplay and ContributionsDisplay: pictures of what a fit is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils import Bunch

from sklearn_losses._machine._params import (
    InvalidParameterError,
    Options,
    check_parameter,
)
from sklearn_losses._machine._typing import Array, ArrayLike, Matrix
from sklearn_losses.inspection._contributions import contributions
from sklearn_losses.inspection._display import axes_for
from sklearn_losses.inspection._influence import influence

KINDS = [Options("feature", "row")]
MARGIN = 1.15  # of the largest distance is drawn


def names_of(owner, names, n):
    """As many names as there are, or None."""
    if names is not None and len(names) != n:
        raise InvalidParameterError(
            f"The 'names' parameter of {owner} must have a name for each of the {n} "
            f"rows. Got {len(names)}."
        )
    return names


class InfluenceDisplay:
    """Which rows a fit hangs on: how far out they are, against how hard they pull.

    What a row does to the coefficients is about the product of both, which lines of
    equal Cook's distance show. A row may be far out and pull at nothing, as the line
    goes through it, or be wrong in the middle of all others, where it moves little but
    the intercept.

    It is recommended to use :meth:`from_estimator`. All parameters are attributes.

    Parameters
    ----------
    distance : ndarray of shape (n_rows,)
        How far out in X a row is.
    pull : ndarray of shape (n_rows,)
        The slope of its loss in the fit without it, in standard deviations; of several
        outputs without a sign.
    cook : ndarray of shape (n_rows,)
    n_effective : float
        Of coefficients.
    names : list of str, default=None
        Of the rows; None: their numbers.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    points_ : matplotlib PathCollection
    contours_ : list of matplotlib Line2D
        Of equal Cook's distance.
    texts_ : list of matplotlib Annotation
        The names of the rows with the largest Cook's distance.

    See Also
    --------
    influence : The numbers.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_losses import InfluenceDisplay, LinearRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = LinearRegressor("squared_error", penalty=None).fit(X, y)
    >>> display = InfluenceDisplay.from_estimator(model, X, y, n_named=2)
    >>> [text.get_text() for text in display.texts_]
    ['382', '123']
    """

    ax_: Any
    figure_: Any
    points_: Any
    contours_: list[Any]
    texts_: list[Any]

    def __init__(
        self,
        *,
        distance: Array,
        pull: Array,
        cook: Array,
        n_effective: float,
        names: Sequence[str] | None = None,
    ) -> None:
        self.distance = distance
        self.pull = pull
        self.cook = cook
        self.n_effective = n_effective
        self.names = names_of("InfluenceDisplay", names, len(distance))

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        *,
        names: Sequence[str] | None = None,
        n_named: int = 5,
        levels: Sequence[float] | None = None,
        ax: Any = None,
        **scatter_kw: Any,
    ) -> Self:
        """Draw the influence of all rows of a fit.

        Parameters
        ----------
        model, X, y, sample_weight, offset
            As of `influence`.
        names : list of str, default=None
            Of the rows; None: their numbers.
        n_named, levels, ax, **scatter_kw
            As of `plot`.

        Returns
        -------
        display : InfluenceDisplay
        """
        found = influence(model, X, y, sample_weight, offset)
        display = cls.from_influence(found, names=names)
        return display.plot(ax, n_named=n_named, levels=levels, **scatter_kw)

    @classmethod
    def from_influence(
        cls, found: Bunch, *, names: Sequence[str] | None = None
    ) -> Self:
        """A display of what `influence` has returned, which `plot` draws.

        Parameters
        ----------
        found : Bunch
        names : list of str, default=None
            Of all rows of the fit; None: their numbers.

        Returns
        -------
        display : InfluenceDisplay
        """
        sign = np.sign(found.slope) if found.slope.ndim == 1 else 1.0
        with np.errstate(divide="ignore", invalid="ignore"):
            pull = np.sqrt(found.cook * found.n_effective / found.distance)
        pull = np.where(found.distance > 0, sign * pull, 0.0)
        rows = found.rows.tolist()
        names = rows if names is None else [names[i] for i in rows]
        return cls(
            distance=found.distance,
            pull=pull,
            cook=found.cook,
            n_effective=found.n_effective,
            names=[str(name) for name in names],
        )

    def plot(
        self,
        ax: Any = None,
        *,
        n_named: int = 5,
        levels: Sequence[float] | None = None,
        **scatter_kw: Any,
    ) -> Self:
        """Draw the rows and lines of equal Cook's distance.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        n_named : int, default=5
            How many rows are named, those with the largest Cook's distance.
        levels : list of float, default=None
            The Cook's distances of the lines; None: two below the largest.
        **scatter_kw : dict
            Passed to matplotlib's ``scatter``.

        Returns
        -------
        display : InfluenceDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = axes_for("InfluenceDisplay", ax)
        self.ax_, self.figure_ = ax, ax.figure
        here = np.isfinite(self.pull) & np.isfinite(self.cook)
        style = {"s": 18, "alpha": 0.7, "linewidths": 0} | scatter_kw
        self.points_ = ax.scatter(self.distance[here], self.pull[here], **style)
        ax.set_xlim(0, MARGIN * self.distance[here].max(initial=1e-12))
        limits = 1.15 * np.array([self.pull[here].min(), self.pull[here].max()])
        ax.set_ylim(min(limits[0], 0.0) - 0.1, max(limits[1], 0.0) + 0.1)
        self.contours_ = self._draw_contours(_levels(self.cook[here], levels))
        order = np.argsort(np.where(here, -self.cook, np.inf))[:n_named]
        self.texts_ = [self._name(i) for i in order if here[i]]
        ax.axhline(0.0, color="0.8", linewidth=0.8, zorder=0)
        ax.set_xlabel("distance of the row in X (its leverage in least squares)")
        ax.set_ylabel("slope of its loss, left out, in std. deviations")
        ax.spines[["top", "right"]].set_visible(False)
        return self

    def _draw_contours(self, levels):
        right = self.ax_.get_xlim()[1]
        x = np.linspace(right / 400.0, right, 400)
        lines = []
        for level in levels:
            y = np.sqrt(level * self.n_effective / x)
            style = dict(color="0.5", linewidth=0.9, linestyle="--", zorder=1)
            for sign in (1.0, -1.0):
                lines += self.ax_.plot(x, sign * y, **style, scaley=False)
            top = self.ax_.get_ylim()[1]
            at = np.argmax(y < 0.95 * top)
            self.ax_.annotate(f"{level:g}", (x[at], y[at]), color="0.4", fontsize=8)
        return lines

    def _name(self, i):
        name = str(i) if self.names is None else self.names[i]
        at = self.distance[i], self.pull[i]
        place = dict(xytext=(4, 3), textcoords="offset points", fontsize=9)
        return self.ax_.annotate(name, at, **place)


def _levels(cook, given):
    """Cook's distances that are drawn, of one digit."""
    if given is not None:
        return list(given)
    largest = float(cook.max(initial=0.0))
    each = [largest / 8.0, largest / 2.0] if largest > 0 else []
    return [float(f"{level:.0e}") for level in each]


class ContributionsDisplay:
    """What an objective is made of: what features are worth, or its dearest rows.

    It is recommended to use :meth:`from_estimator`. All parameters are attributes.

    Parameters
    ----------
    names : list of str
        Of the bars, from the top.
    parts : ndarray of shape (n_bars, n_parts)
        What each bar is of.
    labels : list of str
        Of the parts.
    kind : {"feature", "row"}
    base : float, default=1.0
        The objective, of which a second axis shows shares.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : list of matplotlib BarContainer
        Of each part.

    See Also
    --------
    contributions : The numbers.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_losses import ContributionsDisplay, LinearRegressor
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = LinearRegressor("squared_error", penalty=None).fit(X, y)
    >>> display = ContributionsDisplay.from_estimator(model, X, y)
    >>> display.names[:2]
    ['bmi', 'bp']
    """

    ax_: Any
    figure_: Any
    bars_: list[Any]

    def __init__(
        self,
        *,
        names: Sequence[str],
        parts: Array,
        labels: Sequence[str],
        kind: str = "feature",
        base: float = 1.0,
    ) -> None:
        self.names = names
        self.parts = parts
        self.labels = labels
        self.kind = kind
        self.base = base

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        *,
        kind: str = "feature",
        names: Sequence[str] | None = None,
        n_bars: int = 15,
        ax: Any = None,
        **bar_kw: Any,
    ) -> Self:
        """Draw the contributions to the objective of a fit.

        Parameters
        ----------
        model, X, y, sample_weight, offset
            As of `contributions`.
        kind : {"feature", "row"}, default="feature"
            "feature": by how much the objective would rise without each, about. "row":
            the rows that add most to it, by the terms of the loss.
        names : list of str, default=None
            Of the rows; None: their numbers.
        n_bars : int, default=15
            How many are drawn, the largest.
        ax, **bar_kw
            As of `plot`.

        Returns
        -------
        display : ContributionsDisplay
        """
        check_parameter("ContributionsDisplay", "kind", kind, KINDS)
        found = contributions(model, X, y, sample_weight, offset)
        if kind == "feature":
            parts, labels, names = found.rise[:, None], [""], found.names
        else:
            parts, labels = found.by_term, found.terms
            names = names_of("ContributionsDisplay", names, len(parts))
            names = range(len(parts)) if names is None else names
        order = np.argsort(-parts.sum(axis=1), kind="stable")[:n_bars]
        display = cls(
            names=[str(names[i]) for i in order],
            parts=parts[order],
            labels=labels,
            kind=kind,
            base=found.objective,
        )
        return display.plot(ax, **bar_kw)

    def plot(self, ax: Any = None, **bar_kw: Any) -> Self:
        """Draw the bars.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        **bar_kw : dict
            Passed to matplotlib's ``barh``.

        Returns
        -------
        display : ContributionsDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        height = 1.2 + 0.25 * len(self.names)
        ax = axes_for("ContributionsDisplay", ax, (6.4, height))
        self.ax_, self.figure_, self.bars_ = ax, ax.figure, []
        places, left = np.arange(len(self.names)), np.zeros(len(self.names))
        for column, label in zip(self.parts.T, self.labels):
            style = {"left": left, "label": label, "height": 0.7} | bar_kw
            self.bars_.append(ax.barh(places, column, **style))
            left = left + column
        ax.set_yticks(places, self.names)
        ax.invert_yaxis()
        title = {
            "feature": "rise of the objective without the feature",
            "row": "part of the row in the objective",
        }
        ax.set_xlabel(f"{title[self.kind]} ({self.base:.4g})")
        ax.spines[["top", "right"]].set_visible(False)
        if len(self.labels) > 1:
            ax.legend(frameon=False)
        return self
