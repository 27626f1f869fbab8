"""What a loss is: parameters, traits, a link, a domain, and functions of numpy arrays.

A loss is a scikit-learn parameter holder, so it can be cloned, pickled, printed and
searched over, and it evaluates itself on arrays in compiled code:

>>> import numpy as np
>>> from sklearn_losses.losses import Huber
>>> loss = Huber(delta=1.0)
>>> loss.value([0.0, 0.0], [0.5, 3.0])
array([0.125, 2.5  ])
>>> loss.gradient(0.0, np.array([0.5, 3.0]))
array([0.5, 1. ])
>>> loss.mean([0.0, 0.0], [0.5, 3.0], sample_weight=[3, 1])
0.71875

Conventions: predictions are *raw* (before the inverse link), values are not reduced,
and the derivatives are those with respect to the raw prediction.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from sklearn_losses._machine._params import Interval, check_parameters
from sklearn_losses._machine._typing import Array, ArrayLike, BaseEstimator
from sklearn_losses.losses._arguments import (
    check_classes,
    domain_error,
    weights_of_mean,
)
from sklearn_losses.losses._best_constant import best_constant
from sklearn_losses.losses._builtin import builtin
from sklearn_losses.losses._callbacks import callback_loss
from sklearn_losses.losses._evaluate import conjugate, evaluate
from sklearn_losses.losses._links import IdentityLink, Link, LogitLink
from sklearn_losses.losses._table import CLoss

# What losses of a residual estimate that are neither quite a mean nor a median.
BETWEEN = "centre, between median and mean"
MOST_VALUES = "centre of most values, a mode"
OTHERS = {
    "ranking": "order within a group",
    "survival": "hazard ratio",
    "boxes": "box",
    "multilabel": "order of labels",
}

PACKAGE = __name__.partition(".")[0] + "."
NO_FORMULAS = (None,) * 4
REAL_LINE = Interval(None, None, "neither")

# For each task, what makes of a loss the convex one that a fit begins from. The module
# of that one adds it.
CONVEX_RELATIVES = {}

# How a loss scores an estimator, which the module of scorers adds.
AS_SCORER = {}

_NUMPY_NUMBER = re.compile(r"np\.(?:float|u?int)\d+\(([^()]*)\)")


class Loss(BaseEstimator):
    """Base of all losses.

    A subclass says in class attributes, or in properties where a parameter decides,
    what the loss is.

    Attributes
    ----------
    name : str
        The string that stands for the loss, as in ``SGDRegressor(loss="huber")``.
    task : {"regression", "binary", "multiclass"}
        What y is: a number, 0 or 1, or a class 0..K-1.
    granularity : {"point", "row"}
        Whether a sample has one raw prediction or one for each class.
    domain : Interval
        The values that y may have.
    link : Link
        The map between raw predictions and predictions on the scale of y.
    probabilistic : bool
        Whether the inverse link gives probabilities of the classes.
    proper : bool
        Whether they are the true ones: whether inverse_link of the raw prediction with
        the least expected loss is the distribution of y. False if not `probabilistic`.
    convex : bool
        Whether the loss is convex in the raw prediction.
    differentiable : bool
        Whether the gradient is continuous in the raw prediction.
    piecewise_linear : bool
        Whether the curvature is 0 wherever it exists.
    lipschitz : float
        The supremum of the gradient's norm, over raw predictions and the domain.
    smoothness : float
        The Lipschitz constant of the gradient: the supremum of abs(curvature) (of the
        norm of the Hessian in a loss of rows), inf where the gradient jumps. Where
        losses are combined, it and `lipschitz` are upper bounds.
    symmetric : bool
        Regression: whether the loss depends on abs(raw_prediction - y_true) alone.
        Classification: whether it treats all classes alike.
    bounded : bool
        Whether the loss stays below some bound for all raw predictions.
    estimates : str
        Of what about y its predictions are estimates, as those that have the least
        expected loss: "mean", "median", "0.9-quantile", "log-odds", "class" ...

    Notes
    -----
    Traits are those of valid parameters, which are checked when the loss is evaluated.

    A loss of one's own derives from `PointLoss` or `RowLoss`, and declares in
    `_constraints`, a dict of the parameters' names, what each may be: a list of
    `Interval` and the like, of which one has to allow it. Its formulas are the methods
    ``_value(y_true, raw_prediction)`` and ``_gradient(y_true, raw_prediction)`` and,
    for solvers of second order, ``_curvature`` or, of a loss of rows, ``_hessian``:
    functions of numpy arrays, as `NumpyLoss` takes them. Or it overrides `compiled`,
    which returns functions of C. It may override ``_minimum(y_true)``, which is 0
    otherwise, ``_optimal_constant(y_true, sample_weight)`` and, as a loss of rows,
    ``_conjugate(y_true, dual)`` where it has formulas for them; their arguments have
    been checked. :func:`register_loss` gives it a name.
    """

    name: str | None = None
    task: str = "regression"
    granularity: str = "point"
    domain: Interval = REAL_LINE
    link: Link = IdentityLink()
    probabilistic: bool = False
    proper: bool = False
    convex: bool = True
    differentiable: bool = True
    piecewise_linear: bool = False
    lipschitz: float = np.inf
    smoothness: float = np.inf
    symmetric: bool = True
    bounded: bool = False
    # Names of outputs with predictors of their own: see `_outputs`.
    outputs: tuple[str, ...] = ()
    # Whether `frozen` is the distribution of y.
    is_distribution = False

    _constraints: dict[str, list[Any]] = {}

    # The formulas of a loss that is written in numpy, as methods.
    _value: Any = None
    _gradient: Any = None
    _curvature: Any = None
    _hessian: Any = None

    @property
    def estimates(self) -> str:
        if len(self.outputs) > 1 and self.task not in ("ordinal", "boxes"):
            return "distribution"
        if self.task in OTHERS:
            return OTHERS[self.task]
        if self.task != "regression":
            likely = "log-odds" if isinstance(self.link, LogitLink) else "probability"
            return likely if self.proper else "class"
        if not self.symmetric:
            return "its own minimum"
        return BETWEEN if self.convex else MOST_VALUES

    @property
    def __name__(self) -> str:
        return type(self).__name__  # scikit-learn shows the name of a scorer's function

    def to_fit(self) -> Loss:
        """What an estimator fits that fits parameters: itself, or a likelihood."""
        return self

    def with_parameters(self, **numbers: Any) -> Any:
        """This loss with other parameters."""
        return clone(self).set_params(**numbers)

    def widths_of(self, raw: Array) -> Any:
        """How wide the distribution of each row is, in units of its own.

        A likelihood grows without end as these fall to 0, where it fits perfectly.

        Parameters
        ----------
        raw : ndarray of shape (n_samples, n_outputs)

        Returns
        -------
        ndarray of shape (n_samples,), or None
            None where no such width is fitted.
        """
        return None

    # ------------------------------------------------------------ for kernels
    def compiled(self) -> CLoss:
        """The C functions of this loss with its parameters as they are now.

        Returns
        -------
        CLoss

        Raises
        ------
        InvalidParameterError
            If a parameter has a value that it may not have.
        """
        formulas = self._formulas()
        name = None if formulas else _name_of_functions(type(self))
        check_parameters(self, self._constraints)
        if formulas:
            return callback_loss(type(self).__name__, self.granularity, formulas, {})
        return builtin(name, tuple(map(float, self._c_parameters())))

    def _formulas(self):
        """The formulas in numpy; an empty tuple if there are none."""
        formulas = self._value, self._gradient, self._curvature, self._hessian
        if formulas == NO_FORMULAS:
            return ()
        if self._value is None or self._gradient is None:
            missing = "_value" if self._value is None else "_gradient"
            raise TypeError(
                f"{type(self).__name__} has formulas, but none called {missing}: write "
                f"{missing}(self, y_true, raw_prediction), too."
            )
        return formulas

    def _c_parameters(self):
        """The numbers that the C functions read, in their order."""
        return (getattr(self, name) for name in self._constraints)

    # ---------------------------------------------------------- for the user
    def value(
        self,
        y_true: ArrayLike,
        raw_prediction: ArrayLike,
        sample_weight: ArrayLike | None = None,
        out: Array | None = None,
    ) -> Array:
        """The loss of each sample, not reduced.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or scalar
            Targets, in `domain`. A loss of rows also takes probabilities of shape
            (n_samples, n_classes).
        raw_prediction : array-like of shape (n_samples,) or (n_samples, n_classes)
            Raw predictions, before the inverse link. float32 gives a float32 result,
            everything else float64.
        sample_weight : array-like of shape (n_samples,), default=None
            Factors of the result; None means 1.
        out : ndarray of shape (n_samples,), default=None
            Where to write the result: C-contiguous and of the result's dtype.

        Returns
        -------
        ndarray of shape (n_samples,), or a scalar if both inputs are
            The values; `out` where given.

        Raises
        ------
        ValueError
            If shapes do not fit, or a target lies outside the domain.
        """
        return self._evaluate(y_true, raw_prediction, sample_weight, value=out)

    def gradient(
        self,
        y_true: ArrayLike,
        raw_prediction: ArrayLike,
        sample_weight: ArrayLike | None = None,
        out: Array | None = None,
    ) -> Array:
        """The derivative of each sample's loss by its raw prediction.

        At a kink it is a subgradient. Parameters and errors are those of `value`;
        the result has the shape of `raw_prediction`.
        """
        return self._evaluate(y_true, raw_prediction, sample_weight, gradient=out)

    def curvature(
        self,
        y_true: ArrayLike,
        raw_prediction: ArrayLike,
        sample_weight: ArrayLike | None = None,
        out: Array | None = None,
    ) -> Array:
        """The second derivative of each sample's loss by its raw prediction.

        In a loss of rows it is the diagonal of the Hessian. At a kink or a jump of
        the gradient it is the derivative of one side. Parameters and errors are those
        of `value`; the result has the shape of `raw_prediction`.
        """
        return self._evaluate(y_true, raw_prediction, sample_weight, curvature=out)

    def hessian(
        self,
        y_true: ArrayLike,
        raw_prediction: ArrayLike,
        sample_weight: ArrayLike | None = None,
        out: Array | None = None,
    ) -> Array:
        """The second derivatives of each sample's loss by its raw predictions.

        For losses of rows; that of a loss of points is the `curvature`. Where the
        gradient or the curvature jumps they are those of one side. Parameters and
        errors are those of `value`; the result has the shape
        (n_samples, n_classes, n_classes), of symmetric matrices with the `curvature` as
        diagonal. A ValueError says if the loss has none or is one of points.
        """
        return self._evaluate(y_true, raw_prediction, sample_weight, hessian=out)

    def conjugate(self, y_true: ArrayLike, dual: ArrayLike) -> Array:
        """The convex conjugate, sup over p of dual * p - loss(y_true, p).

        By the Fenchel-Young inequality loss(y, p) + conjugate(y, dual) >= dual * p,
        with equality where dual is a gradient at p: duality gaps are sums of such
        differences.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or scalar
            Targets, in `domain`. A loss of rows also takes probabilities, if it does
            in `value`.
        dual : array-like of shape (n_samples,) or (n_samples, n_classes), or scalar
            Slopes by the raw prediction. In a loss of rows those of a sample sum to 0;
            where they do not, up to rounding, the supremum is inf.

        Returns
        -------
        ndarray of float64 of shape (n_samples,), or a scalar if both inputs are
            inf where the supremum is.

        Raises
        ------
        ValueError
            If the loss is not convex or is one of rows without a formula for it,
            shapes do not fit, or a target lies outside the domain.

        References
        ----------
        Rockafellar 1970, "Convex analysis", section 12.
        """
        return conjugate(self, y_true, dual)

    @property
    def has_conjugate(self) -> bool:
        """Whether `conjugate` is defined: convex, and in a loss of rows a formula."""
        has_formula = type(self)._conjugate is not Loss._conjugate
        return self.convex and (has_formula or self.granularity == "point")

    def minimum(self, y_true: ArrayLike) -> Array:
        """The infimum of each sample's loss over all raw predictions.

        Most losses have 0; Poisson and its kin leave out terms in y alone, so that it
        depends on y.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Targets, in `domain`.

        Returns
        -------
        ndarray of float64 of shape (n_samples,)

        Raises
        ------
        ValueError
            If a target lies outside the domain.
        """
        check_parameters(self, self._constraints)
        y = np.asarray(y_true, dtype=np.float64)
        self.check_targets(y)
        return self._minimum(y)

    def value_gradient(
        self,
        y_true: ArrayLike,
        raw_prediction: ArrayLike,
        sample_weight: ArrayLike | None = None,
        out: tuple[Array, Array] | None = None,
    ) -> tuple[Array, Array]:
        """`value` and `gradient` in one pass over the data.

        `out` is a pair of arrays; the other parameters and errors are those of
        `value`.

        Returns
        -------
        tuple of ndarray
            The values and the gradients.
        """
        if out is not None and not (isinstance(out, tuple) and len(out) == 2):
            raise ValueError(
                "out for value_gradient must be a tuple of two arrays. Got "
                f"{type(out).__name__}."
            )
        value, gradient = (None, None) if out is None else out
        if value is not None and np.may_share_memory(value, gradient):
            raise ValueError("out for the value and the gradient share memory.")
        return self._evaluate(
            y_true, raw_prediction, sample_weight, value=value, gradient=gradient
        )

    def mean(
        self,
        y_true: ArrayLike,
        raw_prediction: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """The weighted mean of the loss, sum(weight * value) / sum(weight).

        Parameters
        ----------
        y_true, raw_prediction, sample_weight
            As in `value`.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            As in `value`, and if there is no sample, or the weights don't have a
            positive sum.
        """
        value = np.atleast_1d(self.value(y_true, raw_prediction)).astype(np.float64)
        if value.size == 0:
            raise ValueError("The mean of a loss needs at least one sample.")
        if sample_weight is not None:
            sample_weight = weights_of_mean(sample_weight, value)
            # A sample of weight 0 is no sample, even if its loss is infinite.
            seen = sample_weight != 0
            value, sample_weight = value[seen], sample_weight[seen]
        return float(np.average(value, weights=sample_weight))

    def __call__(
        self,
        y_true: ArrayLike,
        raw_prediction: ArrayLike,
        *args: Any,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """The weighted mean of the loss; see `mean`.

        Where scikit-learn calls it as a scorer, with an estimator, X and y, it is
        ``loss_scorer(loss)``: minus the mean loss of the estimator.
        """
        if hasattr(y_true, "predict") or hasattr(y_true, "decision_function"):
            scorer = AS_SCORER["loss_scorer"](self)
            given = y_true, raw_prediction, *args
            return float(scorer(*given, sample_weight=sample_weight))
        weight = args[0] if args else sample_weight
        return self.mean(y_true, raw_prediction, weight)

    def _accept_sample_weight(self) -> bool:
        # As a scorer: scikit-learn 1.9 asks this of each of a dict.
        return True

    @property
    def _score_func(self) -> Any:
        raise AttributeError(
            f"{self} scores raw predictions or probabilities, which no threshold of "
            "labels changes. Use a metric of labels, such as 'balanced_accuracy'."
        )

    def inverse_link(self, raw_prediction: ArrayLike) -> Array:
        """Predictions on the scale of y; probabilities in a probabilistic loss.

        Parameters
        ----------
        raw_prediction : array-like of shape (n_samples,) or (n_samples, n_classes)

        Returns
        -------
        ndarray of the same shape
        """
        return self.link.inverse(raw_prediction)

    def optimal_constant(
        self, y_true: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float | Array:
        """The raw prediction that, made for every sample, has the least mean loss.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Targets, in `domain`.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights with a positive sum; None means 1.

        Returns
        -------
        float, or ndarray of shape (n_classes,) in a loss of rows
            The classes are those up to the largest in y_true, seen or not. inf or
            -inf where the mean loss falls without end in that direction, as that of
            LogLoss does when all targets are 1.

        Raises
        ------
        ValueError
            If y_true is empty or outside the domain, or the weights don't fit.
        """
        check_parameters(self, self._constraints)
        y_true = np.asarray(y_true, dtype=np.float64)
        self.check_targets(y_true)
        if y_true.ndim == 0 or len(y_true) == 0:
            raise ValueError(
                "The optimal constant needs y_true of shape (n_samples,) with at least "
                f"one sample. Got shape {y_true.shape}."
            )
        if sample_weight is None:
            return self._optimal_constant(y_true, np.ones(len(y_true)))
        return self._optimal_constant(y_true, weights_of_mean(sample_weight, y_true))

    def check_targets(
        self, y_true: ArrayLike, name: str = "y_true", n_classes: int | None = None
    ) -> None:
        """Refuse targets outside the domain.

        Parameters
        ----------
        y_true : ndarray of float
        name : str, default="y_true"
            What the error message calls it.
        n_classes : int, default=None
            Of a loss of rows, if it is known.

        Raises
        ------
        ValueError
            It names the first bad target and its index.
        """
        y_true = np.asarray(y_true)
        if self.granularity == "row":
            check_classes(self, y_true, name, n_classes)
        elif not self.domain.contains_all(y_true):
            raise domain_error(self, y_true, name)

    # ------------------------------------------------------------ for fitting
    @property
    def needs_scale(self) -> bool:
        """Whether a scale is "mad", here or in a loss that this one is made of."""
        inner = self._inner_losses()  # nearly always none
        return bool(inner) and any(loss.needs_scale for loss in inner.values())

    @property
    def needs_link(self) -> bool:
        """Whether its link is learned by a fit; see `LearnedLink`."""
        return False

    def at_scale(self, sigma: float) -> Loss:
        """This loss for residuals of a known scale.

        Parameters
        ----------
        sigma : float
            Of the residuals, in units of y, as a standard deviation.

        Returns
        -------
        Loss
            A copy in which each scale "mad" is sigma times its default, also in the
            losses that it is made of; the loss itself if there is none.
        """
        if not self.needs_scale:
            return self
        nested = {k: loss.at_scale(sigma) for k, loss in self._inner_losses().items()}
        return clone(self).set_params(**nested)

    def _inner_losses(self):
        """The parameters that are losses."""
        for held in vars(self).values():
            if isinstance(held, Loss):  # few are, and get_params reads the signature
                parameters = self.get_params(deep=False)
                return {k: v for k, v in parameters.items() if isinstance(v, Loss)}
        return {}

    def convex_relative(self) -> Loss | None:
        """A convex loss whose minimum is a good place to begin from.

        Returns
        -------
        Loss or None
            None for a convex loss, and where no such relative is known.
        """
        return None

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        """As scikit-learn's, but numbers of numpy look like those of Python."""
        return _NUMPY_NUMBER.sub(r"\1", super().__repr__(N_CHAR_MAX))

    # --------------------------------------------------------------- algebra
    # `_combine` adds the operators, since a sum of losses derives from this class.
    __array_ufunc__ = None  # array * loss is an error, not an array of losses
    if TYPE_CHECKING:

        def __mul__(self, weight: float) -> Loss: ...
        def __rmul__(self, weight: float) -> Loss: ...
        def __add__(self, other: Loss) -> Loss: ...
        def __radd__(self, zero: int) -> Loss: ...

    def split_weight(self) -> tuple[Loss, float]:
        """The loss and the factor that this one is the product of.

        Returns
        -------
        Loss, float
            The loss itself and 1.0, unless it is a `Scaled`.
        """
        return self, 1.0

    # --------------------------------------------------------- for subclasses
    def checked(self) -> CLoss:
        """The C functions, once it is sure that they are there and are this loss's.

        Raises
        ------
        InvalidParameterError
            If a parameter has a value that it may not have.
        TypeError
            If a function is missing, or a method of Python stands beside functions of C
            that say something else.
        """
        if type(self).compiled is not Loss.compiled:  # which checks them
            check_parameters(self, self._constraints)
        name, ignored = type(self).__name__, _ignored_method(type(self))
        if ignored is not None:
            raise TypeError(
                f"{name} overrides {ignored}() but not compiled(), which has the C "
                f"functions that solvers call. Call a formula in numpy _{ignored}, use "
                "NumpyLoss(value, gradient) for functions, or override compiled()."
            )
        functions = self.compiled()
        if self._formulas() and not functions.calls_python:
            raise TypeError(
                f"{name} has formulas in numpy, which its compiled() does not call. "
                "Leave out the one or the other."
            )
        return functions.check(name, self.granularity)

    @property
    def _has_own_check(self):
        """Whether `check_targets` may refuse more than the domain does."""
        return type(self).check_targets is not Loss.check_targets

    _evaluate = evaluate
    _optimal_constant = best_constant

    def _minimum(self, y_true: Array) -> Array:
        return np.zeros(y_true.shape[:1])

    def _conjugate(self, y_true: Array, dual: Array) -> Array:
        raise ValueError(
            f"{type(self).__name__} has no conjugate, because there is no formula for "
            "it. Override _conjugate(y_true, dual)."
        )


class PointLoss(Loss):
    """A loss with one raw prediction a sample."""


class RowLoss(Loss):
    """A loss with one raw prediction for each class.

    Attributes
    ----------
    soft_targets : bool
        Whether y may also be probabilities of the classes, of shape
        (n_samples, n_classes).
    softened : RowLoss or None
        With kinks: a differentiable loss f of which h f(y, (p + 1 - onehot(y)) / h)
        tends to this loss as h > 0 falls to 0.
    """

    softened: RowLoss | None = None
    task = "multiclass"
    granularity = "row"
    domain = Interval(0, None, "left", integer=True)
    soft_targets: bool = False

    def _distribution(self, y_true, n_classes):
        """The probabilities that labels stand for, one-hot rows; or those given."""
        if y_true.ndim == 2:
            return y_true
        return np.eye(n_classes)[y_true.astype(np.intp)]


def usual_relative(loss: Loss) -> Loss | None:
    """The convex relative of a loss that is like all others of its task."""
    return None if loss.convex else CONVEX_RELATIVES[loss.task](loss)


@lru_cache(maxsize=256)
def _ignored_method(cls):
    """A method that a class overrides more recently than the C functions, or None."""

    def depth(name):
        return next(i for i, base in enumerate(cls.__mro__) if name in vars(base))

    methods = ("value", "gradient", "curvature", "hessian")
    return next((name for name in methods if depth(name) < depth("compiled")), None)


@lru_cache(maxsize=256)
def _name_of_functions(cls):
    """The built-in loss whose functions a class has; they read its own parameters."""
    others = [base for base in cls.__mro__ if not base.__module__.startswith(PACKAGE)]
    built_in = next(base for base in cls.__mro__ if base not in others)
    if built_in.name is None:
        raise NotImplementedError(
            f"{cls.__name__} has no formulas. Write _value(self, y_true, "
            "raw_prediction) and _gradient(self, y_true, raw_prediction) in numpy, or "
            "override compiled(), which returns functions of C."
        )
    for base in others:
        if "_constraints" in vars(base):
            raise TypeError(
                f"{base.__name__} has parameters of its own, and the functions of "
                f"{built_in.name!r}, which do not know them. Write _value and "
                "_gradient, or override compiled()."
            )
    return built_in.name
