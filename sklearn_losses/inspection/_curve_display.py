"""LossCurveDisplay: how a fit went, drawn, and in words whether to trust its end.

``LossCurveDisplay.from_estimator`` takes the curves of a fitted model and draws them;
``plot`` draws them again, elsewhere.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_losses._machine._typing import Array, NDArray
from sklearn_losses.inspection._display import axes_for

LATE = 5  # the last one in so many epochs are where a curve should be level
STILL = 0.01  # of the whole fall in the last epochs is too much to be level
RISEN = 0.05  # of the whole fall is too much to be noise
SPAN = 100.0  # a positive curve that falls by this factor is drawn on a log scale
WIDTH = 76  # characters of a line of the title
ENOUGH = 3  # epochs after the best one, if that many are late ones
MANY = 4  # so many epochs are named one by one


class LossCurveDisplay:
    """Training and validation loss over the epochs of a fit, and what they say.

    It is recommended to use :meth:`from_estimator`. All parameters are attributes.

    Parameters
    ----------
    training_curve : array-like of shape (n_epochs,)
        What the fit watched on the rows that it learnt from.
    validation_curve : array-like of shape (n_epochs,), default=None
        The loss on validation rows.
    best_epoch : int or array-like of int, default=None
        The index of the epoch whose coefficients were kept; of each class where they
        were kept one by one.
    unit : str, default="epoch"
        What the entries of the curves are.
    name : str, default=None
        What the title says before the verdict, such as the name of the model.
    task_curves : dict of str to array-like of shape (n_epochs,), default=None
        The loss of each of several tasks, as `SGDMultiTask` records it.

    Attributes
    ----------
    verdict : {"levelled off", "still falling", "overfitting", "diverged", "too short"}
        How the fit ended. *Still falling*: in the last fifth of the epochs the
        validation loss, or the training loss without one, fell by more than 1% of its
        whole fall. *Overfitting*: the validation loss rose by more than 5% of its fall
        after its minimum, and the training loss fell on. *Diverged*: the training loss
        ended above where it began, or is not finite. *Too short*: less than three
        epochs tell nothing.
    explanation : str
        What the verdict rests on, in a sentence.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        The training curve and, if there are any, those of validation and of tasks.
    best_ : matplotlib Line2D or None
        The marks at the epochs that were kept.

    See Also
    --------
    LossDisplay : Pictures of losses themselves.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_losses import LossCurveDisplay, SGDRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = SGDRegressor(learning_rate="invscaling", max_iter=20, trace=True)
    >>> display = LossCurveDisplay.from_estimator(model.set_params(tol=None).fit(X, y))
    >>> display.verdict
    'still falling'
    """

    ax_: Any
    figure_: Any
    lines_: list[Any]
    best_: Any

    def __init__(
        self,
        *,
        training_curve: Array,
        validation_curve: Array | None = None,
        best_epoch: int | NDArray[np.intp] | None = None,
        unit: str = "epoch",
        name: str | None = None,
        task_curves: Mapping[str, Array] | None = None,
    ) -> None:
        self.training_curve = training_curve
        self.validation_curve = validation_curve
        self.best_epoch = best_epoch
        self.unit = unit
        self.name = name
        self.task_curves = task_curves

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, ax: Any = None, name: str | None = None, **line_kw: Any
    ) -> Self:
        """Draw the curves of a fitted model.

        The training curve is the `objective_curve_` of a model that was fitted with
        ``trace=True``, else its `loss_curve_`.

        Parameters
        ----------
        estimator : estimator
            A fitted model that has a `loss_curve_`, a pipeline that ends with one, or a
            search whose best estimator is one of these.
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        name : str, default=None
            What the title begins with. None: the class of the model.
        **line_kw : dict
            Passed to matplotlib's ``plot`` for both curves.

        Returns
        -------
        display : LossCurveDisplay

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        ValueError
            If it has no curve; it says why, and what to do.
        """
        model = _final_model(estimator)
        unit = "epoch"
        if getattr(model, "learning_rate", None) == "auto":
            unit = "iteration"
        display = cls(
            training_curve=_training_curve(model),
            validation_curve=getattr(model, "validation_loss_curve_", None),
            best_epoch=getattr(model, "best_epoch_", None),
            unit=unit,
            name=type(model).__name__ if name is None else name,
            task_curves=getattr(model, "task_curves_", None),
        )
        return display.plot(ax, **line_kw)

    @property
    def verdict(self) -> str:
        return self._judged()[0]

    @property
    def explanation(self) -> str:
        return self._judged()[1]

    def plot(self, ax: Any = None, **line_kw: Any) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        **line_kw : dict
            Passed to matplotlib's ``plot`` for both curves.

        Returns
        -------
        display : LossCurveDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = axes_for("LossCurveDisplay", ax, (6.4, 4.2))
        self.ax_, self.figure_ = ax, ax.figure
        curves = {"training": self.training_curve, "validation": self.validation_curve}
        self.lines_ = []
        for label, curve in curves.items():
            if curve is None:
                continue
            marker = "o" if len(curve) == 1 else None
            style = {"linewidth": 1.8, "marker": marker, "label": label} | line_kw
            x = np.arange(1, len(curve) + 1)
            self.lines_ += ax.plot(x, np.asarray(curve, dtype=np.float64), **style)
        self.best_ = self._mark_best()
        for task, curve in (self.task_curves or {}).items():
            x = np.arange(1, len(curve) + 1)
            style = {"linewidth": 1.0, "linestyle": "--", "label": task} | line_kw
            self.lines_ += ax.plot(x, np.asarray(curve, dtype=np.float64), **style)
        self._finish()
        return self

    def _mark_best(self):
        if self.best_epoch is None or self.validation_curve is None:
            return None
        index = np.unique(self.best_epoch)
        height = np.asarray(self.validation_curve, dtype=np.float64)[index]
        for x in index + 1:
            self.ax_.axvline(x, color="0.6", linewidth=0.8, linestyle=":", zorder=0)
        (marks,) = self.ax_.plot(
            index + 1,
            height,
            linestyle="none",
            marker="o",
            markersize=8,
            markerfacecolor="white",
            markeredgewidth=1.8,
            markeredgecolor=self.lines_[-1].get_color(),
            label=f"kept: {_numbered(self.unit, index + 1)}",
        )
        return marks

    def _finish(self):
        """Labels, limits, legend and the verdict in words."""
        from matplotlib.ticker import MaxNLocator

        ax = self.ax_
        ax.set(xlabel=self.unit, ylabel="loss")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.grid(alpha=0.25)
        drawn = np.concatenate([line.get_ydata() for line in self.lines_])
        drawn = drawn[np.isfinite(drawn)]
        if len(drawn) and drawn.min() > 0 and drawn.max() > SPAN * drawn.min():
            ax.set_yscale("log")
        title = self.verdict if self.name is None else f"{self.name}: {self.verdict}"
        why = textwrap.fill(self.explanation, WIDTH)
        ax.set_title(f"{title}\n{why}", fontsize="medium", loc="left")
        ax.legend(fontsize="small")

    # --------------------------------------------------------------------- judgement
    def _judged(self):
        """The verdict and a sentence that explains it."""
        training = np.asarray(self.training_curve, dtype=np.float64)
        n = len(training)
        of_units = f"{n} {self.unit}{'s' if n != 1 else ''}"
        if not np.isfinite(training[-1]) or training[-1] > training[0]:
            return "diverged", (
                f"The training loss is {training[-1]:.3g} at the end, and "
                f"was {training[0]:.3g} in the first {self.unit}."
            )
        if n < 3:
            return "too short", f"{of_units} tell nothing."
        watched, what = training, "training"
        if self.validation_curve is not None:
            watched, what = np.asarray(self.validation_curve, np.float64), "validation"
            rise = _rise(watched, training)
            if rise is not None:
                best = int(np.nanargmin(watched))
                return "overfitting", (
                    f"The validation loss rose by {rise:.3g} after "
                    f"{self.unit} {best + 1}, where it was {watched[best]:.3g}, while "
                    "the training loss fell on."
                )
        share = _late_share(watched)
        if share > STILL:
            return "still falling", (
                f"The last {_late(n)} of {of_units} made {share:.0%} of "
                f"the fall of the {what} loss. Raise max_iter, or the step size."
            )
        return "levelled off", (
            f"The {what} loss is {np.nanmin(watched):.3g} after {of_units}."
        )


def _late(n):
    """How many epochs at the end are looked at."""
    return max(1, n // LATE)


def _late_share(curve):
    """What share of its whole fall a curve has made in its last epochs."""
    late = _late(len(curve))
    before, end = np.nanmin(curve[:-late]), np.nanmin(curve[-late:])
    whole = curve[0] - min(before, end)
    return max(before - end, 0.0) / whole if whole > 0 else 0.0


def _rise(validation, training):
    """How much the validation loss rose after its minimum, while training fell.

    The end is the median of the last epochs, so that one noisy epoch is no rise. None
    if it is too little to speak of.
    """
    best = int(np.nanargmin(validation))
    late = min(_late(len(validation)), len(validation) - 1 - best)
    if late < min(_late(len(validation)), ENOUGH):
        return None
    rise = float(np.median(validation[-late:]) - validation[best])
    # A validation loss that only rises has no fall to compare with.
    fall = validation[0] - validation[best] or abs(validation[best])
    fell_on = np.median(training[-late:]) < training[best]
    return rise if rise > RISEN * fall and fell_on else None


def _numbered(unit, numbers):
    """'epoch 3', 'epochs 3, 5' or 'epochs 3 to 20'."""
    if len(numbers) == 1:
        return f"{unit} {numbers[0]}"
    if len(numbers) <= MANY:
        return f"{unit}s {', '.join(map(str, numbers))} of the classes"
    return f"{unit}s {numbers[0]} to {numbers[-1]} of the classes"


def _final_model(estimator):
    """The model within pipelines and searches."""
    if isinstance(estimator, type):
        raise TypeError(
            "LossCurveDisplay.from_estimator needs a fitted model. Got the class "
            f"{estimator.__name__}."
        )
    check_is_fitted(estimator)
    if hasattr(estimator, "best_estimator_"):
        return _final_model(estimator.best_estimator_)
    if isinstance(estimator, Pipeline):
        return _final_model(estimator[-1])
    return estimator


def _training_curve(model):
    for name in ("objective_curve_", "loss_curve_"):
        curve = getattr(model, name, None)
        if curve is not None and len(curve):
            return curve
    kind = type(model).__name__
    if hasattr(model, "cv_results_"):
        reason = f"{kind} has no best_estimator_. Fit it with refit=True."
    elif hasattr(model, "trace"):
        reason = (
            f"This {kind} has no loss_curve_: partial_fit makes none, and fit does not "
            "compute the loss with tol=None. Fit it with fit, and trace=True or a "
            "tolerance."
        )
    else:
        reason = (
            f"{kind} has no loss_curve_. Pass a model that has one, such as a fitted "
            "SGDRegressor or SGDClassifier."
        )
    raise ValueError(reason)
