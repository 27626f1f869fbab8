"""LossSearchDisplay: pictures of a search.

``LossSearchDisplay.from_estimator(search)`` draws scores against alpha, what each loss
costs by each metric, or what a parameter of a loss does.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_losses.inspection._display import pyplot
from sklearn_losses.model_selection._report import Standings, family_of, short
from sklearn_losses.model_selection._search import LossSearchCV

KINDS = "alphas", "losses", "parameters"


class LossSearchDisplay:
    """Pictures of a fitted search.

    It is recommended to use :meth:`from_estimator`.

    Parameters
    ----------
    search : LossSearchCV
        Fitted.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    LossDisplay : Pictures of losses themselves.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_losses import AbsoluteError, LossSearchDisplay, compare_losses
    >>> X, y = load_diabetes(return_X_y=True)
    >>> losses = ["squared_error", "log_cosh"]
    >>> search = compare_losses(X, y, losses, scoring=AbsoluteError())
    >>> display = LossSearchDisplay.from_estimator(search)
    >>> len(display.axes_[0].get_lines()) >= 2
    True
    """

    axes_: Any
    figure_: Any

    def __init__(self, search: LossSearchCV) -> None:
        self.search = search

    @classmethod
    def from_estimator(
        cls,
        search: LossSearchCV,
        *,
        kind: str = "alphas",
        family: str | None = None,
        axes: Any = None,
    ) -> Self:
        """Draw a search.

        Parameters
        ----------
        search : LossSearchCV
            Fitted.
        kind : {'alphas', 'losses', 'parameters'}, default='alphas'
            - 'alphas': scores against alpha, a line for each loss with a band of one
              standard error. A star marks the best score, and a ring the alpha that the
              rule of one standard error chooses. Where losses have alphas of their own
              these are shares of the largest.
            - 'losses': the best of each family, by each metric, as a difference from
              the first loss in the same fold. Rings mark what is tied with the best.
            - 'parameters': the same differences against a parameter of one family, in
              one picture.
        family : str, default=None
            The class of the losses whose parameter is drawn; None: that of which there
            are most.
        axes : matplotlib Axes or array of them, default=None
            Where to draw: one for each metric, of 'parameters' one. None: a new figure.

        Returns
        -------
        display : LossSearchDisplay
        """
        return cls(search).plot(kind=kind, family=family, axes=axes)

    def plot(
        self, *, kind: str = "alphas", family: str | None = None, axes: Any = None
    ) -> Self:
        """Draw it; see :meth:`from_estimator`.

        Returns
        -------
        display : LossSearchDisplay
        """
        if kind not in KINDS:
            raise ValueError(
                f"kind must be one of {', '.join(map(repr, KINDS))}. Got {kind!r}."
            )
        check_is_fitted(self.search, "cv_results_")
        standings = Standings(self.search)
        n = 1 if kind == "parameters" else len(standings.metrics)
        self.axes_ = _axes(axes, n, kind)
        self.figure_ = self.axes_[0].figure
        if kind == "parameters":
            _parameters(self.axes_[0], standings, family)
            return self
        draw = _alphas if kind == "alphas" else _losses
        for ax, metric in zip(self.axes_, standings.metrics):
            draw(ax, standings, metric)
        return self


def _axes(axes, n, kind):
    plt = pyplot("LossSearchDisplay")
    if axes is None:
        size = {"figsize": (1.2 + 4.4 * n, 4.4), "layout": "constrained"}
        _, axes = plt.subplots(1, n, sharey=kind == "losses", squeeze=False, **size)
    found = np.atleast_1d(np.asarray(axes, dtype=object)).ravel()
    if len(found) != n:
        raise ValueError(f"axes must be {n} matplotlib Axes. Got {len(found)}.")
    return found


def _sign(metric):
    return -1.0 if metric.is_error else 1.0


# ------------------------------------------------------------------------------ alphas
def _alphas(ax, standings, metric):
    """Lines of mean scores, with their standard errors."""
    search, sign = standings.search, _sign(metric)
    groups = search._groups_of_fit
    is_relative = len({tuple(group.alphas) for group in groups}) > 1
    mean, spread = standings.scores[metric.name].mean(axis=1), standings.spread(metric)
    rules, start, best = search.rules_, 0, standings.best(metric)
    shown = _one_of_each_family(groups, standings, best)
    families = list(dict.fromkeys(standings.families))
    for k, group in enumerate(groups):
        here = np.arange(start, start + len(group.alphas))
        start += len(group.alphas)
        if k not in shown:
            continue
        alphas = np.array([alpha or 0.0 for alpha in group.alphas])
        x = alphas / (alphas[0] or 1.0) if is_relative else alphas
        x = np.where(x > 0, x, np.min(x[x > 0], initial=1.0) / 10)
        values = sign * mean[here]
        color = f"C{families.index(family_of(group.loss)) % 10}"
        ax.plot(x, values, "-", marker=".", color=color, label=str(group.loss))
        low, high = values - spread[here], values + spread[here]
        ax.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)
        marks = [("best", "*", 15, True), ("1se", "o", 12, False)]
        for rule, marker, size, is_filled in marks:
            if rules[rule] in here and metric is standings.decisive:
                i = rules[rule]
                face = color if is_filled else "none"
                at = x[i - here[0]], sign * mean[i]
                ax.plot(*at, marker, ms=size, mfc=face, mec="black", zorder=5)
    ax.set_xscale("log")
    ax.set_xlabel(
        "alpha, as a share of the largest of each loss" if is_relative else "alpha"
    )
    ax.set_ylabel(
        f"{metric.title} ({'lower' if metric.is_error else 'higher'} is better)"
    )
    if metric is standings.decisive:
        ax.plot([], [], "*", ms=12, color="0.4", mec="black", label="best")
        ax.plot([], [], "o", ms=9, mfc="none", mec="black", label="one standard error")
    _limit(ax, sign * mean[np.isfinite(mean)], metric)
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8)


def _one_of_each_family(groups, standings, best):
    """The groups with the best candidate of each family, whose lines can be told."""
    ends = np.cumsum([len(group.alphas) for group in groups])
    return {int(np.searchsorted(ends, i, side="right")) for i in best.values()}


def _limit(ax, values, metric):
    """So that a few hopeless alphas do not press all the others together."""
    if len(values) < 4:
        return
    low, high = np.min(values), np.max(values)
    best, middle = (
        (low, np.median(values)) if metric.is_error else (high, np.median(values))
    )
    far = best + 3.0 * (middle - best)
    if metric.is_error and high > far > low:
        ax.set_ylim(low - 0.08 * (far - low), far)
    elif not metric.is_error and low < far < high:
        ax.set_ylim(far, high + 0.08 * (high - far))


# ------------------------------------------------------------------------------ losses
def _change(standings, metric, i, reference):
    """Mean and standard deviation of the differences in the same folds, and their unit.

    Errors are differences in percent.
    """
    scores = standings.scores[metric.name]
    if metric.is_error:
        with np.errstate(divide="ignore", invalid="ignore"):
            change = 100.0 * (scores[i] / scores[reference] - 1.0)
    else:
        change = scores[i] - scores[reference]
    return change.mean(), change.std()


def _axis_title(metric, reference):
    unit = ", %" if metric.is_error else ""
    side = "left" if metric.is_error else "right"
    kind = "error" if metric.is_error else "score"
    return f"{kind} against {reference}\nin the same fold{unit} ({side} is better)"


def _reference(standings):
    """The family that all others are compared with: the first one."""
    return standings.families[0]


def _losses(ax, standings, metric):
    """The best of each family, a row for each."""
    best = standings.best(metric)
    names, reference = list(dict.fromkeys(standings.families)), _reference(standings)
    winner = next(iter(best.values()))
    tied = standings.tied(metric, winner)
    ax.axvline(0, color="0.6", linewidth=1)
    for place, name in enumerate(names):
        i = best[name]
        mean, std = _change(standings, metric, i, best[reference])
        if not np.isfinite(mean):
            continue
        color = f"C{standings.metrics.index(metric)}"
        ax.errorbar(mean, place, xerr=std, fmt="o", capsize=3, color=color)
        if tied[i]:
            ax.plot(mean, place, "o", ms=14, mfc="none", mec="black")
        text = _parameters_of(standings.losses[i])
        offset = dict(xytext=(0, 10), textcoords="offset points", ha="center")
        ax.annotate(text, (mean, place), fontsize=8, **offset)
    ax.set_title(metric.title)
    ax.set_xlabel(_axis_title(metric, reference), fontsize=9)
    ax.margins(x=0.3)
    ax.grid(axis="x", alpha=0.3)
    ax.set_ylim(len(names) - 0.5, -0.5)
    if metric is standings.metrics[0]:
        ax.set_yticks(range(len(names)), names)
        ax.set_ylabel("loss in training")


def _parameters_of(loss):
    """Those that are numbers and not the defaults, in short."""
    defaults = type(loss)().get_params() if _has_defaults(loss) else {}
    found = [
        f"{name}={short(value) if isinstance(value, float) else value}"
        for name, value in loss.get_params(deep=False).items()
        if isinstance(value, (int, float, str)) and value != defaults.get(name)
    ]
    return ", ".join(found)


def _has_defaults(loss):
    try:
        type(loss)()
    except TypeError:
        return False
    return True


# -------------------------------------------------------------------------- parameters
def _parameters(ax, standings, family):
    """What a parameter of a family does to each metric."""
    family, name, at = _searched(standings, family)
    reference = _reference(standings)
    if reference == family:
        others = [f for f in standings.families if f != family]
        reference = others[0] if others else family
    for k, metric in enumerate(standings.metrics):
        best, mean = standings.best(metric), standings.mean(metric)
        each = [max(places, key=lambda i: mean[i]) for places in at.values()]
        change = [_change(standings, metric, i, best[reference]) for i in each]
        middle, std = np.array(change).T
        ax.plot(list(at), middle, "o-", color=f"C{k}", label=metric.title)
        band = middle - std, middle + std
        ax.fill_between(list(at), *band, color=f"C{k}", alpha=0.2, linewidth=0)
    ax.axhline(0, color="0.6", linewidth=1, label=reference)
    if min(at) > 0 and max(at) >= 10 * min(at):
        ax.set_xscale("log", base=2)
        ax.set_xticks(list(at), [f"{value:g}" for value in at])
    ax.set_xlabel(f"{name} of {family}")
    kinds = {metric.is_error for metric in standings.metrics}
    unit = ", %" if kinds == {True} else ""
    ax.set_ylabel(f"difference from {reference} in the same fold{unit}")
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8, title="mean, band: ± std over folds")


def _searched(standings, family):
    """A family, the parameter of it that was searched over, and who has which value."""
    found = {}
    for i, loss in enumerate(standings.losses):
        for name, value in loss.get_params(deep=False).items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                key = standings.families[i], name
                found.setdefault(key, {}).setdefault(float(value), []).append(i)
    found = {key: at for key, at in found.items() if family in (None, key[0])}
    most = max(found, key=lambda key: len(found[key]), default=None)
    if most is None or len(found[most]) < 2:
        what = "no loss" if family is None else repr(family)
        raise ValueError(
            f"kind='parameters' needs a loss with several values of a parameter, and "
            f"{what} of this search has them. Compare [Huber(1), Huber(2)], say."
        )
    return *most, dict(sorted(found[most].items()))
