"""What is odd about coefficients that a solver has found.

What is looked for after a fit costs nothing where it cannot be: a pass over the rows is
made only for a link that can overflow, for classes without a penalty, and for a
regression by a schedule of SGD with the default alpha.
"""

import math
from functools import cached_property, lru_cache

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_losses.estimators._endless import endless_direction, is_apart
from sklearn_losses.estimators._held_back import holds_back
from sklearn_losses.estimators._validation import warn_caller
from sklearn_losses.losses._best_constant import is_least_at_0
from sklearn_losses.losses._links import IdentityLink, Log1pLink
from sklearn_losses.solvers.descent._newton import best_constants

DEFAULT_ALPHA = 1e-4
ROUNDING = 1e-12  # of entries of X times deviations of y
FEW = 500  # rows, or twice as many, that are looked at for rounding ...
MUCH_LOST = 0.01  # ... which may cost so much of the gain
FEWEST_ROWS = 10  # of a call of a stream, of which most is more than chance
# Of the gain over the best constant is much for a penalty; in classification, where
# nearly separate classes make large coefficients, for one of X in too small a unit.
LARGE_SHARE, LARGE_OF_CLASSES = 0.1, 0.5
ALL = slice(None)
ALL_APART = "the classes of all rows"
FAR_MARGIN = 100.0  # of a loss of margins, whose unit is 1
UNITS = 1e-150, 1e150  # of y, whose squares are numbers
AT_LIMIT, FAR = 0.9, 1e100  # of what it costs that far away: a row that hardly counts


class Outcome:
    """Coefficients that a solver has found, and what they were found for.

    Parameters
    ----------
    estimator : estimator with the parameters penalty and alpha
    objective : Objective
    coef : ndarray of shape (n_outputs, n_features)
    intercept : ndarray of shape (n_outputs,)
    gained : ndarray of shape (n_objectives,), default=None
        By how much the objectives are below those of the best constants; None: nobody
        has computed it.
    dtype : dtype, default=float64
        Of the published coefficients.
    train : ndarray of uint32 of shape (n_train,), default=None
        The rows that were learnt from; None: all.
    """

    def __init__(
        self,
        estimator,
        objective,
        coef,
        intercept,
        *,
        gained=None,
        dtype=float,
        train=None,
    ):
        self.estimator, self.objective = estimator, objective
        self.name, self.loss = type(estimator).__name__, objective.loss
        self.coef, self.intercept = coef, intercept
        self.dtype, self.train = np.dtype(dtype), train
        self._gained = gained
        self.largest = _largest(self.dtype)

    def warn(self, *, separation=True, converged=True, settled=True):
        """Warn of all that is odd about a fit of single raw predictions.

        Parameters
        ----------
        separation : bool, default=True
            Whether to look for planes that separate classes; a certified fit knows.
        converged : bool, default=True
            Whether the coefficients are the optimum, about.
        settled : bool, default=True
            Whether nobody has said yet that there is no minimum.
        """
        is_known = self._gained is not None or self.loss.task == "regression"
        with np.errstate(all="ignore"):  # what overflows is no reason to say more
            apart = self.separation() if separation else None
            found = (
                (self.strong_penalty(converged and is_known), UserWarning),
                (apart, ConvergenceWarning),
                (self.endless() if settled and not apart else None, ConvergenceWarning),
                (self.overflow(), UserWarning),
                (self.out_of_reach(), UserWarning),
                (self.no_model() if converged else None, UserWarning),
                (self.units(converged), UserWarning),
                (self.rounding(), UserWarning),
            )
        _warn_of(found)

    def warn_of_outputs(self, converged, *, settled=True, of=None):
        """Warn of a fit of several outputs that alpha decides, or that has no end.

        Parameters
        ----------
        converged, settled : bool
            As of `warn`, whose other questions are of one raw prediction.
        of : str, default=None
            The task that the objective is of.
        """
        with np.errstate(all="ignore"):
            found = (
                (self.strong_penalty(converged), UserWarning),
                (self.endless() if settled else None, ConvergenceWarning),
            )
        _warn_of(found, "" if of is None else f"The task {of!r}: ")

    def warn_of_call(self):
        """Warn that rows of a call of a stream do not count: most, or by units."""
        if self.loss.granularity != "point":
            return
        is_one_of_many = self.objective.rows.n_rows >= FEWEST_ROWS
        with np.errstate(all="ignore"):
            messages = self.units(), self.out_of_reach() if is_one_of_many else None
        for message in filter(None, messages):
            warn_caller(message.replace("this fit", "these rows"))

    @cached_property
    def raw(self):
        """Raw predictions of all rows."""
        return self.objective.raw(self.coef, self.intercept)

    # ------------------------------------------------------ a default that is wrong
    def strong_penalty(self, converged=True):
        """That the default alpha, and not the rows, decides what a fit is."""
        price = self.objective.penalty
        if self.estimator.alpha != DEFAULT_ALPHA or price.is_nothing:
            return None
        has_constants = self._has_constants()
        what = self._of_the_gain() if has_constants else None
        is_regression = self.loss.task == "regression"
        if what is None and is_regression and self._leaves_nothing():
            what = (
                f"leaves no coefficient in this fit of {self.loss!r}: its l1 norm "
                "outweighs all slopes of the loss. Small units of y or X do that."
            )
        elif what is None and converged and not (has_constants and self._gained_much()):
            what = self._held_back()
        if what is None:
            return None
        y = ", and y by TransformedTargetRegressor(transformer=StandardScaler())"
        scaled = f"X{y}" if is_regression else "X"
        return (
            f"The penalty of alpha={DEFAULT_ALPHA:g} (the default) {what} Use a "
            f"smaller alpha, standardize {scaled}, or search over alpha."
        )

    @property
    def _units(self):
        if self.loss.task in ("regression", "boxes"):
            return "Large units of y do that, and small ones of X."
        return "Small units of X do that."

    @property
    def _share(self):
        return LARGE_SHARE if self.loss.task == "regression" else LARGE_OF_CLASSES

    def _has_constants(self):
        """Whether it is known, or can be, what was gained over the best constant."""
        is_known = self.loss.task == "regression" or self._gained is not None
        return is_known and not self.loss.outputs

    def _of_the_gain(self):
        penalty = self.objective.penalty.total(self.coef)
        if not 0.0 < penalty < math.inf:
            return None
        gained = sum(self.gained.tolist())
        if not 0 < gained < penalty / self._share:
            return None  # or the fit has failed, for other reasons
        return (
            f"decides much of this fit of {self.loss!r}: it is about "
            f"{_one_digit(penalty / gained):.0%} of what {self.name} gained over "
            f"the best constant. {self._units}"
        )

    def _held_back(self):
        """That the loss alone would make coefficients much larger."""
        share, point = self._share, (self.coef, self.intercept)
        if not holds_back(self.objective, *point, share, self.train):
            return None
        return (
            f"decides much of this fit of {self.loss!r}: without it all coefficients "
            f"would be larger by {share / (1.0 - share):.0%} or more. {self._units}"
        )

    def _gained_much(self):
        """Whether what was gained, or lost, is no rounding: it has said it all."""
        if self.objective.blocks is not None or not self.coef.any():
            return self.objective.blocks is not None
        if self._gained is not None:  # which is 0 if it is rounding
            return bool(self._gained.any())
        return bool(abs(self.gained.sum()) > ROUNDING * abs(self._value.sum()))

    def few_rows(self):
        """Some of the rows of the fit."""
        rows = self._rows_that_count()
        return np.ascontiguousarray(rows[:: 1 + len(rows) // FEW])

    def _leaves_nothing(self):
        """Whether an l1 norm keeps coefficients at 0, in spite of the loss's slopes."""
        if self.coef.any() or not self.objective.penalty.selects:
            return False
        restricted = self.objective.restricted(self.train)
        slopes, _ = restricted.gradient(self.coef, self.intercept)
        size = np.abs(self.objective.rows.data).max(initial=0.0)
        y = self.objective.targets.y
        rounding = ROUNDING * size * np.abs(y - y.mean()).mean()
        return bool(np.abs(slopes).max() > rounding > 0)

    @cached_property
    def gained(self):
        if self._gained is not None:
            return self._gained
        best = best_constants(self.objective, self.intercept, self.train)
        return best - self._value

    @cached_property
    def _value(self):
        restricted = self.objective.restricted(self.train)
        return restricted.value(self.coef, self.intercept)

    # ----------------------------------------------------------- no minimum at all
    def separation(self):
        """That a plane separates classes, and a loss falls for ever."""
        is_penalised = not self.objective.penalty.is_nothing
        is_of_groups = self.loss.granularity == "group"
        if self.loss.task == "regression" or is_of_groups or is_penalised:
            return None
        apart = self._separates()
        if apart is None or not self._falls_for_ever():
            return None
        return (
            f"{self.name} separates {apart} by a plane. Without a "
            f"penalty {self.loss!r} then has no minimum, and coefficients grow without "
            "end; these are where the fit was stopped. Use a penalty and alpha > 0."
        )

    def endless(self):
        """That some rows are fitted better and better, and the others do not see it."""
        if not self.objective.penalty.is_nothing:
            return None
        has_shares = self.loss.outputs and self.objective.blocks is None
        if has_shares and is_apart(self.objective, self.coef, self.intercept):
            return (
                f"{self.name} fits every row perfectly, as where a plane separates "
                "successes from failures. Without a penalty its objective then has no "
                "minimum, and coefficients grow without end. Use alpha > 0."
            )
        point = self.coef, self.intercept, self.train
        found = endless_direction(self.objective, *point)
        if found is None:
            return None
        names = getattr(self.estimator, "feature_names_in_", None)
        feature = found[0] if names is None else repr(str(names[found[0]]))
        return (
            f"{self.name} has no minimum of {self.loss!r}: as the coefficient of "
            f"feature {feature} grows, {found[1]} rows are fitted better without end, "
            "and the others do not see it. It is where the fit was stopped, and its "
            "standard error means nothing. Use a penalty and alpha > 0, or leave the "
            "feature out."
        )

    def _falls_for_ever(self):
        if self.loss.granularity == "row":
            n_outputs = self.objective.n_outputs
            y, weight = np.arange(float(n_outputs)), np.eye(n_outputs)[0]
            best = self.loss.optimal_constant(y, weight)
            return not np.isfinite(best).all()
        return bool(self.loss.gradient([1.0], [FAR_MARGIN])[0] < 0.0)

    def _separates(self):
        """What a plane separates, or None."""
        rows = ALL if self.train is None else self.train
        raw, targets = self.raw[rows], self.objective.targets
        if self.objective.is_joint:
            here = _positive(self.objective.sample_weight, rows)
            own = targets.y[rows].astype(np.intp)[:, None]
            others = raw.copy()
            np.put_along_axis(others, own, -np.inf, axis=1)
            margin = np.take_along_axis(raw, own, axis=1)[:, 0] - others.max(axis=1)
            return ALL_APART if margin[here].min(initial=np.inf) > 0 else None
        for k in range(self.objective.n_outputs):
            sides = 2.0 * targets.of_output(k, rows) - 1.0
            here = _positive(self.objective.weight_of(k, rows), ALL)
            if (sides * raw[:, k])[here].min(initial=np.inf) > 0:
                return ALL_APART if self.objective.n_outputs == 1 else self._class(k)
        return None

    def _class(self, k):
        return f"the class {self.estimator.classes_.tolist()[k]!r} from all others"

    # --------------------------------------------------------------- predictions
    def overflow(self):
        """That predictions of the rows of the fit are infinite."""
        if self.loss.task != "regression" or not self._can_overflow():
            return None
        raw = self.raw[:, 0].astype(self.dtype)
        ends = np.array([raw.min(), raw.max()])  # of what a link makes monotone
        if np.isfinite(self.loss.inverse_link(ends)).all():
            return None
        predicted, rows = self.loss.inverse_link(raw), self._rows_that_count()
        bad = rows[~np.isfinite(predicted[rows])]
        if len(bad) == 0:
            return None
        return (
            f"{self.name} predicts {predicted[bad[0]]} for {len(bad)} of the "
            f"{len(rows)} rows that it was given, first for row {bad[0]}, whose raw "
            f"prediction is {raw[bad[0]]:.6g}: that overflows {self.dtype}, the dtype "
            "of X. Divide y by a large number, use X of float64 or, with a schedule, a "
            "smaller eta0."
        )

    def rounding(self):
        """That float32, the dtype of X, is too short for the coefficients.

        As of columns far from 0, whose intercept is large: a few rows show it.
        """
        if self.dtype == np.float64 or self._gained is None:
            return None
        rows = self.few_rows()
        exact = self.coef, self.intercept
        rounded = [array.astype(self.dtype).astype(np.float64) for array in exact]
        lost = self.objective.mean_loss(*rounded, rows)
        lost -= self.objective.mean_loss(*exact, rows)
        share = float(lost.sum() / max(self._gained.sum(), 1e-300))
        if not share > MUCH_LOST:
            return None
        return (
            f"Coefficients of {self.name} have the dtype of X, {self.dtype}, and lose "
            f"{min(share, 10.0):.0%} of what this fit has gained over the best "
            "constant when they are rounded to it. Use X of float64, or centre the "
            "columns of X."
        )

    def units(self, converged=True):
        """That y is in units in which squares are 0, or infinite.

        Where they are infinite most fits say themselves that they did not converge.
        """
        objective, link = self.objective, self.loss.link
        has_units = isinstance(link, (IdentityLink, Log1pLink))
        is_of_points = has_units and not self.loss.outputs
        if self.loss.task != "regression" or not is_of_points:
            return None
        if objective.blocks is not None or objective.offset is not None:
            return None
        y = objective.targets.y
        if UNITS[0] < np.abs(y).max() < UNITS[1]:  # so nearly always
            return None
        rows = self._rows_that_count()
        row = int(rows[np.abs(y[rows]).argmax()])
        largest = abs(float(link.link(y[row])))
        is_small = 0.0 < largest <= UNITS[0]
        if not is_small and not (converged and largest >= UNITS[1]):
            return None
        does, how = ("underflow", "Multiply") if is_small else ("overflow", "Divide")
        return (
            f"The largest target of this fit of {self.loss!r}, that of row {row}, is "
            f"{y[row]:.1g}: squares of such numbers {does} float64, and no "
            f"coefficients are found that mean anything. {how} y by a large number, "
            "and parameters of the loss that are in units of y by the same."
        )

    # ------------------------------------------------------------ rows without pull
    def out_of_reach(self):
        """That most rows are where a bounded loss is flat, and do not count."""
        if self.loss.task != "regression" or self.loss.convex or not self.loss.bounded:
            return None
        rows = ALL if self.train is None else self.train
        y, weight = self.objective.targets.y[rows], self.objective.weight_of(0, rows)
        far = AT_LIMIT * self.loss.value(y, np.full(len(y), FAR))
        is_far = self.loss.value(y, self.raw[rows, 0]) > far
        share = float(np.average(is_far, weights=weight))
        if not share > 0.5:
            return None
        tenths = np.floor(10.0 * share) / 10.0
        return (
            f"At least {tenths:.0%} of the residuals of this fit are out of reach of "
            f"{self.loss!r}: they cost about as much as they ever do, and "
            "have next to no pull on the coefficients. Use "
            f"{_to_reach_further(self.loss)}."
        )

    # ------------------------------------------------------- a constant is the model
    def no_model(self):
        """That the optimum of a classification is a constant, for kinks make it one.

        As for rare classes, or classes that overlap: the loss of the rows of the others
        is at its kink, where slopes balance whatever the features say.
        """
        is_kinked = self.loss.task != "regression" and not self.loss.differentiable
        selects = self.objective.penalty.selects  # how much, somebody has chosen
        if not is_kinked or selects or self.loss.granularity == "group":
            return None
        is_flat = ~self._has_features()
        if not is_flat.any() or is_least_at_0(self.loss):
            return None
        where = f" for {is_flat.sum()} of {len(is_flat)} classes"
        where = "" if is_flat.all() else where
        return (
            f"The best constant is the optimum of the objective of this fit of "
            f"{self.loss!r}{where}: no features are used. Rare classes, or ones that "
            "overlap, do that to a loss with kinks. Use LogLoss() or CrossEntropy(), "
            "class_weight='balanced' or a smaller alpha."
        )

    def _has_features(self):
        """Whether coefficients move raw predictions, of each output or of all."""
        moves = np.abs(self.coef).max(axis=1) > 0
        return np.array([moves.any()]) if self.objective.is_joint else moves

    def _rows_that_count(self):
        """Indices of the rows of the fit whose weight is not 0."""
        rows = np.arange(self.objective.rows.n_rows, dtype=np.uint32)
        rows = rows if self.train is None else self.train
        weight = self.objective.sample_weight
        return rows[_positive(weight, rows)]

    def _can_overflow(self):
        """Whether there are finite raw predictions without finite predictions."""
        if not isinstance(self.loss.link, IdentityLink):
            ends = np.array([-self.largest, self.largest], self.dtype)
            ends = self.loss.inverse_link(ends)
            if not np.isfinite(ends).all():
                return True
        # Or a raw prediction itself may overflow.
        squares = float(np.vdot(self.coef, self.coef)) + float(
            np.vdot(self.intercept, self.intercept)
        )
        return not squares <= math.sqrt(self.largest)


def _to_reach_further(loss):
    """The parameter that decides how far a bounded loss reaches."""
    if "limit" in loss.get_params(deep=False):
        return "a larger limit, in units of the loss"
    if "scale" in loss.get_params(deep=False):
        return "scale='mad' or a larger scale, in units of y"
    for part in loss._inner_losses().values():
        if part.bounded:
            return _to_reach_further(part)
    return "a loss that reaches further"


@lru_cache
def _largest(dtype):
    """The largest number of a type."""
    return float(np.finfo(dtype).max)


def _one_digit(number):
    """Rounded, for a warning that is shown once for many fits."""
    return float(f"{number:.1g}")


def _positive(weight, rows):
    """Which rows have a weight."""
    return ALL if weight is None else weight[rows] > 0


def _warn_of(found, start=""):
    """Warn of what there is of messages and the classes of warnings that they are."""
    for message, category in found:
        if message:
            warn_caller(start + message, category)
