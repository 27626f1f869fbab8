"""Losses of several raw outputs, each with a predictor of its own.

The first output is the location; each further one is a parameter of the loss that is
fitted beside it, because its value is "mle" (maximum likelihood). A parameter that is a
number is none, and what is fitted is published as numbers again:

>>> from sklearn_losses.losses import GaussianDistribution
>>> loss = GaussianDistribution()
>>> loss.outputs, GaussianDistribution(scale=2.0).outputs
(('location', 'scale'), ('location',))
>>> loss.with_numbers([[0.5, 0.0]])
GaussianDistribution(scale=1.0)
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from sklearn_losses._machine._params import Interval, Options, check_parameters
from sklearn_losses._machine._typing import Array, ArrayLike
from sklearn_losses.losses._arguments import domain_error, real_array, require_shape
from sklearn_losses.losses._base import Loss
from sklearn_losses.losses._likelihoods import likelihood
from sklearn_losses.losses._links import IdentityLink, LogLink
from sklearn_losses.losses._table import CLoss

MLE = "mle"
FITTED = [Interval(0, None, "neither"), Options(MLE)]
LEAST = 1e-3  # of a scale at the start, in units of the size of y


def samples(y):
    """How many, in words."""
    return f"{len(y)} sample{'s' * (len(y) > 1)}"


class Likelihood(Loss):
    """Minus a log-likelihood, of a location and of parameters that may be fitted.

    Attributes
    ----------
    formula : str
        The name of the C function of all outputs.
    parameters : dict of str to Link
        What follows the location, and how it is read from its raw output.
    least : dict of str to float
        What is fitted below is published as 0.
    begins : dict of str to float
        The least raw output that one with features begins with: below they hardly
        matter.
    absent : dict of str to float
        Where one with features is kept while the others are fitted first.
    takes_features : tuple of str
        Which of them may have a predictor, and need not be one number for all rows.
    starts_at_best : bool
        Whether `start` is the best that constants can do.
    usual_target : float
        One to look at the loss with.
    y_size : int
        How many numbers the C function takes for a target.
    bends_rows_up : bool
        Whether Hessians are those of rows without their directions of negative
        curvature: not exact, and cheap to go down along far from a minimum.
    is_in_locations : bool
        Whether the first raw output is a location, to which an offset is added.
    """

    formula = None
    parameters = {}
    least = {}
    begins = {}
    absent = {}
    takes_features = ()
    starts_at_best = False
    usual_target = 1.0
    y_size = 1
    bends_rows_up = False
    is_in_locations = True
    symmetric = False

    @property
    def outputs(self) -> Any:
        """The names of the outputs that are not numbers."""
        fitted = (name for name in self.parameters if getattr(self, name) == MLE)
        return ("location", *fitted)

    @property
    def is_distribution(self) -> bool:
        """Whether it is minus the log of a density."""
        return type(self).frozen is not Likelihood.frozen

    @property
    def granularity(self) -> str:
        return "point" if len(self.outputs) == self.y_size == 1 else "row"

    def for_steps(self) -> Any:
        """A loss of the same model, whose raw outputs may be any numbers."""
        return self

    def compiled(self) -> CLoss:
        check_parameters(self, self._constraints)
        is_point = self.granularity == "point"
        return likelihood(self.formula, self._own(), self._fixed(), as_points=is_point)

    def _own(self):
        """What the formula knows."""
        return ()

    def _fixed(self):
        """The raw outputs that are numbers, None of the others."""
        given = ((link, getattr(self, name)) for name, link in self.parameters.items())
        return [None, *(None if v == MLE else float(link.link(v)) for link, v in given)]

    # ----------------------------------------------------------------- arguments
    def check_targets(
        self, y_true: ArrayLike, name: str = "y_true", n_classes: int | None = None
    ) -> None:
        y_true = np.asarray(y_true)
        if not self.domain.contains_all(y_true):
            raise domain_error(self, y_true, name)

    def columns(self, y: Any) -> Any:
        """Targets as the C function takes them, of shape (n_samples, y_size)."""
        return np.ascontiguousarray(y, dtype=np.float64).reshape(-1, self.y_size)

    def _row_arrays(self, y_true, raw_prediction):
        """Targets, raw predictions and their dtype, for kernels."""
        raw, dtype = real_array(raw_prediction)
        n = len(self.outputs)
        raw = raw[:, None] if raw.ndim == n == 1 else raw
        if raw.ndim != 2 or raw.shape[1] != n:
            names = ", ".join(self.outputs)
            raise ValueError(
                f"raw_prediction must have the shape (n_samples, {n}) in "
                f"{type(self).__name__}, a column for each of {names}. Got "
                f"{raw.shape}."
            )
        y = np.asarray(y_true, dtype=np.float64)
        require_shape("y_true", y, raw.shape, *self._target_shapes(len(raw)))
        self.check_targets(y)
        return self.columns(y), np.ascontiguousarray(raw, dtype=np.float64), dtype, None

    def _target_shapes(self, n):
        return [(n,) if self.y_size == 1 else (n, self.y_size)]

    def rows_of(self, y_true: float, n: int) -> Any:
        """Targets of n rows that are one number."""
        return np.full(n, y_true)

    def usual_raw(self) -> Array:
        """Raw outputs beside which that of the location is looked at."""
        return np.zeros(len(self.outputs))

    def examples(self, rng: np.random.Generator, n: int) -> Any:
        """Targets and raw outputs that are valid, of moderate sizes.

        Parameters
        ----------
        rng : numpy Generator
        n : int

        Returns
        -------
        y : ndarray of shape (n,) or (n, y_size)
        raw : ndarray of shape (n, n_outputs)
        """
        raw = np.round(rng.normal(size=(n, len(self.outputs))), 3)
        y = np.round(3.0 * rng.normal(size=n), 2)
        if self.domain.low >= 0:
            y = np.exp(np.round(rng.normal(size=n), 2))
        return (np.floor(y) if self.domain.integer else y), raw

    def raw_of(self, values: Any, n: int) -> Any:
        """Raw outputs of a location and parameters: the inverse of `values_of`.

        Parameters
        ----------
        values : dict of str to ndarray of shape (n_samples,) or float
        n : int
            The number of samples.
        """
        links = self.parameters
        rest = [np.full(n, links[k].link(values[k])) for k in self.outputs[1:]]
        return np.column_stack([values["location"], *rest])

    # ------------------------------------------------------------- what is fitted
    def first(self) -> Any:
        """A loss of points whose best location is a good one to begin with, or None."""
        return None

    def rivals(self, start: Array) -> list[Array]:
        """Other raw outputs to begin with, of a loss that may have several optima.

        Parameters
        ----------
        start : ndarray of shape (n_outputs,)
        """
        return []

    def check_fit(self, y: Any, weight: Any) -> None:
        """Refuse targets that leave the fitted parameters without a best value.

        Parameters
        ----------
        y : ndarray of shape (n_samples, y_size)
            As `columns` makes them.
        weight : ndarray of shape (n_samples,)
            Without zeros.

        Raises
        ------
        ValueError
        """
        if "scale" in self.outputs and (y == y[0]).all():
            raise ValueError(
                f"{self!r} cannot fit a scale to y, which is "
                f"{y[0, 0]:.6g} in every row, of {samples(y)}: the likelihood grows "
                "without end as the scale falls to 0. Give it a number: scale=1.0."
            )

    def start(self, y: Any, weight: Any) -> Array:
        """Raw outputs, all constant, to begin a fit with.

        Parameters
        ----------
        y : ndarray of shape (n_samples, y_size)
            As `columns` makes them.
        weight : ndarray of shape (n_samples,)
            Without zeros.
        """
        whole = self._start(y, weight)
        free = [number is None for number in self._fixed()]
        return np.array([raw for raw, is_free in zip(whole, free) if is_free])

    def beginnings(self) -> Any:
        """What `begins` and `absent` say, for each output.

        Returns
        -------
        low, kept : ndarray of shape (n_outputs,)
            -inf and nan where they say nothing.
        """
        low = [self.begins.get(name, -np.inf) for name in self.outputs]
        return np.array(low), np.array(
            [self.absent.get(k, np.nan) for k in self.outputs]
        )

    def values_of(self, raw: Array) -> dict[str, Any]:
        """The location and the parameters of raw outputs.

        Parameters
        ----------
        raw : array-like of shape (n_samples, n_outputs)

        Returns
        -------
        dict of str to ndarray of shape (n_samples,)
        """
        columns = dict(zip(self.outputs, np.asarray(raw, dtype=np.float64).T))
        values = {"location": columns["location"]}
        for name, link in self.parameters.items():
            own = getattr(self, name)
            values[name] = link.inverse(columns[name]) if name in columns else own
        return values

    def widths_of(self, raw: Array) -> Any:
        return self.values_of(raw)["scale"] if "scale" in self.outputs else None

    def with_numbers(self, raw: Array) -> Any:
        """This loss with the numbers of one row of raw outputs for what is fitted."""
        values = self.values_of(np.asarray(raw)[:1])
        fitted = {name: float(values[name][0]) for name in self.outputs[1:]}
        small = [k for k in fitted if fitted[k] < self.least.get(k, -np.inf)]
        return self.with_parameters(**fitted | dict.fromkeys(small, 0.0))

    def natural(self, coef: Array, intercept: Array) -> Any:
        """Coefficients of the location, where the other outputs are constant."""
        return coef[0], intercept[:1]

    def _optimal_constant(self, y_true, sample_weight):
        here = sample_weight > 0
        y, weight = self.columns(y_true)[here], sample_weight[here]
        found = best_outputs(self.checked(), y, weight, self.start(y, weight))
        return found if self.granularity == "row" else float(found[0])

    def unit_of(self, raw: Array) -> float:
        """The unit of locations, in which kinks are smoothed, near raw outputs."""
        return 1.0

    def unit_of_targets(self, y: Array) -> float:
        """The unit in which kinks are smoothed, if no parameter is fitted.

        Parameters
        ----------
        y : ndarray of shape (n_samples, y_size)
            Targets that were observed.
        """
        return 1.0 if self.parameters else spread_of(self, y[:, 0])

    def minimum_of(self, y: Array, weight: Array) -> float:
        """The least value that all rows together could have, -inf if it is not known.

        Parameters
        ----------
        y : ndarray of shape (n_samples, y_size)
        weight : ndarray of shape (n_samples,)
        """
        here = weight > 0
        with np.errstate(invalid="ignore"):
            return float(weight[here] @ self._minimum(y[here, 0]))

    def conjugates(self, y: Array, slopes: Array) -> Array | None:
        """The conjugate of each row at slopes that the loss has, None if unknown.

        Only a loss with kinks is asked: the slopes are those of its smoothed form.

        Parameters
        ----------
        y : ndarray of shape (n_samples, y_size)
        slopes : ndarray of shape (n_samples, n_outputs)
        """
        return None

    def _minimum(self, y_true):
        """That of the likeliest location; of a scale that may shrink it is -inf."""
        n = len(np.atleast_1d(y_true))
        return np.full(n, -np.inf)

    # ------------------------------------------------------------- predictions
    def inverse_link(self, raw_prediction: ArrayLike) -> Array:
        """Predictions on the scale of y, of all outputs, or of locations alone.

        Of locations where the other outputs are numbers, or where they do not matter.
        """
        raw = np.asarray(raw_prediction)
        if raw.ndim == 2:
            return self.predicted(**self.values_of(raw))
        numbers = {name: getattr(self, name) for name in self.parameters}
        return self.predicted(location=raw, **numbers)

    def frozen(self, **values: Any) -> Any:
        """The distribution of y, as one of scipy.stats.

        Parameters
        ----------
        **values : ndarray
            As of `values_of`.
        """
        raise NotImplementedError

    def predicted(self, **values: Any) -> Any:
        """What is predicted of such a distribution."""
        return self.link.inverse(values["location"])


def finite_start(loss, y, weight):
    """`start`, or something finite where few rows have none, as counts of 0."""
    with np.errstate(all="ignore"):
        start = np.asarray(loss.start(y, weight), dtype=np.float64)
    return np.nan_to_num(start, nan=0.0, posinf=30.0, neginf=-30.0)


def unit_of_targets(loss: Loss, y: Array) -> float:
    """The unit in which kinks of any loss are smoothed, of targets that are no nan."""
    own = getattr(loss, "unit_of_targets", None)
    return spread_of(loss, y) if own is None else own(y.reshape(len(y), -1))


def spread_of(loss: Loss, y: Array) -> float:
    """The mean distance of numbers from their median, 1 of what is predicted by a link.

    Outputs that are no numbers have no unit.
    """
    if loss.task != "regression" or not isinstance(loss.link, IdentityLink):
        return 1.0
    y = y[np.isfinite(y)]
    return (float(np.abs(y - np.median(y)).mean()) if len(y) else 0.0) or 1.0


def best_outputs(functions, y, weight, start, max_iter=1000):
    """The constant outputs with the least loss: Newton's method from a start.

    Where the Hessian has a direction of no or negative curvature, its size counts. Far
    off, on an exponential, a step is one of about 1, hence so many.
    """
    evaluate = partial(_sums, functions, y, weight)
    at, (value, gradient, hessian) = start, evaluate(start)
    for _ in range(max_iter):
        step = newton_step(gradient, hessian)
        if 0.0 <= -(gradient @ step) <= 1e-13 * (abs(value) + weight.sum()):
            return at + step  # of which values know nothing
        t, found = 1.0, evaluate(at + step)
        while not found[0] <= value and t > 1e-10:
            t *= 0.25
            found = evaluate(at + t * step)
        if not found[0] < value:
            return at
        gain, value = value - found[0], found[0]
        at, gradient, hessian = at + t * step, *found[1:]
        if gain <= 1e-14 * (abs(value) + weight.sum()):
            return at
    return at


def newton_step(gradient, hessian):
    """-H^-1 g, with the absolute values of eigenvalues, and none that is tiny."""
    if not np.isfinite(hessian).all():
        return np.zeros(len(gradient))
    scale = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-300))
    values, vectors = np.linalg.eigh(hessian / np.outer(scale, scale))
    values = np.maximum(np.abs(values), 1e-10 * np.abs(values).max(initial=1e-300))
    with np.errstate(all="ignore"):  # where nothing bends the step is not finite
        return -(vectors @ (vectors.T @ (gradient / scale) / values)) / scale


def _sums(functions, y, weight, at):
    raw, size = np.tile(at, (len(y), 1)), len(at)
    values, slopes = np.empty(len(y)), np.empty(raw.shape)
    if hasattr(functions, "evaluate_jets") and size > 1:
        packed, lower = (
            np.empty((size * (size + 1) // 2, len(y))),
            np.tril_indices(size),
        )
        functions.evaluate_jets(y, raw, weight, values, slopes, packed)
        hessian = np.empty((size, size))
        hessian[lower] = hessian.T[lower] = packed.sum(axis=1)
        return values.sum(), slopes.sum(axis=0), hessian
    hessians = np.empty((*raw.shape, raw.shape[1]))
    with np.errstate(all="ignore"):
        if functions.has_hessian:
            functions.evaluate_rows(y, raw, values, slopes, None)
            functions.evaluate_hessians(y, raw, hessians)
        else:
            columns = y.ravel(), raw.ravel(), values, slopes.ravel(), hessians.ravel()
            functions.evaluate_points(*columns)
            slopes, hessians = columns[3][:, None], columns[4][:, None, None]
        value = weight @ values
    return value, weight @ slopes, np.tensordot(weight, hessians, 1)


class Distribution(Likelihood):
    """A distribution of y with a location and a scale."""

    parameters = {"scale": LogLink()}
    takes_features = ("scale", "df")
    _constraints = {"scale": FITTED}
    kind = None

    def __init__(self, scale: float | str = MLE) -> None:
        self.scale = scale

    @property
    def convex(self) -> bool:
        return self.scale != MLE

    def _start(self, y, weight):
        return start_of_location(y[:, 0], weight)

    def _minimum(self, y_true):
        if self.granularity == "row":
            return super()._minimum(y_true)
        return self.value(y_true, self._best(y_true))

    def _best(self, y_true):
        return y_true


def start_of_location(y, weight):
    """Mean and log of the standard deviation."""
    mean = np.average(y, weights=weight)
    deviation = np.sqrt(np.average((y - mean) ** 2, weights=weight))
    size = LEAST * np.abs(y).max(initial=0.0) or 1.0
    return mean, np.log(deviation if deviation > 0 else size)
