"""BandsDisplay: what a model says of where y lies, drawn beside where it does.

``BandsDisplay.from_estimator`` predicts and draws, ``from_predictions`` draws quantiles
or intervals of any model, and ``plot`` draws them again, elsewhere.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy import sparse

from sklearn_losses._machine._typing import Array, ArrayLike, Matrix
from sklearn_losses.estimators._validation import check_weights
from sklearn_losses.estimators.outputs._outputs import levels_of
from sklearn_losses.inspection._display import axes_for
from sklearn_losses.inspection._raw_prediction import behind

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
SAME = 1e-9  # levels that differ by less
LIGHTEST, DARKEST = 0.18, 0.45  # of the widest band, and of the narrowest


class BandsDisplay:
    """Predicted quantiles over a feature or over their middle, and targets.

    It is recommended to use :meth:`from_estimator` or :meth:`from_predictions`. All
    parameters are attributes.

    Parameters
    ----------
    x : ndarray of shape (n_points,)
        Where the quantiles are, increasing.
    quantiles : ndarray of shape (n_points, n_levels)
    levels : ndarray of shape (n_levels,)
        Increasing. Two that are as far from 0 and 1 are the ends of a band.
    x_true, y_true : ndarray of shape (n_samples,), default=None
        Targets, and where they are drawn.
    below : ndarray of shape (n_levels,), default=None
        The share of the targets that are at or below each quantile of their row.
    held : ndarray of shape (n_bands,), default=None
        The share of the targets within each of `bands`.
    x_label, y_label : str

    Attributes
    ----------
    bands : list of (low, high)
        The levels of the ends of each band, the widest first.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    fills_ : list of matplotlib PolyCollection
        One for each band.
    lines_ : list of matplotlib Line2D
        The median, and each level that is no end of a band.
    points_ : matplotlib PathCollection or None
        The targets.

    See Also
    --------
    interval_score : How good an interval is, as a number.
    mean_pinball_score : The same of quantiles.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_losses import BandsDisplay, LinearRegressor, Quantiles
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = LinearRegressor(Quantiles([0.05, 0.5, 0.95]), penalty=None).fit(X, y)
    >>> display = BandsDisplay.from_estimator(model, X, y)
    >>> display.bands, display.held.round(1)
    ([(0.05, 0.95)], array([0.9]))
    """

    ax_: Any
    figure_: Any
    fills_: list[Any]
    lines_: list[Any]
    points_: Any

    def __init__(
        self,
        *,
        x: Array,
        quantiles: Array,
        levels: Array,
        x_true: Array | None = None,
        y_true: Array | None = None,
        below: Array | None = None,
        held: Array | None = None,
        x_label: str = "predicted median",
        y_label: str = "y",
    ) -> None:
        self.x = x
        self.quantiles = quantiles
        self.levels = levels
        self.x_true = x_true
        self.y_true = y_true
        self.below = below
        self.held = held
        self.x_label = x_label
        self.y_label = y_label

    # ------------------------------------------------------------------- from models
    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Matrix,
        y: ArrayLike | None = None,
        *,
        feature: int | str | None = None,
        levels: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        grid_resolution: int = 100,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Predict quantiles and draw them.

        Parameters
        ----------
        estimator : estimator
            A fitted model whose loss is `Quantiles` or one that has `predict_quantile`,
            perhaps in a pipeline or a search.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None
            Targets, to be drawn as points, and counted.
        feature : int or str, default=None
            The column of X that is the x-axis: quantiles are then those of rows that
            have the median of each other feature, or the most frequent of what are no
            numbers. None: the only feature, or of several the predicted median, over
            which all rows are drawn with quantiles of their own.
        levels : array-like of shape (n_levels,), default=None
            Which quantiles. None: all that the model has or, of a distribution, 0.05,
            0.25, 0.5, 0.75 and 0.95.
        sample_weight : array-like of shape (n_samples,), default=None
            Of the targets, where they are counted.
        offset : array-like of shape (n_samples,), default=None
            Passed to the estimator, with feature=None.
        grid_resolution : int, default=100
            The number of points of the x-axis.
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : BandsDisplay

        Raises
        ------
        ValueError
            If the model predicts no quantiles, or there is no such feature or level.
        """
        n_features = np.shape(X)[1]
        if feature is None and n_features == 1:
            feature = 0
        levels, of_rows = _quantiles_of(estimator, X, levels, offset)
        if feature is None:
            x, x_label, at, quantiles = None, "predicted median", None, of_rows
        elif offset is not None:
            raise ValueError(
                "BandsDisplay cannot draw an offset over a feature, because only the "
                "rows of X have one. Use feature=None."
            )
        else:
            x, x_label, k = _column_of(X, feature)
            at = np.linspace(x.min(), x.max(), grid_resolution)
            _, quantiles = _quantiles_of(estimator, _grid(X, k, at), levels)
        counted = y, of_rows, levels, sample_weight
        parts = {"x": at, "x_true": x, "x_label": x_label}
        if hasattr(y, "name") and y.name is not None:
            parts["y_label"] = str(y.name)
        display = cls._of(counted, quantiles, **parts)
        return display.plot(ax, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike | None,
        quantiles: ArrayLike,
        *,
        levels: ArrayLike,
        x: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        x_label: str | None = None,
        y_label: str = "y",
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw quantiles, or the ends of intervals, that somebody has predicted.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or None
            Targets, to be drawn as points, and counted.
        quantiles : array-like of shape (n_samples, n_levels)
            Of each row; from `predict_interval` the two ends.
        levels : array-like of shape (n_levels,)
            Which quantiles they are, increasing: of intervals of 90%, [0.05, 0.95].
        x : array-like of shape (n_samples,), default=None
            Where to draw each row. None: over its predicted median or, without one,
            the mean of its quantiles.
        sample_weight : array-like of shape (n_samples,), default=None
            Of the targets, where they are counted.
        x_label, y_label : str
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        display : BandsDisplay

        Raises
        ------
        ValueError
            If shapes do not fit, or levels are not increasing.
        """
        levels = np.atleast_1d(levels_of(levels))
        quantiles = np.asarray(quantiles, dtype=np.float64)
        if quantiles.shape[1:] != levels.shape or not (np.diff(levels) > 0).all():
            raise ValueError(
                "BandsDisplay needs increasing levels, and a column of quantiles for "
                f"each. Got levels={levels.tolist()} and the shape {quantiles.shape}."
            )
        has_median = (np.abs(levels - 0.5) < SAME).any()
        usual = "predicted median" if has_median else "mean of predicted quantiles"
        given = "x" if x is not None else usual
        x = None if x is None else np.asarray(x, dtype=np.float64)
        display = cls._of(
            (y_true, quantiles, levels, sample_weight),
            quantiles,
            x=x,
            x_true=x,
            x_label=given if x_label is None else x_label,
            y_label=y_label,
        )
        return display.plot(ax, **kwargs)

    @classmethod
    def _of(cls, counted, quantiles, *, x, x_true, **labels):
        """A display of quantiles, over their middle if there is no x."""
        y, of_rows, levels, weight = counted
        shares = {}
        if y is not None:
            y = np.asarray(y, dtype=np.float64)
            if y.shape != of_rows.shape[:1]:
                raise ValueError(
                    "BandsDisplay needs y of shape (n_samples,), a number for each of "
                    f"{len(of_rows)} rows, or None. Got the shape {y.shape}."
                )
            weight = check_weights(weight, len(y))
            shares = _shares(y, of_rows, levels, weight)
        if x is None:
            x = x_true = _middle(quantiles, levels)
        order = np.argsort(x, kind="stable")
        parts = {"x": x[order], "quantiles": quantiles[order], "levels": levels}
        targets = {"x_true": x_true, "y_true": y}
        return cls(**parts, **targets, **shares, **labels)

    # ----------------------------------------------------------------------- drawing
    @property
    def bands(self) -> list[tuple[float, float]]:
        return bands_of(self.levels)

    def plot(
        self,
        ax: Any = None,
        *,
        color: Any = None,
        fill_kw: dict[str, Any] | None = None,
        line_kw: dict[str, Any] | None = None,
        scatter_kw: dict[str, Any] | None = None,
    ) -> Self:
        """Draw bands, lines and targets.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        color : matplotlib color, default=None
            Of bands and lines. None: the next one of the axes.
        fill_kw, line_kw, scatter_kw : dict, default=None
            Passed to matplotlib's ``fill_between``, ``plot`` and ``scatter``.

        Returns
        -------
        display : BandsDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = axes_for("BandsDisplay", ax, (6.4, 4.2))
        self.ax_, self.figure_ = ax, ax.figure
        color = ax._get_lines.get_next_color() if color is None else color
        self.points_ = None
        if self.y_true is not None:
            style = {"s": 10.0, "color": "0.35", "alpha": 0.6, "linewidths": 0}
            style |= {"label": "y", "zorder": 1.5} | (scatter_kw or {})
            self.points_ = ax.scatter(self.x_true, self.y_true, **style)
        self._fill(color, fill_kw or {})
        self._draw_lines(color, line_kw or {})
        ax.set(xlabel=self.x_label, ylabel=self.y_label)
        ax.grid(alpha=0.25)
        ax.legend(fontsize="small")
        return self

    def _fill(self, color, given):
        bands, self.fills_ = self.bands, []
        shades = np.linspace(LIGHTEST, DARKEST, len(bands)) if len(bands) > 1 else [0.3]
        for k, ((low, high), alpha) in enumerate(zip(bands, shades)):
            ends = self.quantiles[:, _places(self.levels, [low, high])].T
            label = f"{low:g} to {high:g}"
            if self.held is not None:
                label += f": holds {self.held[k]:.0%} of y"
            style = {"color": color, "alpha": alpha, "linewidth": 0, "label": label}
            self.fills_.append(self.ax_.fill_between(self.x, *ends, **style | given))

    def _draw_lines(self, color, given):
        """What is no end of a band: the median, and levels by themselves."""
        ends, self.lines_ = np.ravel(self.bands), []
        for level, quantile in zip(self.levels, self.quantiles.T):
            if level in ends:
                continue
            is_median = abs(level - 0.5) < SAME
            label = "median" if is_median else f"{level:g}"
            if self.below is not None and not is_median:
                share = self.below[_places(self.levels, [level])[0]]
                label += f": above {share:.0%} of y"
            style = {"color": color, "linewidth": 1.8, "label": label}
            style |= {"linestyle": "-" if is_median else "--"}
            self.lines_ += self.ax_.plot(self.x, quantile, **style | given)


def bands_of(levels):
    """The pairs of levels that are as far from 0 and 1, the widest first."""
    low = [float(q) for q in levels if q < 0.5]
    pairs = [(q, float(levels[_places(levels, [1.0 - q])[0]])) for q in low]
    return [(q, p) for q, p in pairs if abs(q + p - 1.0) < SAME]


def _places(levels, wanted):
    return [int(np.argmin(np.abs(np.asarray(levels) - level))) for level in wanted]


def _middle(quantiles, levels):
    """The median of each row, or the mean of its quantiles."""
    place = _places(levels, [0.5])[0]
    if abs(levels[place] - 0.5) < SAME:
        return quantiles[:, place]
    return quantiles.mean(axis=1)


def _shares(y, quantiles, levels, weight):
    """The shares of targets below each quantile, and within each band."""
    below = np.average(y[:, None] <= quantiles, axis=0, weights=weight)
    held = []
    for band in bands_of(levels):
        low, high = quantiles[:, _places(levels, band)].T
        held.append(np.average((low <= y) & (y <= high), weights=weight))
    return {"below": below, "held": np.array(held)}


# ----------------------------------------------------------------------- predictions
def _quantiles_of(estimator, X, levels, offset=None):
    """Increasing levels, and the quantiles that a model predicts of rows."""
    model, rows = behind(estimator, X, "predict_quantile")
    if model is None:
        raise ValueError(
            f"BandsDisplay cannot draw {type(estimator).__name__}, which predicts no "
            "quantiles. Fit LinearRegressor with Quantiles([0.05, 0.5, 0.95]) or a "
            "distribution such as GaussianDistribution(), or use from_predictions."
        )
    if levels is None:
        levels = getattr(getattr(model, "loss_", None), "levels", LEVELS)
    wanted = np.unique(levels_of(levels))
    found = np.asarray(model.predict_quantile(rows, wanted, offset=offset))
    return wanted, found.astype(np.float64)


def _column_of(X, feature):
    """The values of a feature, its name and its place."""
    if sparse.issparse(X):
        raise ValueError(
            "BandsDisplay draws over a feature of dense rows. Use feature=None, or "
            "X.toarray()."
        )
    names = [str(name) for name in X.columns] if hasattr(X, "columns") else None
    n_features = np.shape(X)[1]
    if isinstance(feature, str):
        if names is None or feature not in names:
            known = f"X has {', '.join(names)}" if names else "X has no names"
            raise ValueError(f"There is no feature {feature!r}: {known}.")
        place = names.index(feature)
    elif not -n_features <= feature < n_features:
        raise ValueError(f"There is no feature {feature}: X has {n_features} columns.")
    else:
        place = feature % n_features
    column = X.iloc[:, place] if names else np.asarray(X)[:, place]
    name = names[place] if names else f"feature {place}"
    return np.asarray(column, dtype=np.float64), name, place


def _grid(X, place, at):
    """Rows of which one feature varies, and each other one is the usual."""
    if not hasattr(X, "columns"):
        usual = np.median(np.asarray(X, dtype=np.float64), axis=0)
        rows = np.tile(usual, (len(at), 1))
        rows[:, place] = at
        return rows
    rows = X.iloc[np.zeros(len(at), dtype=int)].reset_index(drop=True)
    for k, name in enumerate(X.columns):
        column = X.iloc[:, k]
        is_number = column.dtype.kind in "iuf"
        usual = column.median() if is_number else column.mode().iloc[0]
        rows[name] = at if k == place else usual
    return rows
