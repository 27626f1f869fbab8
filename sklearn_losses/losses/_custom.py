"""Losses of the user's own: formulas in numpy, or in C from wherever it comes.

>>> import numpy as np
>>> from sklearn_losses import NumpyLoss
>>> def value(y_true, raw_prediction, delta):
...     return delta**2 * (np.sqrt(1 + ((raw_prediction - y_true) / delta) ** 2) - 1)
>>> def gradient(y_true, raw_prediction, delta):
...     r = raw_prediction - y_true
...     return r / np.sqrt(1 + (r / delta) ** 2)
>>> loss = NumpyLoss(value, gradient, convex=True, delta=1.5)
>>> loss.gradient(0.0, np.array([-1.0, 100.0])).round(3)
array([-0.832,  1.5  ])
>>> loss.set_params(delta=2.0).gradient(0.0, np.array([-1.0, 100.0])).round(3)
array([-0.894,  2.   ])

A third way, in Cython, derives from PointLoss; see _table.pxd.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from sklearn.base import clone

from sklearn_losses._machine._params import (
    BOOLEAN,
    NONE,
    Exactly,
    Instance,
    Interval,
    InvalidParameterError,
    Options,
    check_parameter,
)
from sklearn_losses._machine._typing import ArrayLike, BaseEstimator
from sklearn_losses.losses._base import Loss, PointLoss, RowLoss
from sklearn_losses.losses._binary import BinaryLoss
from sklearn_losses.losses._callbacks import callback_loss
from sklearn_losses.losses._cfunctions import c_function_loss
from sklearn_losses.losses._group_callbacks import group_callback_loss
from sklearn_losses.losses._groups import GroupLoss
from sklearn_losses.losses._links import IdentityLink, Link, ProbabilityLink, RowLink
from sklearn_losses.losses._pointers import CFunction
from sklearn_losses.losses._ranking import RankingLoss
from sklearn_losses.losses._search import searched_minimum
from sklearn_losses.losses._survival import CoxPH
from sklearn_losses.losses._table import CLoss

_FUNCTIONS = ("value", "gradient", "curvature", "hessian")
# Parameters of the constructor that are also methods or properties of a loss.
_HIDDEN = (*_FUNCTIONS, "minimum", "link", "domain")

Function: TypeAlias = Callable[..., Any] | str  # of Python, or of C

_PYTHON_FUNCTION = Instance(Callable, "a function of (y_true, raw_prediction)")
_NUMBER = [Interval(None, None), Exactly(np.inf), Exactly(-np.inf)]
_BOUND = [Interval(0, None, "left"), Exactly(np.inf)]
_CONSTRAINTS = {
    "task": [Options("regression", "binary", "multiclass")],
    "link": [Instance(Link, "a link such as LogLink()"), NONE],
    "domain": [Instance(Interval, "an Interval"), NONE],
    "minimum": [
        Interval(None, None),
        NONE,
        Instance(Callable, "a function of (y_true, **parameters)"),
    ],
    "proper": [BOOLEAN],
    "convex": [BOOLEAN],
    "differentiable": [BOOLEAN],
    "piecewise_linear": [BOOLEAN],
    "symmetric": [BOOLEAN],
    "bounded": [BOOLEAN],
    "lipschitz": _BOUND,
    "smoothness": _BOUND,
}

_PARAMETERS = """task : {tasks}, default='regression'
        The kind of targets.

    link : Link, default=None
        The map between raw predictions and predictions on the scale of y, such as
        ``LogLink()``; None means IdentityLink(). A binary loss with ``LogitLink()``
        defines probabilities, and so does a multiclass loss with ``SoftmaxLink()``.

    domain : Interval, default=None
        The values that y may have; None means all real numbers in regression, and the
        classes in classification.

    minimum : float or function of (y_true, **parameters), default=None
        The infimum of a sample's loss over raw predictions. None means unknown: it is
        searched for, which takes some calls more; if the loss is not convex, with the
        accuracy of a grid.

    proper, convex, differentiable, piecewise_linear, symmetric, bounded : bool
        Traits, as in :class:`Loss`. Solvers rely on them, so they must hold for all
        values of the parameters; `check_loss` tests them. `differentiable` is True by
        default, and the others are False.

    lipschitz, smoothness : float, default=inf
        Traits, as in :class:`Loss`: upper bounds."""


class CustomLoss(Loss):
    """What losses made of the user's functions share: everything but the call.

    ``loss.value`` is the method of every loss; the function that the user gave under
    that name is in ``loss.get_params()["value"]``.
    """

    soft_targets = False

    def __init__(
        self,
        value: Function,
        gradient: Function,
        curvature: Function | None = None,
        *,
        hessian: Function | None = None,
        task: str = "regression",
        link: Link | None = None,
        domain: Interval | None = None,
        minimum: float | Callable[..., ArrayLike] | None = None,
        proper: bool = False,
        convex: bool = False,
        differentiable: bool = True,
        piecewise_linear: bool = False,
        lipschitz: float = np.inf,
        smoothness: float = np.inf,
        symmetric: bool = False,
        bounded: bool = False,
        **parameters: Any,
    ) -> None:
        for name in parameters:
            is_taken = hasattr(type(self), name) or name.startswith("_")
            if is_taken or name in ("y_true", "raw_prediction"):
                raise TypeError(
                    f"A parameter of {type(self).__name__} cannot be called {name!r}, "
                    "which is an attribute of every loss, an argument of its "
                    "functions, or private. Use another name."
                )
        self.value = value
        self.gradient = gradient
        self.curvature = curvature
        self.hessian = hessian
        self.task = task
        self.link = link
        self.domain = domain
        self.minimum = minimum
        self.proper = proper
        self.convex = convex
        self.differentiable = differentiable
        self.piecewise_linear = piecewise_linear
        self.lipschitz = lipschitz
        self.smoothness = smoothness
        self.symmetric = symmetric
        self.bounded = bounded
        self._own_names = tuple(parameters)
        for name, parameter in parameters.items():
            setattr(self, name, parameter)

    # --------------------------------------------------- parameters, as scikit-learn's
    def __setattr__(self, name, value):
        # Under their own names the functions would hide the methods.
        super().__setattr__(f"_given_{name}" if name in _HIDDEN else name, value)

    def _given(self, name):
        """A parameter of the constructor, as it was given."""
        return getattr(self, f"_given_{name}" if name in _HIDDEN else name)

    def _own_parameters(self):
        """What the functions get besides y and raw predictions, in its order."""
        return {name: getattr(self, name) for name in self._own_names}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters of the constructor, and with them those of the functions.

        Parameters
        ----------
        deep : bool, default=True
            Whether to add the parameters of parameters that have some.

        Returns
        -------
        dict
        """
        found = super().get_params(deep)
        constructor = inspect.signature(type(self).__init__).parameters.values()
        if any(p.kind == p.VAR_KEYWORD for p in constructor):
            found |= self._own_parameters()
            for name, parameter in self._own_parameters().items():
                if deep and isinstance(parameter, BaseEstimator):
                    inner = parameter.get_params().items()
                    found |= {f"{name}__{key}": value for key, value in inner}
        return found | {name: self._given(name) for name in _HIDDEN if name in found}

    def __sklearn_clone__(self):
        """A loss with the same functions and clones of the other parameters."""
        parameters = {
            name: value if name in _FUNCTIONS else clone(value, safe=False)
            for name, value in self.get_params(deep=False).items()
        }
        return type(self)(**parameters)

    # ------------------------------------------------------------- what the loss is
    @property
    def granularity(self) -> str:
        return "row" if self.task == "multiclass" else "point"

    @property
    def link(self) -> Link:
        return IdentityLink() if self._given_link is None else self._given_link

    @property
    def domain(self) -> Interval:
        if self._given_domain is not None:
            return self._given_domain
        return {"binary": BinaryLoss.domain, "multiclass": RowLoss.domain}.get(
            self.task, PointLoss.domain
        )

    @property
    def probabilistic(self) -> bool:
        return self.task != "regression" and hasattr(self.link, "log_probabilities")

    def check_targets(
        self, y_true: ArrayLike, name: str = "y_true", n_classes: int | None = None
    ) -> None:
        self._check_parameters()
        super().check_targets(y_true, name, n_classes)

    # -------------------------------------------------------------------- for kernels
    def _check_parameters(self):
        for name, allowed in (_CONSTRAINTS | self._constraints).items():
            check_parameter(type(self).__name__, name, self._given(name), allowed)
        other_task = {"binary": RowLink, "multiclass": ProbabilityLink}.get(self.task)
        if other_task is not None and isinstance(self.link, other_task):
            raise InvalidParameterError(
                f"The 'link' parameter of {type(self).__name__} must be a link for "
                f"task={self.task!r}. Got {self.link!r} instead."
            )
        if self._given("hessian") is not None and self.granularity == "point":
            raise InvalidParameterError(
                f"The 'hessian' parameter of {type(self).__name__} must be None for "
                f"task={self.task!r}, whose second derivative is the curvature. Got "
                f"{self._given('hessian')!r} instead."
            )
        if self.proper and not self.probabilistic:
            raise InvalidParameterError(
                f"The 'proper' parameter of {type(self).__name__} must be False for a "
                f"loss without probabilities: {self.link!r} defines none for "
                f"task={self.task!r}. Got True instead."
            )

    @property
    def searches_minimum(self) -> bool:
        """Whether nobody has said what the minimum is."""
        return self._given("minimum") is None

    def _minimum(self, y_true):
        minimum = self._given("minimum")
        if minimum is None:
            kinds, which = np.unique(y_true, return_inverse=True)
            return searched_minimum(self, kinds)[which]
        if callable(minimum):
            minimum = minimum(y_true, **self._own_parameters())
        return np.broadcast_to(np.asarray(minimum, np.float64), y_true.shape[:1]).copy()


class NumpyLoss(CustomLoss):
    __doc__ = f"""A loss whose formulas are functions of numpy arrays.

    The functions are called with blocks of samples: once for an evaluation, and once or
    twice in each step of SGD. A call takes about a microsecond and the time that numpy
    needs; a compiled loss takes nanoseconds. ``SGDRegressor(batch_size=100)`` makes one
    call for 100 samples.

    Parameters
    ----------
    value : function of (y_true, raw_prediction, **parameters)
        The loss of each sample, not reduced. y_true and raw_prediction are read-only
        arrays of float64 of shape (n,), and the result is an array of that shape. With
        task="multiclass" y_true holds class indices as ints, raw_prediction has the
        shape (n, n_classes), and the value the shape (n,). The arrays are only valid
        during the call: copy what you want to keep.

    gradient : function of (y_true, raw_prediction, **parameters)
        The derivative by raw_prediction, in its shape.

    curvature : function of (y_true, raw_prediction, **parameters), default=None
        The second derivative, in the shape of raw_prediction; with task="multiclass"
        the diagonal of the Hessian. Only needed by solvers of second order.

    hessian : function of (y_true, raw_prediction, **parameters), default=None
        With task="multiclass" the second derivatives, of shape
        (n, n_classes, n_classes) and symmetric: what is above the diagonal is not read.
        Newton's method is more exact with it, and asks for no `curvature`.

    {_PARAMETERS.format(tasks="{'regression', 'binary', 'multiclass'}")}

    granularity : "group", default=None
        Makes a loss of groups, for rankings and survival, whose functions are others:
        see :class:`~sklearn_losses.losses._custom.NumpyGroupLoss`.

    **parameters
        Parameters of the loss's own. The functions get them as keywords, and
        `get_params`, `set_params`, `clone` and grid searches know them.

    Raises
    ------
    TypeError
        If a parameter has the name of an attribute of a loss; when the loss is used, if
        a function returns anything but real numbers.
    ValueError
        When the loss is used, if a function returns an array of another shape, or nan
        for finite raw predictions.

    Notes
    -----
    An exception in a function is raised unchanged by the method that called it, ``fit``
    included. Clones share the functions; to be pickled, they must be importable, or the
    pickler must be cloudpickle, as in joblib.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import NumpyLoss, SGDRegressor
    >>> def value(y_true, raw_prediction, power):
    ...     return np.abs(raw_prediction - y_true) ** power / power
    >>> def gradient(y_true, raw_prediction, power):
    ...     r = raw_prediction - y_true
    ...     return np.sign(r) * np.abs(r) ** (power - 1)
    >>> loss = NumpyLoss(value, gradient, convex=True, power=1.5)
    >>> X = np.linspace(-1, 1, 100).reshape(-1, 1)
    >>> model = SGDRegressor(loss=loss, random_state=0).fit(X, 3 * X.ravel())
    >>> model.set_params(loss__power=1.2).fit(X, 3 * X.ravel()).coef_.round(1)
    array([3.])
    """

    _constraints = {
        "value": [_PYTHON_FUNCTION],
        "gradient": [_PYTHON_FUNCTION],
        "curvature": [_PYTHON_FUNCTION, NONE],
        "hessian": [_PYTHON_FUNCTION, NONE],
    }

    if not TYPE_CHECKING:  # mypy would look at it instead of __init__

        def __new__(cls, *args, granularity=None, **parameters):
            if granularity is None:
                return super().__new__(cls)
            if granularity != "group":
                raise InvalidParameterError(
                    "The 'granularity' parameter of NumpyLoss must be 'group', or left "
                    "out: the task says whether it is of points or rows. Got "
                    f"{granularity!r}."
                )
            return super().__new__(NumpyGroupLoss)

    def compiled(self) -> CLoss:
        self._check_parameters()
        return callback_loss(
            type(self).__name__,
            self.granularity,
            tuple(self._given(name) for name in _FUNCTIONS),
            self._own_parameters(),
        )


class NumpyGroupLoss(GroupLoss, NumpyLoss):
    """A loss of groups whose formulas are functions of the rows of one group.

    It is what ``NumpyLoss(..., granularity="group")`` makes.

    Parameters
    ----------
    value : function of (y_true, raw_prediction, sample_weight, **parameters)
        The loss of a group, a number. The arguments are arrays of shape (n,), sorted by
        y_true; rows of weight 0 have been left out. With task="survival" y_true has the
        columns time and event and, where it is given, entry.

    gradient : function of the same
        The derivatives by raw_prediction, of shape (n,).

    hessian : function of the same, default=None
        The second derivatives, of shape (n, n). None: differences of the gradient.

    granularity : "group"

    task : {"ranking", "survival"}, default="ranking"

    minimum : float or function of (y_true, sample_weight, **parameters), default=0.0
        The infimum of the loss of a group. It proves how near a fit of a convex loss is
        to its optimum, and must not be above any value.

    shift_invariant : bool, default=True
        Whether a constant that is added to all raw predictions changes nothing.

    convex, differentiable : bool, default=False, True
        Traits, as in :class:`Loss`.

    lipschitz, smoothness : float, default=inf
        Traits, as in :class:`GroupLoss`.

    **parameters
        Parameters of the loss's own, as those of `NumpyLoss`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import NumpyLoss
    >>> def value(y_true, raw_prediction, sample_weight):  # of neighbours in the order
    ...     return np.logaddexp(0, -np.diff(raw_prediction)).sum()
    >>> def gradient(y_true, raw_prediction, sample_weight):
    ...     slope = -1 / (1 + np.exp(np.diff(raw_prediction)))
    ...     return np.append(0, slope) - np.append(slope, 0)
    >>> loss = NumpyLoss(value, gradient, granularity="group", convex=True)
    >>> loss.value([2, 0, 1], [3.0, 0.0, 1.0]).round(3)
    array([0.44])
    """

    def __init__(
        self,
        value: Function,
        gradient: Function,
        hessian: Function | None = None,
        *,
        granularity: str = "group",
        task: str = "ranking",
        minimum: float | Callable[..., Any] = 0.0,
        shift_invariant: bool = True,
        convex: bool = False,
        differentiable: bool = True,
        lipschitz: float = np.inf,
        smoothness: float = np.inf,
        **parameters: Any,
    ) -> None:
        super().__init__(
            *(value, gradient),
            hessian=hessian,
            task=task,
            minimum=minimum,
            convex=convex,
            differentiable=differentiable,
            lipschitz=lipschitz,
            smoothness=smoothness,
            **parameters,
        )
        self.granularity, self.shift_invariant = granularity, shift_invariant

    granularity = "group"
    domain = GroupLoss.domain
    link = GroupLoss.link
    _constraints = {
        "value": [_PYTHON_FUNCTION],
        "gradient": [_PYTHON_FUNCTION],
        "hessian": [_PYTHON_FUNCTION, NONE],
        "shift_invariant": [BOOLEAN],
    }

    def _check_parameters(self):
        own = ("convex", "differentiable", "lipschitz", "smoothness", "minimum")
        rules = {name: _CONSTRAINTS[name] for name in own} | self._constraints
        rules["task"] = [Options("ranking", "survival")]
        for name, allowed in rules.items():
            check_parameter("NumpyLoss", name, self._given(name), allowed)

    def compiled(self) -> CLoss:
        self._check_parameters()
        functions = (self._given(name) for name in ("value", "gradient", "hessian"))
        return group_callback_loss("NumpyLoss", *functions, self._own_parameters())

    # What targets are like, as of the losses of the task.
    def _split(self, y_true, groups):
        return self._like()._split(y_true, groups)

    def _check_columns(self, columns, name):
        self._like()._check_columns(columns, name)

    def _scales(self, y, weight, starts):
        return self._like()._scales(y, weight, starts)

    def _like(self):
        return CoxPH() if self.task == "survival" else RankingLoss()

    def _minimum(self, y, weight, starts):
        minimum = self._given("minimum")
        if not callable(minimum):
            least = -np.inf if minimum is None else minimum
            return np.full(len(starts) - 1, float(least))
        y = y[:, 0] if y.shape[1] == 1 else y
        parts = (slice(*ends) for ends in pairwise(starts))
        parameters = self._own_parameters()
        return np.array([minimum(y[p], weight[p], **parameters) for p in parts])


class CFunctionLoss(CustomLoss):
    __doc__ = f"""A loss whose formulas are C functions, from whichever compiler.

    A solver calls them without Python and without the GIL, as fast as a built-in
    loss.

    Parameters
    ----------
    value, gradient, curvature : C function or str; curvature is None by default
        The loss of one sample and its derivatives by the raw prediction, as
        ``double (double y_true, double raw_prediction)``, or with a third argument
        ``void *`` or ``double *`` that points to the parameters. Each is a
        numba.cfunc, a :class:`scipy.LowLevelCallable`, a PyCapsule, a ctypes or cffi
        function pointer, or the import path of one of these, "package.module:name".

    {_PARAMETERS.format(tasks="{'regression', 'binary'}")}

    **parameters : float
        Parameters of the loss's own. The functions get a pointer to them as doubles,
        in the order in which they are written here. `get_params`, `set_params`,
        `clone` and grid searches know them. Without any, a function gets the
        `user_data` of its LowLevelCallable.

    Raises
    ------
    TypeError
        If a parameter has the name of an attribute of a loss; when the loss is used, if
        a function is not a C function with one of these signatures.
    ImportError
        When the loss is used, if there is nothing at an import path.

    Notes
    -----
    Copies share the functions. A pickle holds their import paths, and where it is read
    the functions must be importable from them; a function without an import path cannot
    be pickled, and the error says so. A Python function wrapped by ctypes cannot raise:
    its exceptions are printed, and the computation goes on.

    Examples
    --------
    The pseudo-Huber loss, with functions that ctypes makes of Python's. Functions of
    numba.cfunc or of a C library are used alike, and are fast:

    >>> import ctypes
    >>> import math
    >>> from sklearn_losses import CFunctionLoss
    >>> signature = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_double)
    >>> @signature
    ... def value(y_true, raw_prediction):
    ...     return math.hypot(1.0, raw_prediction - y_true) - 1.0
    >>> @signature
    ... def gradient(y_true, raw_prediction):
    ...     residual = raw_prediction - y_true
    ...     return residual / math.hypot(1.0, residual)
    >>> loss = CFunctionLoss(value, gradient, convex=True, lipschitz=1.0)
    >>> loss.value([1.0, 2.0], [1.0, 2.75])
    array([0.  , 0.25])
    >>> loss.gradient([1.0, 2.0], [1.0, 2.75])
    array([0. , 0.6])
    """

    _constraints = {
        "task": [Options("regression", "binary")],
    }

    def __setattr__(self, name, value):
        if name in ("value", "gradient", "curvature"):
            is_there = name != "curvature" or value is not None
            value = CFunction(value) if is_there else None
        super().__setattr__(name, value)

    def _given(self, name):
        given = super()._given(name)
        return given.given if isinstance(given, CFunction) else given

    def compiled(self) -> CLoss:
        self._check_parameters()
        parameters = self._own_parameters()
        for name, value in parameters.items():
            check_parameter(type(self).__name__, name, value, _NUMBER)
        pointers = [self._pointer(name) for name in ("value", "gradient", "curvature")]
        if parameters and not any(p and p.takes == "pointer" for p in pointers):
            raise TypeError(
                f"No function of {type(self).__name__} takes a pointer as third "
                f"argument, so {', '.join(parameters)} would have no effect."
            )
        return c_function_loss(*pointers, [float(v) for v in parameters.values()])

    def _pointer(self, name):
        """The pointer to one of the functions; None for no curvature."""
        function = getattr(self, f"_given_{name}")
        if function is None:
            return None
        pointer = function.pointer
        if pointer.takes == "pointer" and bool(self._own_names) == bool(
            pointer.user_data
        ):
            found = "both" if self._own_names else "neither"
            raise TypeError(
                f"The {name} of {type(self).__name__} takes a pointer as third "
                "argument, to the parameters of the loss, as delta in "
                "CFunctionLoss(value, gradient, delta=1.5), or to the user_data of its "
                f"LowLevelCallable. It has {found}."
            )
        return pointer
