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

import re
from functools import lru_cache, partial
from numbers import Real

import numpy as np
from scipy.optimize import brentq, minimize, minimize_scalar
from sklearn.base import BaseEstimator, clone

from sklearn_losses._machine._params import Interval, check_parameters
from sklearn_losses.losses._builtin import builtin
from sklearn_losses.losses._links import IdentityLink

REAL_LINE = Interval(None, None, "neither")

ORDINARY = 1e-100, 1e100  # the sizes of the largest of many weights

_NUMPY_NUMBER = re.compile(r"np\.(?:float|u?int)\d+\(([^()]*)\)")

# With fewer targets, that they are read twice costs next to nothing.
_MANY_TARGETS = 1 << 14


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

    Notes
    -----
    Traits are those of valid parameters, which are checked when the loss is evaluated.

    A loss of another package derives from `PointLoss` or `RowLoss`, overrides
    `compiled`, and declares in `_constraints`, a dict of the parameters' names, what
    each may be: a list of `Interval` and the like, of which one has to allow it. It may
    override ``_optimal_constant(y_true, sample_weight)``, ``_minimum(y_true)`` and, as
    a loss of rows, ``_conjugate(y_true, dual)`` where it has formulas for them; their
    arguments have been checked.
    """

    name = None
    task = "regression"
    granularity = "point"
    domain = REAL_LINE
    link = IdentityLink()
    probabilistic = False
    proper = False
    convex = True
    differentiable = True
    piecewise_linear = False
    lipschitz = np.inf
    smoothness = np.inf
    symmetric = True
    bounded = False

    _constraints = {}

    @property
    def __name__(self):
        return type(self).__name__  # scikit-learn shows the name of a scorer's function

    # ------------------------------------------------------------ for kernels
    def compiled(self):
        """The C functions of this loss with its parameters as they are now.

        Returns
        -------
        CLoss

        Raises
        ------
        InvalidParameterError
            If a parameter has a value that it may not have.
        """
        _refuse_other_parameters(type(self))
        check_parameters(self, self._constraints)
        return builtin(self.name, tuple(map(float, self._c_parameters())))

    def _c_parameters(self):
        """The numbers that the C functions read, in their order."""
        return (getattr(self, name) for name in self._constraints)

    # ---------------------------------------------------------- for the user
    def value(self, y_true, raw_prediction, sample_weight=None, out=None):
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

    def gradient(self, y_true, raw_prediction, sample_weight=None, out=None):
        """The derivative of each sample's loss by its raw prediction.

        At a kink it is a subgradient. Parameters and errors are those of `value`;
        the result has the shape of `raw_prediction`.
        """
        return self._evaluate(y_true, raw_prediction, sample_weight, gradient=out)

    def curvature(self, y_true, raw_prediction, sample_weight=None, out=None):
        """The second derivative of each sample's loss by its raw prediction.

        In a loss of rows it is the diagonal of the Hessian. At a kink or a jump of
        the gradient it is the derivative of one side. Parameters and errors are those
        of `value`; the result has the shape of `raw_prediction`.
        """
        return self._evaluate(y_true, raw_prediction, sample_weight, curvature=out)

    def conjugate(self, y_true, dual):
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
        raise NotImplementedError

    @property
    def has_conjugate(self):
        """Whether `conjugate` is defined: convex, and in a loss of rows a formula."""
        return self.convex

    def minimum(self, y_true):
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

    def value_gradient(self, y_true, raw_prediction, sample_weight=None, out=None):
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

    def mean(self, y_true, raw_prediction, sample_weight=None):
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
            sample_weight = _mean_weight(sample_weight, value)
            # A sample of weight 0 is no sample, even if its loss is infinite.
            seen = sample_weight != 0
            value, sample_weight = value[seen], sample_weight[seen]
        return float(np.average(value, weights=sample_weight))

    def __call__(self, y_true, raw_prediction, sample_weight=None):
        """The weighted mean of the loss; see `mean`."""
        return self.mean(y_true, raw_prediction, sample_weight)

    def inverse_link(self, raw_prediction):
        """Predictions on the scale of y; probabilities in a probabilistic loss.

        Parameters
        ----------
        raw_prediction : array-like of shape (n_samples,) or (n_samples, n_classes)

        Returns
        -------
        ndarray of the same shape
        """
        return self.link.inverse(raw_prediction)

    def optimal_constant(self, y_true, sample_weight=None):
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
        return self._optimal_constant(y_true, _mean_weight(sample_weight, y_true))

    def check_targets(self, y_true, name="y_true"):
        """Refuse targets outside the domain.

        Parameters
        ----------
        y_true : ndarray of float
        name : str, default="y_true"
            What the error message calls it.

        Raises
        ------
        ValueError
            It names the first bad target and its index.
        """
        y_true = np.asarray(y_true)
        if not self.domain.contains_all(y_true):
            bad = ~self.domain.contains(y_true)
            raise self._domain_error(y_true, bad, name, self.domain.wanted())

    # ------------------------------------------------------------ for fitting
    @property
    def needs_scale(self):
        """Whether a scale is "mad", here or in a loss that this one is made of."""
        return any(loss.needs_scale for loss in self._nested().values())

    def at_scale(self, sigma):
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
        nested = {k: loss.at_scale(sigma) for k, loss in self._nested().items()}
        return clone(self).set_params(**nested)

    def _nested(self):
        """The parameters that are losses."""
        if not any(isinstance(held, Loss) for held in vars(self).values()):
            return {}  # most have none, and get_params reads the signature
        parameters = self.get_params(deep=False)
        return {k: v for k, v in parameters.items() if isinstance(v, Loss)}

    def convex_relative(self):
        """A convex loss whose minimum is a good place to begin from.

        Returns
        -------
        Loss or None
            None for a convex loss, and where no such relative is known.
        """
        return None

    def __repr__(self, N_CHAR_MAX=700):
        """As scikit-learn's, but numbers of numpy look like those of Python."""
        return _NUMPY_NUMBER.sub(r"\1", super().__repr__(N_CHAR_MAX))

    # --------------------------------------------------------------- algebra
    __array_ufunc__ = None  # array * loss is an error, not an array of losses

    def __mul__(self, weight):
        """weight * loss; see `Scaled`."""
        if not isinstance(weight, Real):
            return NotImplemented
        from sklearn_losses.losses._combine import Scaled

        number = weight.item() if isinstance(weight, np.generic) else weight
        return Scaled(self, number)

    __rmul__ = __mul__

    def __add__(self, other):
        """The sum of two losses, each perhaps with a weight; see `Sum`."""
        if not isinstance(other, Loss):
            return NotImplemented
        from sklearn_losses.losses._combine import Sum, split_weight

        (left, left_weight), (right, right_weight) = map(split_weight, (self, other))
        return Sum(left, right, left_weight, right_weight)

    def __radd__(self, zero):
        """So that ``sum([a, b])``, which begins with 0, is a + b."""
        return self if isinstance(zero, Real) and zero == 0 else NotImplemented

    # --------------------------------------------------------- for subclasses
    def checked(self):
        """The C functions, once it is sure that they are there and are this loss's.

        Raises
        ------
        InvalidParameterError
            If a parameter has a value that it may not have.
        TypeError
            If a function is missing, or a method of Python stands beside functions of C
            that say something else.
        """
        check_parameters(self, self._constraints)  # also of who overrides compiled()
        name, ignored = type(self).__name__, _ignored_method(type(self))
        if ignored is not None:
            raise TypeError(
                f"{name} overrides {ignored}() but not compiled(), which has the C "
                "functions that solvers call. Make a loss of functions of Python with "
                "NumpyLoss(value, gradient), or override compiled()."
            )
        return self.compiled().check(name, self.granularity)

    def _evaluate(self, y_true, raw_prediction, sample_weight, **outputs):
        """Evaluate the outputs that are named, in the order of their names."""
        raise NotImplementedError(
            f"{type(self).__name__} must derive from PointLoss or from RowLoss."
        )

    def _optimal_constant(self, y_true, sample_weight):
        raise NotImplementedError

    def _minimum(self, y_true):
        return np.zeros(y_true.shape[:1])

    def _limits(self, y_true, raw, domain, outputs):
        """The limits that targets are held to block by block, while they are evaluated.

        So many targets come from memory once. None: they are to be checked before, as
        few are, and those of a loss with its own check, or that a result may overwrite.
        """
        has_own_check = type(self).check_targets not in (
            Loss.check_targets,
            RowLoss.check_targets,
        )
        if (
            has_own_check
            or y_true.ndim != 1
            or len(y_true) < _MANY_TARGETS
            or y_true.shape != raw.shape[:1]
            or y_true.dtype not in (np.float32, np.float64)
            or any(
                out is not None and np.may_share_memory(out, array)
                for out in outputs.values()
                for array in (y_true, raw)
            )
        ):
            return None
        return domain.limits()

    def _domain_error(self, y_true, bad, name, wanted):
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        where = f"[{', '.join(map(str, first))}]" if first else ""
        return ValueError(
            f"{type(self).__name__} needs every target {wanted}: {name}{where} is "
            f"{np.asarray(y_true)[first]}."
        )


class PointLoss(Loss):
    """A loss with one raw prediction a sample."""

    def _evaluate(self, y_true, raw_prediction, sample_weight, **outputs):
        functions = self.checked()
        raw, dtype = _raw_array(raw_prediction)
        y = np.asarray(y_true)
        y = y if y.dtype == dtype else y.astype(np.float64)
        raw = raw.astype(dtype, copy=False)
        if y.shape != raw.shape and y.ndim and raw.ndim:
            raise ValueError(_shape_message("y_true", y, raw))
        limits = (
            self._limits(y, raw, self.domain, outputs) if y.dtype == dtype else None
        )
        if limits is None:
            self.check_targets(y)  # as they are: rounding may move them to an end
        y, raw = np.broadcast_arrays(y.astype(dtype, copy=False), raw)
        shape = raw.shape
        weight = _factors(sample_weight, shape)
        if "curvature" in outputs and not functions.has_curvature:
            raise ValueError(f"{type(self).__name__} has no curvature.")
        results = {
            name: _output(out, name, shape, dtype) for name, out in outputs.items()
        }
        are_inside = functions.evaluate_points(
            np.ascontiguousarray(y).ravel(),
            np.ascontiguousarray(raw).ravel(),
            *(
                results[name].reshape(-1) if name in results else None
                for name in ("value", "gradient", "curvature")
            ),
            limits,
        )
        if not are_inside:
            self.check_targets(y)
        return _finish(results, weight, outputs)

    def conjugate(self, y_true, dual):
        functions = self.checked()
        if not self.convex:
            raise ValueError(
                f"{type(self).__name__} has no conjugate, because it is not convex."
            )
        y = np.asarray(y_true, dtype=np.float64)
        dual = np.asarray(dual, dtype=np.float64)
        if y.shape != dual.shape and y.ndim and dual.ndim:
            raise ValueError(_shape_message("y_true", y, dual))
        self.check_targets(y)
        y, dual = np.broadcast_arrays(y, dual)
        result = np.empty(dual.shape)
        functions.evaluate_conjugate(y.ravel(), dual.ravel(), result.reshape(-1))
        return result[()]

    def _optimal_constant(self, y_true, sample_weight):
        """A root of the mean gradient; the best of many if the loss is not convex.

        Which are the best is seen from some of the targets, if there are many.
        """
        if self.convex:
            return self._stationary_constant(y_true, sample_weight)

        def mean(raw, y=y_true, weight=sample_weight):
            return self.mean(y, np.full(len(y), raw), weight)

        def slope(raw, y=y_true, weight=sample_weight):
            return np.dot(weight, self.gradient(y, raw))

        some = dict(zip(("y", "weight"), _representatives(y_true, sample_weight)))
        starts = np.unique(self._starts(some["y"]))
        means = [mean(start, **some) for start in starts]
        intervals = [
            (starts[max(k - 1, 0)], starts[min(k + 1, len(starts) - 1)])
            for k in np.argsort(means, kind="stable")[:16]
        ]
        there = [
            _local_minimum(*ends, partial(mean, **some), partial(slope, **some))
            for ends in intervals
        ]
        if some["y"] is not y_true:
            order = np.argsort([mean(raw, **some) for raw in there], kind="stable")
            there = [_local_minimum(*intervals[k], mean, slope) for k in order[:2]]
        # An end is the place only if it is better than all others, not as good.
        return min([*there, starts[np.argmin(means)], -np.inf, np.inf], key=mean) + 0.0

    def _starts(self, y_true):
        """Raw predictions, one of which is near to the best constant."""
        if self.task == "binary":
            size = np.logspace(-3, 3, 61)
            return np.concatenate([-size, [0.0], size])
        quantiles = np.quantile(y_true, np.linspace(0, 1, min(len(y_true), 256)))
        raw = np.asarray(self.link.link(np.append(quantiles, np.mean(y_true))))
        raw = np.append(raw[np.isfinite(raw)], 0.0)
        beyond = np.logspace(-2, 3, 11)  # the best may lie outside of the targets
        return np.concatenate([raw, raw.min() - beyond, raw.max() + beyond])

    def _stationary_constant(self, y_true, sample_weight):
        """The root of the mean gradient, which grows where the loss is convex.

        Where it is 0 on an interval, the middle of it, or its end if it has but one.
        """
        total = sample_weight.sum()

        def slope(raw):
            return np.dot(sample_weight, self.gradient(y_true, raw)) / total

        low, high = -1.0, 1.0
        while slope(low) >= 0 and low > -1e300:
            low *= 4.0
        while slope(high) <= 0 and high < 1e300:
            high *= 4.0
        falls, rises = slope(low) < 0, slope(high) > 0
        if falls and rises:
            root = float(
                brentq(slope, low, high, xtol=1e-300, rtol=1e-15, maxiter=5000)
            )
            if slope(root) != 0:
                return root
            left = _edge(lambda raw: slope(raw) < 0, low, root)
            right = _edge(lambda raw: slope(raw) <= 0, root, high)
            return 0.5 * (left + right)
        if falls:
            flat = slope(high) == 0
            return _edge(lambda raw: slope(raw) < 0, low, high) if flat else np.inf
        if rises:
            flat = slope(low) == 0
            return _edge(lambda raw: slope(raw) <= 0, low, high) if flat else -np.inf
        return 0.0


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

    softened = None
    task = "multiclass"
    granularity = "row"
    domain = Interval(0, None, "left", integer=True)
    soft_targets = False

    def _evaluate(self, y_true, raw_prediction, sample_weight, **outputs):
        functions = self.checked()
        raw, dtype = _raw_array(raw_prediction)
        if raw.ndim != 2:
            raise ValueError(
                f"raw_prediction must have the shape (n_samples, n_classes) in "
                f"{type(self).__name__}. Got {raw.shape}."
            )
        if raw.shape[1] < 2:
            raise ValueError(
                f"{type(self).__name__} needs raw predictions of at least two classes. "
                f"Got the shape {raw.shape}."
            )
        y = np.asarray(y_true, dtype=np.float64)
        if y.shape not in ((len(raw),), raw.shape):
            raise ValueError(_shape_message("y_true", y, raw))
        labels = Interval(0, raw.shape[1] - 1, "both", integer=True)
        limits = self._limits(y, raw, labels, outputs)
        if limits is None:
            self.check_targets(y, n_classes=raw.shape[1])
        weight = _factors(sample_weight, raw.shape[:1])
        if "curvature" in outputs and not functions.has_curvature:
            raise ValueError(f"{type(self).__name__} has no curvature.")
        shapes = {"value": raw.shape[:1], "gradient": raw.shape, "curvature": raw.shape}
        results = {
            name: _output(out, name, shapes[name], dtype)
            for name, out in outputs.items()
        }
        raw = np.ascontiguousarray(raw, dtype=np.float64)
        work = {  # an input may be overwritten, but only once all is read
            name: result
            if dtype == np.float64
            and not np.may_share_memory(result, raw)
            and not np.may_share_memory(result, y)
            else np.empty(result.shape)
            for name, result in results.items()
        }
        are_inside = functions.evaluate_rows(
            np.ascontiguousarray(y if y.ndim == 2 else y[:, np.newaxis]),
            raw,
            *(work.get(name) for name in ("value", "gradient", "curvature")),
            limits,
        )
        if not are_inside:
            self.check_targets(y, n_classes=raw.shape[1])
        for name, result in results.items():
            if result is not work[name]:
                result[...] = work[name]
        return _finish(results, weight, outputs)

    def conjugate(self, y_true, dual):
        name = type(self).__name__
        self.checked()
        if not self.convex:
            raise ValueError(f"{name} has no conjugate, because it is not convex.")
        dual = np.asarray(dual, dtype=np.float64)
        if dual.ndim != 2 or dual.shape[1] < 2:
            raise ValueError(
                f"dual must have the shape (n_samples, n_classes) in {name}. Got "
                f"{dual.shape}."
            )
        y = np.asarray(y_true, dtype=np.float64)
        if y.shape not in (dual.shape[:1], dual.shape):
            raise ValueError(_shape_message("y_true", y, dual))
        self.check_targets(y, n_classes=dual.shape[1])
        return self._conjugate(y, dual)

    @property
    def has_conjugate(self):
        return self.convex and type(self)._conjugate is not RowLoss._conjugate

    def _conjugate(self, y_true, dual):
        raise ValueError(
            f"{type(self).__name__} has no conjugate, because there is no formula for "
            "it. Override _conjugate(y_true, dual)."
        )

    def _distribution(self, y_true, n_classes):
        """The probabilities that labels stand for, one-hot rows; or those given."""
        if y_true.ndim == 2:
            return y_true
        return np.eye(n_classes)[y_true.astype(np.intp)]

    def check_targets(self, y_true, name="y_true", n_classes=None):
        y_true = np.asarray(y_true)
        if y_true.ndim == 2 and not self.soft_targets:
            raise ValueError(
                f"{type(self).__name__} needs a class index for each sample: {name} of "
                f"shape {y_true.shape} has more."
            )
        if y_true.ndim < 2:
            last = None if n_classes is None else n_classes - 1
            labels = Interval(0, last, "both" if n_classes else "left", integer=True)
            if labels.contains_all(y_true):
                return
            bad = ~labels.contains(y_true)
            wanted = "a class index " + (f"in 0..{last}" if n_classes else "0, 1, ...")
        else:
            positive = (y_true >= 0).all(axis=1)
            bad = ~(positive & (np.abs(y_true.sum(axis=1) - 1) < 1e-6))
            wanted = "a row of probabilities that are >= 0 and sum to 1"
        if np.any(bad):
            raise self._domain_error(y_true, bad, name, wanted)

    def _optimal_constant(self, y_true, sample_weight):
        """The best centred minimum of the mean loss, from several starts if need be.

        They are 0, the logarithms of the class frequencies, and one class ahead.
        """
        frequency = class_frequencies(y_true, sample_weight)
        weight = sample_weight / sample_weight.sum()

        def objective(raw):
            rows = np.tile(raw, (len(y_true), 1))
            value, gradient = self.value_gradient(y_true, rows, weight)
            return value.sum(), gradient.sum(axis=0)

        options = {"maxiter": 10_000, "ftol": 0.0, "gtol": 1e-12}
        starts = [np.zeros(len(frequency))]
        if not self.convex:
            starts += [np.log(frequency + 1e-3), *5.0 * np.eye(len(frequency))]
        found = [
            minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
            for start in starts
        ]
        best = min(found, key=lambda result: result.fun).x
        return best - best.mean()


class PointOrRowLoss(Loss):
    """A loss of points or of rows, as its `granularity` says."""

    def _base(self):
        return PointLoss if self.granularity == "point" else RowLoss

    def _evaluate(self, *args, **outputs):
        return self._base()._evaluate(self, *args, **outputs)

    def conjugate(self, y_true, dual):
        return self._base().conjugate(self, y_true, dual)

    def _optimal_constant(self, y_true, sample_weight):
        return self._base()._optimal_constant(self, y_true, sample_weight)

    @property
    def has_conjugate(self):
        return self.convex and self.granularity == "point"

    _conjugate = RowLoss._conjugate
    _stationary_constant = PointLoss._stationary_constant
    _starts = PointLoss._starts


def class_frequencies(y_true, sample_weight):
    """The share of each class in labels, or in rows of probabilities.

    Parameters
    ----------
    y_true : ndarray of float of shape (n_samples,) or (n_samples, n_classes)
    sample_weight : ndarray of float of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_classes,)
        The classes are those up to the largest label, seen or not.
    """
    if y_true.ndim == 2:
        return np.average(y_true, axis=0, weights=sample_weight)
    counts = np.bincount(y_true.astype(np.intp), weights=sample_weight)
    return counts / counts.sum()


@lru_cache(maxsize=256)
def _ignored_method(cls):
    """A method that a class overrides more recently than the C functions, or None."""

    def depth(name):
        return next(i for i, base in enumerate(cls.__mro__) if name in vars(base))

    methods = ("value", "gradient", "curvature")
    return next((name for name in methods if depth(name) < depth("compiled")), None)


@lru_cache(maxsize=256)
def _refuse_other_parameters(cls):
    """The functions of a built-in loss read its own parameters, in its order."""
    for base in cls.__mro__:
        if base.__dict__.get("name") is not None:
            return
        if "_constraints" in base.__dict__:
            raise TypeError(
                f"{base.__name__} has parameters of its own, and the functions of "
                f"{cls.name!r}, which do not know them. Override compiled()."
            )


def _representatives(y_true, sample_weight, n=2048):
    """n targets of equal weight, distributed as all are; these, if they are no more."""
    if len(y_true) <= n:
        return y_true, sample_weight
    order = np.argsort(y_true, kind="stable")
    cumulated = np.cumsum(sample_weight[order])
    levels = (np.arange(n) + 0.5) / n * cumulated[-1]
    return y_true[order][np.searchsorted(cumulated, levels)], np.ones(n)


def _local_minimum(low, high, mean, slope):
    """A local minimum of a mean loss, as exact as the root of its slope is."""
    if not low < high:
        return float(low)
    options = {"xatol": 1e-7 * (high - low)}
    near = minimize_scalar(
        mean, bounds=(low, high), method="bounded", options=options
    ).x
    reach = 1e-4 * (high - low)
    low, high = near - reach, near + reach
    if not slope(low) < 0 < slope(high):
        return float(near)
    return float(brentq(slope, low, high, xtol=1e-300, rtol=1e-15, maxiter=5000))


def _shape_message(name, array, reference):
    return (
        f"{name} of shape {np.shape(array)} does not fit raw predictions or targets of "
        f"shape {np.shape(reference)}."
    )


def _output(out, name, shape, dtype):
    if out is None:
        return np.empty(shape, dtype=dtype)
    if not (
        isinstance(out, np.ndarray)
        and out.shape == shape
        and out.dtype == dtype
        and out.flags.c_contiguous
        and out.flags.writeable
    ):
        got = (
            f"{type(out).__name__}"
            if not isinstance(out, np.ndarray)
            else f"shape {out.shape}, dtype {out.dtype}"
        )
        raise ValueError(
            f"out for the {name} must be a writeable C-contiguous array of shape "
            f"{shape} and dtype {np.dtype(dtype)}. Got {got}."
        )
    return out


def _raw_array(raw_prediction):
    """Raw predictions as an array, and the dtype of what is computed from them."""
    raw = np.asarray(raw_prediction)
    if raw.dtype.kind not in "biuf":
        raise ValueError(
            f"raw_prediction must be real numbers. Got the dtype {raw.dtype}."
        )
    return raw, np.float32 if raw.dtype == np.float32 else np.float64


def _factors(sample_weight, shape):
    """Sample weights that multiply results, or None."""
    if sample_weight is None:
        return None
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape not in ((), shape):
        raise ValueError(_shape_message("sample_weight", weight, np.empty(shape)))
    return np.broadcast_to(weight, shape)


def _mean_weight(sample_weight, reference):
    """Sample weights of which a mean can be taken."""
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != np.shape(reference)[:1]:
        raise ValueError(_shape_message("sample_weight", weight, reference))
    weight = moderate_weight(weight)
    if not (weight.min() >= 0 and 0 < weight.sum() < np.inf):
        raise ValueError(
            "sample_weight must be >= 0 and have a positive and finite sum."
        )
    return weight


def moderate_weight(weight):
    """Weights in the same ratios, whose sums and products neither over- nor underflow.

    They are multiplied by a power of 2, which rounds nothing but what is negligible.

    Parameters
    ----------
    weight : ndarray of float64 of shape (n_samples,)

    Returns
    -------
    ndarray of float64 of shape (n_samples,)
        The weights themselves if the largest is of an ordinary size.
    """
    largest = weight.max(initial=0.0)
    if ORDINARY[0] < largest < ORDINARY[1] or not 0.0 < largest < np.inf:
        return weight
    return np.ldexp(weight, -np.frexp(largest)[1])


def _edge(is_left, low, high):
    """The end of the stretch, from `low` on, where `is_left` holds."""
    while low < (middle := low + 0.5 * (high - low)) < high:
        low, high = (middle, high) if is_left(middle) else (low, middle)
    return high


def _finish(results, weight, outputs):
    """Weight the results and hand them out as asked: one array, or a tuple."""
    if weight is not None:
        for result in results.values():
            factor = weight.reshape(weight.shape + (1,) * (result.ndim - weight.ndim))
            # Weight 0 gives 0, also where the loss is infinite.
            np.multiply(result, factor, out=result, where=factor != 0)
            result[weight == 0] = 0.0
    found = tuple(
        result if outputs[name] is not None else result[()]
        for name, result in results.items()
    )
    return found if len(found) > 1 else found[0]
