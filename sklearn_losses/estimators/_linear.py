"""LinearRegressor and LinearClassifier: the optimum of any loss, and how near it is.

SGD streams; these two solve. Here parameters and labels become objectives, and what the
solver found becomes attributes. Everything numeric is in the layers below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Self, overload

import numpy as np
from joblib import effective_n_jobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.parallel import Parallel, delayed

from sklearn_losses._machine._params import (
    BOOLEAN,
    N_JOBS,
    NONE,
    SEED,
    Instance,
    Interval,
    InvalidParameterError,
    Options,
    check_parameters,
)
from sklearn_losses._machine._typing import (
    Array,
    ArrayLike,
    CallbackSupportMixin,
    Matrix,
    Seed,
)
from sklearn_losses.design._rows import Rows
from sklearn_losses.estimators._labels import (
    check_two_have_weight,
    class_factors,
    classes_and_codes,
)
from sklearn_losses.estimators._learned_link import with_learned_link
from sklearn_losses.estimators._linear_model import (
    LinearModel,
    LinearRegressorMixin,
)
from sklearn_losses.estimators._multilabel import MultilabelMixin
from sklearn_losses.estimators._outcome import Outcome
from sklearn_losses.estimators._parameters import (
    draw_seed,
    measured_scale,
    price_of,
    resolve_penalty,
)
from sklearn_losses.estimators._validation import (
    check_large_rows,
    check_numbers,
    check_offset,
    check_weights,
    is_given,
    split_offset,
    unchanged_on_error,
    warn_caller,
)
from sklearn_losses.estimators._warnings import look_at_objective
from sklearn_losses.estimators._watching import EpochCallbacks, with_callbacks
from sklearn_losses.estimators.blocks._blocks import blocks_of, objectives_of_blocks
from sklearn_losses.estimators.outputs._outputs import LinearOutputs
from sklearn_losses.losses import Loss
from sklearn_losses.losses._arguments import moderate_weight
from sklearn_losses.losses._best_constant import is_least_at_0
from sklearn_losses.penalties import Penalty
from sklearn_losses.problem._blocks import RowBlocks
from sklearn_losses.problem._objective import Objective, Targets
from sklearn_losses.problem._together import run_together, wants_company
from sklearn_losses.solvers._active_set import ACTIVE, ACTIVE_SET, ActiveSet
from sklearn_losses.solvers._residual_scale import at_scale
from sklearn_losses.solvers._tangents import Tangents, needs_tangents
from sklearn_losses.solvers.descent._certified import DEAR, Certified, choose
from sklearn_losses.solvers.descent._models import LBFGS, NEWTON
from sklearn_losses.solvers.descent._problem import has_small_matrix
from sklearn_losses.solvers.descent._settings import SETTINGS

MOST, PATIENCE = SETTINGS.most_features, SETTINGS.quasi_newton_passes
WIDE = ACTIVE.wide

_PARAMETERS = f"""penalty : Penalty, 'l2', 'l1', 'elasticnet' or None, default='l2'
        The penalty on the coefficients; the intercept is not penalised. An object, such
        as ``GroupLasso(groups)`` or ``L1(weights)``, or a name: see docs/penalties.md.

    alpha : float, default=0.0001
        The strength of the penalty, >= 0. With a loss of regression whose slopes are
        bounded, `lipschitz` in the catalogue, what is right depends on the unit of y:
        the larger y is, the smaller alpha has to be. A UserWarning says so where the
        penalty of the default is more than a tenth of what the fit has gained over the
        best constant.

    l1_ratio : float, default=0.15
        The share of the l1 norm in penalty='elasticnet', in [0, 1].

    fit_intercept : bool, default=True
        Whether to fit an intercept.

    solver : {{{{'auto', 'newton', 'lbfgs', 'active-set'}}}}, default='auto'
        How the optimum is found. All use centred and scaled features, smooth the
        kinks of a loss less and less, and take exact zeros from an l1 norm.

        - 'newton': Newton's method. It computes a matrix of n_features x n_features or,
          for a differentiable loss without an l1 norm and more than {MOST}
          features, products with it (conjugate gradients). Of a multiclass loss of rows
          the matrix is of all classes, with at most {MOST} + 1 rows.
        - 'lbfgs': a quasi-Newton method, for all losses and any number of features.
        - 'active-set': one of these two on the features that have coefficients, which
          become more until the duality gap of all features is small. It needs an l1
          norm, or one of groups, and a convex loss with a conjugate [3]_.
        - 'auto': 'active-set' with such a norm and {WIDE} features or more; else
          'newton' for a loss of points and up to {MOST} features, or for one
          of rows with kinks and up to {DEAR} coefficients; else 'lbfgs', which gives
          way to 'newton' where {PATIENCE} passes were not enough for a loss of rows
          and the matrix is small. `solver_` says which.

        From 20,000 rows on, and 200 for each feature, they begin at the minimum for one
        row in 20, with the curvature there.

    tol : float, default=1e-6
        The fit ends when the duality gap is at most this share of what is to be gained
        over the best constant prediction (of 0.001 times what a perfect fit would gain,
        if that is more). For a loss without a gap, see `gap_`, the gap is estimated.

    max_iter : int, default=1000
        The most passes over the rows; an iteration takes two of them.

    warm_start : bool, default=False
        Whether `fit` starts from the coefficients of the previous call, if they are
        better than the best constant. The optimum does not depend on it.

    positive : bool, default=False
        Whether coefficients must be >= 0. The intercept may have any sign.{{positive}}

    bounds : tuple of (lower, upper), default=None
        Between which coefficients must be: each a number, an array of one for each
        feature, or None for no such bound (in a list, too); lower <= 0 <= upper. A
        Series with names of features is in any order. The intercept has no bounds.
        ``positive=True`` is ``bounds=(0, None)``.

    random_state : int, RandomState instance or None, default=0
        Chooses the rows with which a fit of many rows begins. The optimum does not
        depend on it, and with an int `fit` is deterministic.

    verbose : int or bool, default=False
        Whether to print a line an iteration."""

_NOT_OF_ROWS = """ A
        multiclass loss, of which only differences of coefficients count, refuses it."""

_ATTRIBUTES = """objective_ : float{several}
        The objective at `coef_` and `intercept_`.

    gap_ : float{several}
        The duality gap: no coefficients at all have an objective less than
        ``objective_ - gap_``, up to rounding. Without any penalty the bound is proved
        for coefficients up to ten times as large as the largest of the fit, in units
        of 1 / spread of their features. It is nan if loss or penalty is not convex,
        where the fit is a local minimum, and inf if the loss has no conjugate, or a
        callback ended the fit before there was a bound.

    n_iter_ : int
        The passes over the rows that were made{most}.

    solver_ : str
        The solver used, 'newton', 'lbfgs' or 'active-set'.

    loss_ : Loss
        The loss object used, with the parameters that it was fitted with.

    scale_ : float
        If the scale of the loss is "mad": the scale of the residuals of the least
        absolute deviations, which `loss_` has. Predictions then scale with y: alpha
        times the scale is the strength of an l1 norm.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during fit, if X has names that are all strings."""

_NOTES = """scikit-learn's callbacks (``set_callbacks``) see a task for each iteration,
    of all classes side by side, and may end the fit; `gap_` says how near it then is.

    S is the sum of the sample weights, so that a row of weight 2 is the same as
    two rows, and a row of weight 0 the same as none.

    The bound is that of Fenchel's duality [1]_: slopes of the loss on all rows, of
    which the penalty can balance what they do to the coefficients, bound all objectives
    from below. Warnings of the class ConvergenceWarning say which gap was left, and
    that there is no minimum where an unpenalised loss fits all rows perfectly.

    Of a ``NumpyLoss`` the conjugate is searched for, of all rows at a time, with some
    fifty calls of its functions for each bound. A compiled loss has a formula, or a
    fast search.

    References
    ----------
    .. [1] Rockafellar 1970, "Convex analysis", section 31.
    .. [2] Lee, Sun and Saunders 2014, "Proximal Newton-type methods for minimizing
       composite functions", SIAM Journal on Optimization 24.
    .. [3] Massias, Gramfort and Salmon 2018, "Celer: a fast solver for the Lasso with
       dual extrapolation", ICML."""


class BaseLinear(CallbackSupportMixin, LinearModel):
    """What the two estimators share: from checked arrays to fitted attributes."""

    solver_: str

    _objects = {"loss": "Huber()", "penalty": "MCP()"}
    _constraints = {
        "alpha": [Interval(0, None, "left")],
        "l1_ratio": [Interval(0, 1, "both"), NONE],
        "fit_intercept": [BOOLEAN],
        "solver": [Options("auto", NEWTON, LBFGS, ACTIVE_SET)],
        "tol": [Interval(0, None, "neither")],
        "max_iter": [Interval(1, None, "left", integer=True)],
        "warm_start": [BOOLEAN],
        "positive": [BOOLEAN],
        "verbose": [Interval(0, None, "left", integer=True), BOOLEAN],
        "random_state": SEED,
    }

    @overload
    def fit(self, X: RowBlocks) -> Self: ...
    @overload
    def fit(
        self,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Self: ...
    def fit(
        self,
        X: Matrix | RowBlocks,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or blocks
            It is not copied if it is float32 or float64, and C-contiguous or CSR with
            sorted columns. LinearRegressor and LinearClassifier also take rows that
            lie elsewhere, and do not gather them: dask collections, with the others
            as such, and `RowBlocks`; see docs/scale.md.

        y : array-like of shape (n_samples,)
            Targets in the domain of the loss, or labels. Only `RowBlocks` have their
            own.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0; None means 1.

        offset : array-like of shape (n_samples,) or (n_samples, n_classes), or \
                float, default=None
            What is known of raw predictions: it is added to them, and has no
            coefficient. With a log link, ``np.log(exposure)``. Of more than two
            classes, a column for each. None means 0.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If the data or a parameter cannot be used. The estimator is then as it was
            before.
        """
        with unchanged_on_error(self):
            return self._fit(X, y, sample_weight, offset)

    @with_callbacks  # within unchanged_on_error, which takes away what it looks for
    def _fit(self, X, y, sample_weight, offset):
        check_parameters(self, self._constraints)
        resolve_penalty(self)
        loss = self._usable_loss()
        blocks = blocks_of(type(self).__name__, X, y, sample_weight, offset)
        if blocks is not None:
            objectives, dtype = self._objectives_of_blocks(blocks, loss)
        else:
            parts = X, y, sample_weight, loss, offset
            objectives, dtype = self._objectives_of_path(*parts)
        look_at_objective(objectives[0])
        solver = self._solver(objectives[0])
        fitted = partial(self._fitted, objectives[0].loss, dtype)
        callbacks = self._callbacks((X, y, sample_weight), fitted)
        results = self._results(solver, objectives, callbacks)
        objectives[0].rows.verify()  # if the best constant was enough
        for message in dict.fromkeys(self._said_by(results)):
            warn_caller(message, ConvergenceWarning)
        for objective, r in zip(objectives, results):
            point, more = (r.coef, r.intercept), {"gained": r.gained, "dtype": dtype}
            outcome = Outcome(self, objective, *point, **more)
            # Else the solver has said itself that there is no minimum.
            settled = not (r.converged and r.warnings)
            if objective.loss.outputs:  # it has no single raw prediction
                outcome.warn_of_outputs(r.converged, settled=settled)
            else:
                outcome.warn(separation=False, converged=r.converged, settled=settled)
        found = _joined([(r.coef, r.intercept) for r in results])
        if callbacks is not None:
            callbacks.end_fit(*found)
        # A loss may have taken it into its targets, and blocks have their own.
        its_own = offset is None and objectives[0].offset is not None
        has_offset = its_own or is_given(offset)
        vars(self).update(fitted(*found), _has_offset=has_offset)
        self.solver_ = solver.method
        self.n_iter_ = int(max(r.n_iter.max() for r in results))
        self._certify(objectives, results, dtype)
        return self

    def _results(self, solver, objectives, callbacks):
        """What the solver finds for each objective, while callbacks look on."""
        starts = self._starts(objectives)
        even, shifts = zip(*(o.with_even_offset() for o in objectives))
        if getattr(self, "warm_start", False):
            starts = [(coef, b + shift) for (coef, b), shift in zip(starts, shifts)]
        if callbacks is None:
            results = self._solve_all(solver, even, starts)
        else:
            results = _solve_seen(solver, even, starts, shifts, callbacks)
        for result, shift in zip(results, shifts):
            result.intercept = result.intercept - shift
        return results

    def _said_by(self, results):
        """What solvers have to say, of which class if there are several."""
        for k, result in enumerate(results):
            for message in result.warnings:
                if len(results) > 1:
                    label = self.classes_.tolist()[k]
                    message = f"The class {label!r} against the others: {message}"
                yield message

    def _fitted(self, loss, dtype, coef, intercept):
        """The attributes that a model of these coefficients predicts with."""
        coef, intercept = self._published(coef, intercept, dtype)
        return {"loss_": loss, "coef_": coef, "intercept_": intercept}

    def _callbacks(self, given, fitted):
        """scikit-learn's callbacks for this fit, or None; see `EpochCallbacks`."""
        if not getattr(self, "_skl_callbacks", None):
            return None
        context = self._init_callback_context(max_subtasks=None)
        return EpochCallbacks(self, context, "iteration", given, fitted)

    def _objectives(self, X, y, sample_weight, loss, offset=None, solves=False):
        """The objectives that data and parameters make, and the dtype of X.

        A solver sees whether X is finite; for everybody else that has been checked.
        """
        X, y, check = check_large_rows(self, X, y)
        weight = check_weights(sample_weight, X.shape[0])
        if weight is not None and not weight.any():
            raise ValueError("All sample weights are zero: nothing is left to fit.")
        weight = None if weight is None else moderate_weight(weight)
        targets, weight, n_outputs = self._targets(y, weight, loss)
        total = X.shape[0] if weight is None else weight.sum()
        price = price_of(self, X.shape[1], loss.granularity == "row")
        rows = Rows(X, check)
        if not solves or loss.needs_scale:
            rows.verify()
        per_objective = n_outputs // len(targets)
        n_public = 1 if n_outputs == 2 else n_outputs
        offset = split_offset(check_offset(offset, X.shape[0], n_public), n_outputs)
        offsets = [None] * len(targets)
        if offset is not None:
            offsets = np.split(offset, len(targets), axis=1)
        objectives = [
            Objective(
                *(loss, rows, Targets(target), weight, total, price, per_objective),
                fit_intercept=self.fit_intercept,
                offset=own,
            )
            for target, own in zip(targets, offsets)
        ]
        return self._with_scale(objectives), X.dtype

    def _objectives_of_path(self, X, y, sample_weight, loss, offset):
        """As `_objectives`, which a fit along a path makes once of the same rows."""
        path = getattr(self, "_path", None)
        if path is not None and path.objectives is not None:
            objectives, dtype = path.objectives
            is_joint = loss.granularity == "row"
            price = price_of(self, objectives[0].rows.n_features, is_joint)
            return [replace(o, penalty=price) for o in objectives], dtype
        found = self._objectives(X, y, sample_weight, loss, offset, solves=True)
        if path is not None and not (loss.needs_scale or loss.needs_link):
            path.objectives = found
        return found

    def _objectives_of_blocks(self, blocks, loss):
        """The same of rows in blocks."""
        return objectives_of_blocks(self, blocks, loss)

    def _grouped(self, y, groups):
        """A target as `_objectives` takes it, of rows that are in no groups."""
        if groups is not None:
            raise ValueError(
                f"{type(self).__name__} has no groups of rows. Leave `groups` out, or "
                "use LinearRanker or LinearSurvival."
            )
        return y

    def _with_scale(self, objectives):
        """The objectives with a number for a scale "mad", which becomes `scale_`."""
        if not objectives[0].loss.needs_scale:
            vars(self).pop("scale_", None)
            return self._with_link(objectives)
        self.scale_, _ = measured_scale(objectives[0])
        return [at_scale(o, self.scale_) for o in objectives]

    def _with_link(self, objectives):
        """The objectives with the link that their rows say, of a loss that learns it.

        One versus rest there would be a link for each class.
        """
        loss = objectives[0].loss
        if not loss.needs_link:
            return objectives
        if len(objectives) > 1:
            raise InvalidParameterError(
                f"{type(self).__name__} cannot use {loss!r} with "
                f"{len(objectives)} classes, as it learns one link. Use "
                "OneVsRestClassifier, or CrossEntropy()."
            )
        return [with_learned_link(self, objectives[0])]

    def _usable_loss(self):
        loss = self._resolve_loss()
        if not loss.needs_link and is_least_at_0(loss):
            raise InvalidParameterError(
                f"{type(self).__name__} cannot use loss={self.loss!r}, because its "
                "objective is least at coefficients of 0, whatever X is. Use Hinge(), "
                "or SGDClassifier."
            )
        return loss

    def _solver(self, objective):
        settings = dict(
            max_iter=self.max_iter,
            tol=self.tol,
            seed=draw_seed(self.random_state),
            verbose=self.verbose,
            owner=type(self).__name__,
            polish=objective.blocks is not None and has_small_matrix(objective),
        )
        method, selects = self.solver, objective.penalty.selects
        if method == "auto":
            method, settings["may_change"] = choose(objective), True
            is_wide = objective.rows.n_features >= WIDE and objective.blocks is None
            if selects and is_wide and objective.loss.has_conjugate:
                method = ACTIVE_SET
        if method == ACTIVE_SET and objective.blocks is not None:
            raise ValueError(
                f"{type(self).__name__}(solver={ACTIVE_SET!r}) needs rows at hand, of "
                "which it copies columns. Use solver='auto'."
            )
        if method == ACTIVE_SET and not selects:
            raise ValueError(
                f"{type(self).__name__}(solver={ACTIVE_SET!r}) needs a penalty with an "
                "l1 norm, or one of groups, which is what leaves features out. Got "
                f"penalty={self.penalty!r}, alpha={self.alpha!r} and "
                f"l1_ratio={self.l1_ratio!r}. Use solver='auto'."
            )
        if method == ACTIVE_SET:
            solver = ActiveSet(**settings)
        else:
            solver = Certified(method, **settings)
        solver = Tangents(solver) if needs_tangents(objective) else solver
        solver.check(objective)
        return solver

    def _starts(self, objectives):
        """Coefficients and intercepts to begin with, of each objective."""
        coef = intercept = None
        n_outputs = sum(objective.n_outputs for objective in objectives)
        if self.warm_start and hasattr(self, "coef_"):
            coef, intercept = self._dense_coef(), self.intercept_
        coef = self._initial("coef", coef, (n_outputs, self.n_features_in_))
        price = objectives[0].penalty
        if price.has_bounds:
            coef = np.clip(coef, price.low, price.high)
        intercept = self._initial("intercept", intercept, (n_outputs,))
        if not self.fit_intercept:
            intercept = np.zeros(n_outputs)
        n = n_outputs // len(objectives)
        parts = [slice(i, i + n) for i in range(0, n_outputs, n)]
        return [(coef[part], intercept[part]) for part in parts]

    def _solve_all(self, solver, objectives, starts):
        tasks = [partial(solver.solve, o, s) for o, s in zip(objectives, starts)]
        rows, is_seen = objectives[0].rows, self.verbose or len(tasks) == 1
        if is_seen or not (type(solver) is Certified and wants_company(rows)):
            return [task() for task in tasks]
        return run_together(rows, tasks)

    def _certify(self, objectives, results, dtype):
        """The objective of the coefficients as they are published, and its gap."""
        values, gaps = [], []
        for objective, result in zip(objectives, results):
            value = result.value
            if value is None or dtype != np.float64:
                rounded = (
                    array.astype(dtype).astype(np.float64)
                    for array in (result.coef, result.intercept)
                )
                value = float(objective.value(*rounded)[0])
            values.append(value)
            gaps.append(float(np.maximum(values[-1] - result.bound, 0.0)))
        if len(values) == 1:
            self.objective_, self.gap_ = values[0], gaps[0]
        else:
            self.objective_, self.gap_ = np.array(values), np.array(gaps)


def _joined(points):
    """Coefficients and intercepts of all objectives."""
    if len(points) == 1:
        return points[0]
    coefs, intercepts = zip(*points)
    return np.concatenate(coefs), np.concatenate(intercepts)


def _solve_seen(solver, objectives, starts, shifts, callbacks):
    """All objectives side by side: a task is an iteration of each that still runs.

    Callbacks see intercepts without what they took of an offset, the shifts.
    """
    steps = [solver.steps(o, start) for o, start in zip(objectives, starts)]
    points, results = list(starts), {}
    while len(results) < len(steps):
        callbacks.begin()
        for k in (k for k in range(len(steps)) if k not in results):
            coef, intercept = _advance(steps[k], k, results)
            points[k] = coef, intercept - shifts[k]
        if callbacks.end(*_joined(points)):
            for k in (k for k in range(len(steps)) if k not in results):
                _advance(steps[k], k, results, is_stopped=True)
    return [results[k] for k in range(len(steps))]


def _advance(steps, k, results, is_stopped=None):
    """Make an iteration of objective k; where it is the last, it has a result."""
    try:
        return steps.send(is_stopped)()
    except StopIteration as end:
        results[k] = result = end.value[0]
        return result.coef, result.intercept


class LinearRegressor(LinearOutputs, LinearRegressorMixin, BaseLinear):
    __doc__ = f"""Linear regression with any loss, to its optimum.

    It minimizes

        sum_i sample_weight_i loss(y_i, x_i . w + b) / S
        + alpha penalty(w)

    and proves how near the result is: `gap_` bounds what any other coefficients could
    gain.

    Parameters
    ----------
    loss : Loss or str, default='squared_error'
        A loss for regression: an object, such as ``Huber(delta=1.5)``, or a name,
        such as 'huber'; see :func:`sklearn_losses.losses.loss_names`.

    {_PARAMETERS.format(positive="")}

    features : dict, default=None
        Of a loss with parameters that are "mle": which features they depend on,
        ``{{"scale": "all"}}``, 'none' or a list of columns. By default each is one
        number, which `loss_` has. The penalty is that of the location.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        The coefficients, float32 if X was.

    intercept_ : ndarray of shape (1,)
        The intercept.

    predictors_ : dict of str to (coef, intercept)
        Of the parameters in `features`, before their links.

    {_ATTRIBUTES.format(several="", most="")}

    Notes
    -----
    {_NOTES}

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_losses import LinearRegressor, Quantile
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = LinearRegressor(Quantile(0.9), penalty=None).fit(X, y)
    >>> round(model.objective_, 3), bool(model.gap_ < 1e-5), model.solver_
    (9.088, True, 'newton')
    """

    objective_: float
    gap_: float

    _tasks = ("regression",)
    _takes_blocks = True

    def __init__(
        self,
        loss: Loss | str = "squared_error",
        *,
        penalty: Penalty | str | None = "l2",
        alpha: float = 0.0001,
        l1_ratio: float | None = 0.15,
        fit_intercept: bool = True,
        solver: str = "auto",
        tol: float = 1e-6,
        max_iter: int = 1000,
        warm_start: bool = False,
        positive: bool = False,
        bounds: tuple[ArrayLike | None, ArrayLike | None] | None = None,
        random_state: Seed = 0,
        verbose: int = False,
        features: Mapping[str, object] | None = None,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.positive = positive
        self.bounds = bounds
        self.random_state = random_state
        self.verbose = verbose
        self.features = features

    def _targets(self, y, weight, loss):
        """The targets of each objective, the weights and the number of outputs."""
        return [check_numbers(y, loss)], weight, 1


class LinearClassifier(MultilabelMixin, BaseLinear):
    __doc__ = f"""Linear classification with any loss, to its optimum.

    It minimizes

        sum_i sample_weight_i loss(y_i, x_i . w + b) / S
        + alpha penalty(w)

    and proves how near the result is: `gap_` bounds what any other coefficients could
    gain. A binary loss on several classes is fitted one versus rest, each class with an
    objective of its own; a multiclass loss such as ``CrossEntropy()`` has one joint
    objective. With several labels a row, y a matrix of 0 and 1 of the shape (n_samples,
    n_labels), each label has an objective of its own.

    Parameters
    ----------
    loss : Loss or str, default='log_loss'
        A loss for classification: an object, such as ``Hinge()``, or a name, such as
        'hinge'; see :func:`sklearn_losses.losses.loss_names`.

    {_PARAMETERS.format(positive=_NOT_OF_ROWS)}

    class_weight : dict of label to float, list of dict or 'balanced', default=None
        Factors by which the sample weights of each class are multiplied, in all
        objectives and in S; None means 1. 'balanced' means 1 / (n_classes * share),
        with the share of the class in the sum of the sample weights. With several
        labels a row, the classes of each are 0 and 1, and a list has one dict for each.

    n_jobs : int, default=None
        The number of threads that share the classes of one versus rest; None means 1,
        and -1 means all cores. The result does not depend on it.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        The coefficients, float32 if X was. With two classes there is one row,
        whose positive predictions mean `classes_[1]`.

    intercept_ : ndarray of shape (1,) or (n_classes,)
        The intercepts.

    classes_ : ndarray of shape (n_classes,)
        The labels, sorted. Of several labels a row, 0 ... n_labels - 1.

    {
        _ATTRIBUTES.format(
            several=", or ndarray of shape (n_classes,) in one versus rest",
            most="; in one versus rest, the maximum over the classes",
        )
    }

    Notes
    -----
    {_NOTES}

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_losses import CrossEntropy, LinearClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LinearClassifier(CrossEntropy(), alpha=0.01).fit(X, y)
    >>> model.predict_proba(X[:1]).round(2), bool(model.gap_ < 1e-5)
    (array([[0.98, 0.02, 0.  ]]), True)
    """

    objective_: float | Array
    gap_: float | Array

    _tasks = ("binary", "multiclass", "multilabel")
    _takes_blocks = True
    _constraints = BaseLinear._constraints | {
        "class_weight": [
            Options("balanced"),
            Instance(Mapping, "a dict of label to weight"),
            Instance((list, tuple), "a list of them, one for each of several labels"),
            NONE,
        ],
        "n_jobs": N_JOBS,
    }

    def __init__(
        self,
        loss: Loss | str = "log_loss",
        *,
        penalty: Penalty | str | None = "l2",
        alpha: float = 0.0001,
        l1_ratio: float | None = 0.15,
        fit_intercept: bool = True,
        solver: str = "auto",
        tol: float = 1e-6,
        max_iter: int = 1000,
        warm_start: bool = False,
        positive: bool = False,
        bounds: tuple[ArrayLike | None, ArrayLike | None] | None = None,
        random_state: Seed = 0,
        verbose: int = False,
        class_weight: Mapping[Any, float]
        | Sequence[Mapping[Any, float]]
        | str
        | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.positive = positive
        self.bounds = bounds
        self.random_state = random_state
        self.verbose = verbose
        self.class_weight = class_weight
        self.n_jobs = n_jobs

    def _usable_loss(self):
        loss = super()._usable_loss()
        has_bounds = self.positive or self.bounds is not None
        if has_bounds and loss.granularity == "row":
            setting = "positive=True" if self.positive else "bounds=(lower, upper)"
            raise InvalidParameterError(
                f"LinearClassifier({setting}) cannot use {loss!r}, because only "
                "differences between the coefficients of classes count there. Use a "
                "binary loss."
            )
        return loss

    def _targets(self, y, weight, loss):
        """The targets of each objective, the weights and the number of outputs."""
        if self._labels is not None:
            return self._targets_of_labels(weight, loss)
        self.classes_, codes = classes_and_codes(y)
        n_classes = len(self.classes_)
        if n_classes < 2:
            raise ValueError(
                "LinearClassifier needs at least two classes, and y has one class: "
                f"{self.classes_.tolist()}."
            )
        factors = class_factors(
            self.class_weight, self.classes_, y, weight, type(self).__name__, True
        )
        if factors is not None:
            factors = factors[codes.astype(np.intp)]
            weight = factors if weight is None else weight * factors
            if not weight.any():
                raise ValueError(
                    "The products of class_weight and sample_weight are all zero: "
                    "nothing is left to fit."
                )
        check_two_have_weight(type(self).__name__, self.classes_, codes, weight)
        if loss.granularity == "row":
            return [codes], weight, n_classes
        if n_classes == 2:
            return [codes], weight, 1
        each = [(codes == k).astype(np.float64) for k in range(n_classes)]
        return each, weight, n_classes

    def _solve_all(self, solver, objectives, starts):
        n_threads = min(effective_n_jobs(self.n_jobs), len(objectives))
        if n_threads == 1:
            return super()._solve_all(solver, objectives, starts)
        return Parallel(n_jobs=n_threads, require="sharedmem")(
            delayed(solver.solve)(o, start) for o, start in zip(objectives, starts)
        )
