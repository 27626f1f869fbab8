"""SGDRegressor and SGDClassifier: scikit-learn's, for any loss.

Here parameters and labels become the objective and the solver, and their result becomes
attributes. Everything numeric is in the layers below.
"""

import functools
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import numpy as np
from joblib import effective_n_jobs
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import validate_data

from sklearn_losses.estimators._linear_model import (
    LinearClassifierMixin,
    LinearModel,
    LinearRegressorMixin,
)
from sklearn_losses.estimators._validation import (
    EPSILON_IS,
    check_classes,
    check_weights,
    class_factors,
    draw_seed,
    encode_labels,
    resolve_loss,
    resolve_optimizer,
    unchanged_on_error,
)
from sklearn_losses.estimators._watching import (
    EpochCallbacks,
    check_validation_data,
    make_score,
    publish_curves,
)
from sklearn_losses.linear._objective import Objective, Targets
from sklearn_losses.linear._penalties import Penalty
from sklearn_losses.linear._rows import Rows
from sklearn_losses.linear._weights import coefficients
from sklearn_losses.losses._params import (
    BOOLEAN,
    NONE,
    Instance,
    Interval,
    InvalidParameterError,
    Options,
    check_parameters,
)
from sklearn_losses.solvers._newton import MOST_FEATURES, Newton
from sklearn_losses.solvers._overflow import WeightsOverflow
from sklearn_losses.solvers._progress import Watch
from sklearn_losses.solvers._residual_scale import residual_scale
from sklearn_losses.solvers._schedules import Schedule
from sklearn_losses.solvers._sgd import SGD, is_least_at_0
from sklearn_losses.solvers._stream import Stream, forget

SCHEDULES = ("constant", "optimal", "invscaling", "adaptive", "pa1", "pa2")
AUTO = "auto"  # no schedule at all: all rows at once

_PARAMETERS = """penalty : {{'l2', 'l1', 'elasticnet', None}}, default='l2'
        The penalty on the coefficients; the intercept is not penalised. The l1 norm is
        applied by cumulative truncation [3]_.

    alpha : float, default=0.0001
        The strength of the penalty, >= 0. learning_rate='optimal' uses it too, and
        needs alpha > 0.

    l1_ratio : float, default=0.15
        The share of the l1 norm in penalty='elasticnet', in [0, 1].

    fit_intercept : bool, default=True
        Whether to fit an intercept.

    max_iter : int, default=1000
        The maximum number of epochs (passes over the rows) in `fit`; `partial_fit`
        makes one epoch.

    tol : float, default=1e-3
        `fit` ends when the criterion has not fallen below its best value by more than
        `tol` for `n_iter_no_change` consecutive epochs. The criterion is the objective,
        with weights and penalty, averaged over the epoch while the coefficients move
        ('pa1' and 'pa2' leave the penalty out); with `early_stopping` it is the mean
        loss on the validation rows. If None, `fit` always makes `max_iter` epochs.

    shuffle : bool, default=True
        Whether to shuffle the rows before each epoch.

    verbose : int or bool, default=0
        If positive or True, `fit` prints a line after each epoch: what the curves of
        this epoch are, and the coefficients. Threads that share the classes of one
        versus rest print their labels first.

    epsilon : float, default=0.1
        The parameter of the losses named 'huber' (its delta), 'epsilon_insensitive'
        and 'squared_epsilon_insensitive'. It is ignored if `loss` is an object, which
        has its own parameters.

    n_jobs : int, default=None
        The number of threads that share {work}; None means 1,
        and -1 means all cores. The result does not depend on it.

    random_state : int, RandomState instance, default=None
        The source of randomness for shuffling and for the choice of the validation
        rows. Pass an int for reproducible results.

    learning_rate : {{'constant', 'optimal', 'invscaling', 'adaptive', 'pa1', \\
            'pa2', 'auto'}}, default='auto'
        The step size at step t:

        - 'constant': eta0;
        - 'optimal': 1 / (alpha (t0 + t - 1)), with the t0 that Bottou proposes [2]_;
        - 'invscaling': eta0 / t ** power_t;
        - 'adaptive': eta0, divided by 5 each time that `tol` would end the fit; below
          1e-6 the fit ends;
        - 'pa1', 'pa2': passive-aggressive steps [1]_, for piecewise linear losses;
          eta0 is their aggressiveness C;
        - 'auto': no steps to tune, whatever the scale of the features. `fit` uses all
          rows at once, with centred and scaled features: Newton's method, or, for
          losses of rows such as CrossEntropy and for more than {most_features}
          features, a quasi-Newton method [7]_. Kinks of the loss are smoothed, less
          and less [4]_, the length of a step is found by a line search [5]_, and an
          l1 norm is minimised by coordinate descent on the quadratic model [6]_.
          `tol` is then the share of the possible gain over the best constant that may
          be missing, about (None: as little as can be reached), `max_iter` the most
          passes over the rows, `n_iter_` the passes made, and `verbose` prints a line
          an iteration. eta0, power_t, average, batch_size and shuffle have no effect.
          A fit that ends elsewhere than at a minimum warns. A loss that is not convex
          begins at the minimum of a convex relative, the absolute error or the log
          loss, unless coefficients are given or kept by a warm start, and ends in a
          local minimum, never worse than the best constant found. `Perceptron`, whose
          minimum is at coefficients of 0, is fitted by steps of constant size
          instead. X is not copied; beside it, memory is needed for some numbers for
          each row, feature and class, and for at most 8 MB of second derivatives.
          `partial_fit` minimizes the objective over all rows so far, of which it keeps
          at most 1000 as they are, those where the loss bends most, and the others as
          a quadratic function [8]_. `coef_` moves when a twentieth of the rows so far
          is new, at most 50 rows; until then they wait. Coefficients from elsewhere
          (set by hand, of `fit`, or of another learning_rate) count as t_ - 1 rows.
          It keeps at most 8 MB of rows (or 32, or of CSR with very many features 1000
          rows), and matrices of at most 4 MB or, where they would be larger, 32
          directions and a diagonal for each output. Labels may come in any order;
          n_jobs has no effect.

    eta0 : float, default=0.01
        The initial step size, > 0. It is not used by 'optimal'.

    power_t : float, default={power_t}
        The exponent of 'invscaling'.

    early_stopping : bool, default=False
        Whether to set rows aside for validation, to end the fit when their mean loss
        (with sample weights), or the score in `scoring`, no longer improves, and to
        keep the coefficients of the epoch where it was best. Rows that are passed to
        `fit` as `X_val` and `y_val` do the same, and none are then set aside.

    validation_fraction : float, default=0.1
        The fraction of the rows to set aside, in (0, 1){stratified}. It is only used
        with `early_stopping`.

    n_iter_no_change : int, default=5
        The number of consecutive epochs without progress after which the fit ends.

    scoring : str or callable, default=None
        What the validation watches: None, the loss of the model; or a scorer, or the
        name of one, of which greater values are better and `tol` is in its units. It
        gets the sample weights if it takes them. One versus rest then stops all
        classes at once. Without validation rows it is not used.

    trace : bool, default=False
        Whether `fit` records objective, step size and gradient norm after each epoch:
        a pass over the rows more.
{class_weight}
    warm_start : bool, default=False
        Whether `fit` starts from the coefficients of the previous call instead of 0.

    average : bool or int, default=False
        If True, `coef_` and `intercept_` are the averages over all steps. If an int,
        averaging begins at that step.

    batch_size : int, default=1
        The number of rows in a step; the last step of an epoch, or of a call of
        `partial_fit`, takes the rows that are left. A step moves along the mean over
        its rows of sample weight times gradient, all at the same coefficients, and
        applies the penalty once; step sizes and averages count steps, not rows. With
        larger batches an epoch has fewer steps, and their gradients are less noisy: use
        a larger `eta0`. Batches are worthwhile for a loss that is slow to call, since
        it is called once for each step and output: a call of one written in Python
        (`NumpyLoss`) takes 1 to 5 microseconds, of a compiled one some nanoseconds.
        With batch_size >= n_samples an epoch is one step of full gradient descent.
        'pa1' and 'pa2' need batch_size=1.

    optimizer : {{'sgd', 'momentum', 'nesterov', 'adagrad', 'rmsprop', 'adam', \
            'amsgrad'}} or optimizer, default='sgd'
        How a step follows from the gradients so far. An object, such as
        ``Adam(beta_1=0.8)``, has parameters of its own. All take their step size from
        `learning_rate`, where 'auto' then means 'constant', and none goes with 'pa1' or
        'pa2'. Their step, unlike that of 'sgd', takes time proportional to n_features
        also for sparse X, and applies the l1 norm by a proximal step, with the step
        size that a coefficient has. Larger batches make up for that.

    clip_gradient : float, default=None
        The most that the gradient of a step may be, > 0: the mean over its rows of
        sample weight times gradient of the loss, by coefficients and intercept, without
        the penalty. None means that it is not clipped. With optimizer='sgd', and
        batches or clip_by='value', clipped steps cost what those of an optimizer do,
        and treat the l1 norm likewise; the norm of one row's gradient costs nothing.

    clip_by : {{'norm', 'value'}}, default='norm'
        Whether a gradient is scaled down until its norm is `clip_gradient`, or each of
        its entries is cut to [-clip_gradient, clip_gradient]. The norm is that of all
        outputs of a multiclass loss, and of one class in one versus rest."""

_CLASS_WEIGHT = """
    class_weight : dict of label to float, or 'balanced', default=None
        Factors by which the sample weights of each class are multiplied; None means 1.
        In one versus rest, the factor of a class applies to its own rows, and in its
        own problem only; the rest have the factor 1. 'balanced' means
        n_samples / (n_classes * count).
"""

_ATTRIBUTES = """n_iter_ : int
        The number of epochs made{most}.

    t_ : float
        The number of the next step: 1 plus the steps made so far. An epoch has as many
        steps as rows divided by `batch_size`, rounded up; rows of weight zero do not
        count. With learning_rate='auto' it counts rows.

    loss_ : Loss
        The loss object used, with the parameters that it was fitted with.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of features seen during fit, if X has names that are all strings."""

_CURVES = """loss_curve_ : ndarray of shape (n_epochs,)
        What `fit` watched on the rows that it learnt from: the criterion described
        under `tol`, also where validation decides; with learning_rate='auto' the exact
        objective, of the starting point in entry 0 and then after each iteration. Of a
        schedule it does not exist if `tol` is None and neither validation, `trace` nor
        `verbose` asks for it.

        Of this and the other losses and objectives one versus rest has the sum over its
        classes, of gradient norms that of all classes, of step sizes the smallest. A
        class that has stopped keeps its last value. `partial_fit` leaves all curves as
        they are.

    validation_loss_curve_ : ndarray of shape (n_epochs,)
        The mean loss on the validation rows after each epoch, without the penalty. Only
        with validation.

    validation_score_curve_ : ndarray of shape (n_epochs,)
        Their score. Only with validation and `scoring`.

    best_epoch_ : int or ndarray of int of shape (n_classes,)
        The index in the curves of the epoch whose coefficients were kept; in one versus
        rest without `scoring`, of each class. Only with validation.

    objective_curve_ : ndarray of shape (n_epochs,)
        The objective on the rows that `fit` learnt from, with the coefficients after
        each epoch. Only with `trace`, as the next two.

    learning_rate_curve_ : ndarray of shape (n_epochs,)
        The size of the last step of each epoch; with learning_rate='auto' the length of
        the step in units of Newton's, 0 where none was made. Not for 'pa1' and 'pa2'.

    gradient_norm_curve_ : ndarray of shape (n_epochs,)
        The norm of the objective's gradient by coefficients and intercepts after each
        epoch; with an l1 norm, or at a kink, of a subgradient, by the l1 norm the
        least."""

_REFERENCES = """.. [1] Crammer, Dekel, Keshet, Shalev-Shwartz and Singer 2006, "Online
       passive-aggressive algorithms", JMLR 7.
    .. [2] Bottou 2012, "Stochastic gradient descent tricks".
    .. [3] Tsuruoka, Tsujii and Ananiadou 2009, "Stochastic gradient descent training
       for L1-regularized log-linear models with cumulative penalty", ACL.
    .. [4] Fernandes, Guerre and Horta 2021, "Smoothing quantile regressions", Journal
       of Business & Economic Statistics 39.
    .. [5] Yuan, Ho and Lin 2012, "An improved GLMNET for l1-regularized logistic
       regression", JMLR 13.
    .. [6] Lee, Sun and Saunders 2014, "Proximal Newton-type methods for minimizing
       composite functions", SIAM Journal on Optimization 24.
    .. [7] Liu and Nocedal 1989, "On the limited memory BFGS method for large scale
       optimization", Mathematical Programming 45; with an l1 norm Scheinberg and Tang
       2016, "Practical inexact proximal quasi-Newton method with global complexity
       analysis", Mathematical Programming 160.
    .. [8] Luo and Song 2020, "Renewable estimation and incremental inference in
       generalized linear models with streaming data sets", JRSS B 82."""


_ETA0 = {"eta0": [Interval(0, None, "neither")]}  # 'optimal' ignores it


_ROWS = dict(
    accept_sparse="csr",
    accept_large_sparse=True,
    dtype=(np.float64, np.float32),
    order="C",
)


class BaseSGD(CallbackSupportMixin, LinearModel):
    """What the two estimators share: from checked arrays to fitted attributes."""

    _tasks = ()
    _other_losses = ()
    _constraints = {
        "penalty": [Options("l2", "l1", "elasticnet"), NONE],
        "alpha": [Interval(0, None, "left")],
        "l1_ratio": [Interval(0, 1, "both"), NONE],
        "fit_intercept": [BOOLEAN],
        "max_iter": [Interval(1, None, "left", integer=True)],
        "tol": [Interval(0, None, "left"), NONE],
        "shuffle": [BOOLEAN],
        "verbose": [Interval(0, None, "left", integer=True), BOOLEAN],
        "epsilon": [Interval(0, None, "left")],
        "learning_rate": [Options(*SCHEDULES, AUTO)],
        "power_t": [Interval(None, None)],
        "early_stopping": [BOOLEAN],
        "validation_fraction": [Interval(0, 1, "neither")],
        "n_iter_no_change": [Interval(1, None, "left", integer=True)],
        "scoring": [NONE, Instance((str, Callable), "a scorer or the name of one")],
        "trace": [BOOLEAN],
        "n_jobs": [Interval(None, None, integer=True), NONE],
        "warm_start": [BOOLEAN],
        "average": [Interval(1, None, "left", integer=True), BOOLEAN],
        "batch_size": [Interval(1, None, "left", integer=True)],
        "clip_gradient": [Interval(0, None, "neither"), NONE],
        "clip_by": [Options("norm", "value")],
    }

    def fit(
        self,
        X,
        y,
        coef_init=None,
        intercept_init=None,
        sample_weight=None,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            It is not copied if it is float32 or float64, and C-contiguous or CSR with
            sorted columns.

        y : array-like of shape (n_samples,)
            Targets in the domain of the loss, or labels.

        coef_init : array-like of the shape of `coef_`, default=None
            The coefficients to start from. None means 0, or `coef_` with `warm_start`.

        intercept_init : array-like of the shape of `intercept_`, default=None
            The intercept to start from. None means 0, or `intercept_` with
            `warm_start`.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0; None means 1. A row of weight 0 is as if it were not there.

        X_val : {array-like, sparse matrix} of shape (n_validation, n_features), \
                default=None
            Rows to validate on after each epoch, whatever `early_stopping` is; none are
            then set aside from X. It is not copied where X would not be.

        y_val : array-like of shape (n_validation,), default=None
            Their targets, or labels that occur in y. Required with `X_val`.

        sample_weight_val : array-like of shape (n_validation,), default=None
            Their weights >= 0; None means 1.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If the data or a parameter cannot be used. The estimator is then as it was
            before.
        WeightsOverflow
            A ValueError. It names the epoch, the row and the feature at fault. The
            estimator then has the model of the epoch before; if that was the first, it
            is as it was before.
        """
        with unchanged_on_error(self):
            return self._fit(
                X,
                y,
                sample_weight,
                coef_init=coef_init,
                intercept_init=intercept_init,
                validation=(X_val, y_val, sample_weight_val),
            )

    def set_params(self, **params):
        """Set parameters, those of the loss as ``loss__delta``.

        Those of an optimizer likewise: ``optimizer__beta_1``.

        Parameters
        ----------
        **params
            Parameters of the estimator and, after ``loss__`` or ``optimizer__``, of a
            loss or an optimizer that is an object.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If there is no such parameter, or the loss or the optimizer is a name, which
            has none.
        """
        for kind, example in (("loss", "Huber()"), ("optimizer", "Adam()")):
            nested = [name for name in params if name.startswith(f"{kind}__")]
            held = params.get(kind, getattr(self, kind))
            if nested and (isinstance(held, type) or not hasattr(held, "set_params")):
                raise ValueError(
                    f"{nested[0]!r} is a parameter of a {kind} object, and "
                    f"{kind}={held!r} is none. Use an object, such as "
                    f"{kind}={example}, with its parameters."
                )
        return super().set_params(**params)

    def _resolve_loss(self):
        return resolve_loss(self, self._tasks, self._other_losses)

    @property
    def _schedule(self):
        """`learning_rate`, or, for an optimizer, the steps that "auto" means."""
        steps = self.learning_rate == AUTO and self.optimizer != "sgd"
        return "constant" if steps else self.learning_rate

    def _check_parameters(self, partial):
        check_parameters(self, self._constraints)
        name = type(self).__name__
        if self._schedule == AUTO and self.clip_gradient is not None:
            raise InvalidParameterError(
                f"The 'clip_gradient' parameter of {name} must be None with "
                f"learning_rate='auto', which has no steps to clip. Got "
                f"{self.clip_gradient!r} instead: use learning_rate='constant', or an "
                "optimizer other than 'sgd'."
            )
        if self._schedule not in ("optimal", AUTO):
            check_parameters(self, _ETA0)
        elif self.learning_rate == "optimal" and self.alpha == 0:
            raise InvalidParameterError(
                f"The 'alpha' parameter of {name} must be > 0 with "
                "learning_rate='optimal', whose steps are 1 / (alpha (t0 + t - 1)). "
                "Use another learning_rate, or penalty=None with a positive alpha."
            )
        if self.penalty == "elasticnet" and self.l1_ratio is None:
            raise InvalidParameterError(
                f"The 'l1_ratio' parameter of {name} must be a float in the range "
                "[0.0, 1.0] with penalty='elasticnet'. Got None instead."
            )
        if partial and self.early_stopping:
            raise InvalidParameterError(
                f"The 'early_stopping' parameter of {name} must be False for "
                "partial_fit, which makes one epoch. Got True instead."
            )

    @with_callbacks  # within unchanged_on_error, which takes away what it looks for
    def _fit(
        self,
        X,
        y,
        sample_weight,
        *,
        partial=False,
        classes=None,
        coef_init=None,
        intercept_init=None,
        validation=(None, None, None),
    ):
        self._check_parameters(partial)
        loss = self._resolve_loss()
        solver = self._solver(partial, loss)
        solver.check(loss.at_scale(1.0))
        is_warm = self.warm_start and hasattr(self, "coef_")
        if coef_init is not None or intercept_init is not None or is_warm:
            solver.convex_start = False
        resumes = partial and hasattr(self, "coef_")
        given = X, y, sample_weight
        X, y = validate_data(self, X, y, reset=not resumes, **_ROWS)
        given_weight = weight = check_weights(sample_weight, X.shape[0])
        encode, n_outputs = self._encoder(y, weight, loss, classes, partial, resumes)
        targets, weight = encode(y, weight, "y")
        if resumes:
            start = self._resume(n_outputs, X.shape[1])
        else:
            start = self._start(n_outputs, X.shape[1], coef_init, intercept_init)
        if not isinstance(solver, Stream):
            start = forget(start)
        train, aside = self._split(targets.y, weight, validation[0] is None)
        overflow = None
        if train is not None and len(train) == 0:
            if not partial:
                raise ValueError("All sample weights are zero: nothing is left to fit.")
            state, self.n_iter_ = start, 0
            found = coefficients(start)
        else:
            objective = Objective(
                loss,
                Rows(X),
                targets,
                weight,
                X.shape[0] if train is None else len(train),
                Penalty.from_name(self.penalty, self.alpha, self.l1_ratio),
                n_outputs,
                self.fit_intercept,
            )
            objective = self._with_scale(objective, solver, train, resumes)
            loss = objective.loss
            fitted = functools.partial(self._fitted, loss, X.dtype)
            rows = X, y, given_weight
            watch = self._watch(objective, encode, rows, aside, validation, fitted)
            callbacks = None if partial else self._callbacks(given, fitted)
            if not partial and (self.trace or callbacks is not None):
                watch = replace(watch, trace=self.trace, callbacks=callbacks)
            problem = objective, start, train, watch
            try:
                results = self._solve_in_groups(solver, *problem)
                self._warn(solver, results)
            except WeightsOverflow as error:
                overflow, results = self._solve_before(error, solver, *problem)
            if not partial:
                publish_curves(self, results)
            state, *found = self._joined(results)
            if callbacks is not None:
                callbacks.end_fit(*found)
        vars(self).update(self._fitted(loss, X.dtype, *found))
        self._state = state
        self.t_ = float(state["t"].max())
        if overflow is not None:
            raise overflow
        return self

    def _with_scale(self, objective, solver, train, resumes):
        """The objective with a number for a scale "mad", which becomes `scale_`."""
        if not objective.loss.needs_scale:
            vars(self).pop("scale_", None)
            return objective
        if not (resumes and hasattr(self, "scale_")):
            self.scale_, found = residual_scale(objective, train)
            if not found.converged:
                warnings.warn(
                    "The least absolute deviations that scale='mad' is measured at did "
                    f"not converge, so that scale_={self.scale_:.4g} may be wrong. "
                    "Scale the features, or use a number for the scale.",
                    ConvergenceWarning,
                    stacklevel=4,
                )
            if solver.convex_start:
                solver.convex_start = found
        return replace(objective, loss=objective.loss.at_scale(self.scale_))

    def _fitted(self, loss, dtype, coef, intercept):
        """The attributes that a model of these coefficients predicts with."""
        coef, intercept = self._published(coef, intercept, dtype)
        return {"loss_": loss, "coef_": coef, "intercept_": intercept}

    def _callbacks(self, given, fitted):
        """scikit-learn's callbacks for this fit, or None if there are none.

        Parameters
        ----------
        given : tuple of X, y and sample_weight
            As they were passed to `fit`.
        fitted : callable
            (coef, intercept) -> dict, the attributes that make a model fitted.
        """
        if not getattr(self, "_skl_callbacks", None):
            return None
        unit, n_tasks = "epoch", self.max_iter
        if self.learning_rate == AUTO:
            unit, n_tasks = "iteration", None  # max_iter counts passes over the rows
        context = self._init_callback_context(max_subtasks=n_tasks)
        return EpochCallbacks(self, context, unit, given, fitted)

    def _watch(self, objective, encode, rows, aside, validation, fitted):
        """What is looked at while the model is fitted, by `partial_fit` as well.

        Parameters
        ----------
        objective : Objective
            Of the rows to learn from.
        encode : callable
            From `_encoder`.
        rows : tuple of X, y and sample_weight
            All that was given to `fit`.
        aside : ndarray of uint32 or None
            Those that were set aside.
        validation : tuple of X_val, y_val and sample_weight_val
        fitted : callable
            As in `_callbacks`.
        """
        watch = Watch(verbose=self.verbose)
        X, y = check_validation_data(self, *validation, **_ROWS)
        if X is not None:
            weight = check_weights(validation[2], X.shape[0], "sample_weight_val")
            targets, factors = encode(y, weight, "y_val")
            if factors is not None:
                aside = np.flatnonzero(factors).astype(np.uint32)
                if len(aside) == 0:
                    raise ValueError(
                        "All weights of the validation rows are zero: nothing is left "
                        "to validate on."
                    )
            objective = replace(
                objective, rows=Rows(X), targets=targets, sample_weight=factors
            )
            rows = X, y, weight
        elif aside is None:
            return watch
        score = None
        if self.scoring is not None:
            some = slice(None) if aside is None else aside
            rows = [None if a is None else a[some] for a in rows]
            score = make_score(self, *rows, fitted)
        return replace(watch, validation=objective, subset=aside, score=score)

    def _solver(self, partial, loss):
        optimizer = resolve_optimizer(self)
        is_auto = self._schedule == AUTO and not is_least_at_0(loss)
        if is_auto and partial:
            return Stream()
        if is_auto:
            return Newton(
                max_iter=self.max_iter,
                tol=self.tol,
                n_iter_no_change=self.n_iter_no_change,
            )
        optimal = self.learning_rate == "optimal"
        perceptron = self._schedule == AUTO
        schedule = Schedule(
            "constant" if perceptron else self._schedule,
            1.0 if optimal or perceptron else self.eta0,
            self.power_t,
            self.alpha if optimal else 1.0,
        )
        return SGD(
            schedule,
            batch_size=self.batch_size,
            n_threads=effective_n_jobs(self.n_jobs),
            max_iter=1 if partial else self.max_iter,
            tol=None if partial else self.tol,
            n_iter_no_change=self.n_iter_no_change,
            average=int(self.average),
            seed=draw_seed(self.random_state) if self.shuffle else None,
            optimizer=optimizer,
            clip=self.clip_gradient,
            clip_by=self.clip_by,
        )

    def _warn(self, solver, results):
        """Warn of what the solver found."""
        for message in dict.fromkeys(m for r in results for m in r.warnings):
            warnings.warn(message, ConvergenceWarning, stacklevel=5)
        if not all(r.converged for r in results):
            failure = (
                "passes over the rows, or found no step that lowers its objective. "
                "Increase max_iter or tol, or alpha, without which there may be no "
                "finite minimum."
                if isinstance(solver, Newton)
                else "epochs: the criterion was still falling by more than tol. "
                "Increase max_iter or tol, or scale the features."
            )
            warnings.warn(
                f"{type(self).__name__} did not converge in max_iter={self.max_iter} "
                f"{failure}",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _solve_before(self, error, solver, objective, start, train, watch):
        """The error of the first overflow, and the results of the epochs before.

        They are made once more: to keep a copy of all weights would cost every epoch of
        every fit something, and where threads share the classes, each is in an epoch of
        its own.

        Raises
        ------
        WeightsOverflow
            If there are none.
        """
        names = getattr(self, "feature_names_in_", None)
        problem = objective, start, train, replace(watch, verbose=0, callbacks=None)
        while error.epoch > 1:
            try:
                results = self._solve_in_groups(solver.until(error.epoch - 1), *problem)
            except WeightsOverflow as earlier:
                error = earlier
            else:
                return error.of_estimator(names, True), results
        raise error.of_estimator(names, False)

    def _joined(self, results):
        """State, coef and intercept of the results of one or several groups."""
        self.n_iter_ = int(max(r.n_iter.max() for r in results))
        if len(results) == 1:
            return results[0].state, results[0].coef, results[0].intercept
        state = {
            name: np.concatenate([r.state[name] for r in results])
            for name in results[0].state
        }
        return state, *coefficients(state)

    def _solve_in_groups(self, solver, objective, start, train, watch):
        return [solver.solve(objective, start, train, watch)]

    def _split(self, y, weight, may_set_aside=True):
        """The rows to learn from, None for all, and those to validate on, if any."""
        seen = None
        if weight is not None and weight.min() == 0:
            seen = np.flatnonzero(weight).astype(np.uint32)
        if not (self.early_stopping and may_set_aside):
            return seen, None
        if seen is None:
            seen = np.arange(len(y), dtype=np.uint32)
        splitter = self._splitter(
            test_size=self.validation_fraction, random_state=self.random_state
        )
        try:
            train, validation = next(splitter.split(np.zeros((len(seen), 1)), y[seen]))
        except ValueError as error:
            raise ValueError(
                "early_stopping cannot set aside validation_fraction="
                f"{self.validation_fraction} of {len(seen)} rows: {error}"
            ) from error
        return np.sort(seen[train]), np.sort(seen[validation])

    def _start(self, n_outputs, n_features, coef_init, intercept_init):
        """The state that a fit begins with."""
        if self.warm_start and hasattr(self, "coef_"):
            coef_init = self._dense_coef() if coef_init is None else coef_init
            intercept_init = (
                self.intercept_ if intercept_init is None else intercept_init
            )
        return SGD.start(
            self._initial("coef", coef_init, (n_outputs, n_features)),
            self._initial("intercept", intercept_init, (n_outputs,)),
        )

    def _initial(self, name, given, shape):
        """Coefficients or intercepts to start with, in the shape of the solver's."""
        if given is None:
            return np.zeros(shape)
        given = np.asarray(given, dtype=np.float64)
        # One output may come without its axis.
        if given.shape != shape and (shape[0] > 1 or given.shape != shape[1:]):
            raise ValueError(
                f"{name}_init, or the {name}_ of a warm start, has the shape "
                f"{given.shape} and does not match the data, which needs {shape}."
            )
        if not np.all(np.isfinite(given)):
            raise ValueError(f"{name}_init must be finite.")
        return given.reshape(shape)

    def _resume(self, n_outputs, n_features):
        """The state to go on from: the hidden one, unless somebody has set coef_."""
        coef = self._dense_coef()
        start = SGD.start(
            self._initial("coef", coef, (n_outputs, n_features)),
            self._initial("intercept", self.intercept_, (n_outputs,)),
        ) | {"t": np.full(n_outputs, getattr(self, "t_", 1.0))}
        if not hasattr(self, "_state"):
            return start
        hidden_coef, hidden_intercept = self._published(
            *coefficients(self._state), coef.dtype
        )
        if (
            len(self._state["v"]) == n_outputs
            and np.array_equal(hidden_coef, coef)
            and np.array_equal(hidden_intercept, self.intercept_)
        ):
            return self._state
        return start

    def _published(self, coef, intercept, dtype):
        """`coef_` and `intercept_` of a solver's."""
        with np.errstate(over="ignore"):  # is looked for
            published = (
                coef.astype(dtype, copy=False),
                intercept.astype(dtype, copy=False),
            )
        if not all(np.all(np.isfinite(array)) for array in published):
            raise ValueError(
                f"The coefficients overflow {np.dtype(dtype)}, which is that of X. "
                "Scale the features, or use smaller steps or float64."
            )
        return published


class SGDRegressor(LinearRegressorMixin, BaseSGD):
    __doc__ = f"""Linear regression with any loss.

    It minimizes

        sum_i sample_weight_i loss(y_i, x_i . w + b) / n
        + alpha ((1 - l1_ratio) / 2 |w|_2^2 + l1_ratio |w|_1)

    with all rows at once or, if `learning_rate` names a schedule, by stochastic
    gradient descent: one row, or `batch_size` rows, at a time. It takes every
    parameter of scikit-learn's :class:`~sklearn.linear_model.SGDRegressor`; `loss` may
    also be an object.

    Parameters
    ----------
    loss : Loss or str, default='squared_error'
        A loss for regression: an object, such as ``Huber(delta=1.5)``, or a name,
        such as 'huber'; see :func:`sklearn_losses.losses.loss_names`. The scale of a
        robust loss is a number in units of y, or "mad": see `scale_`.

    {
        _PARAMETERS.format(
            work="the rows of a large batch",
            most_features=MOST_FEATURES,
            power_t=0.25,
            stratified="",
            class_weight="",
        )
    }

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        The coefficients, float32 if X was.

    intercept_ : ndarray of shape (1,)
        The intercept.

    scale_ : float
        Only if a scale of the loss is "mad": 1.4826 times the weighted median absolute
        deviation, from their median, of the residuals of the least absolute deviations
        (with the penalty, on the rows of the fit; `partial_fit`: of the first call). If
        that is 0 it is 1.2533 times the mean absolute deviation, and 1.0 if that is 0.
        Outliers make it too large, by 1.8 if they are 30% and all on one side.

    {_ATTRIBUTES.format(most="")}

    {_CURVES}

    References
    ----------
    {_REFERENCES}

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import Huber, SGDRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2))
    >>> y = X @ [1.0, -2.0] + 0.1 * rng.normal(size=200)
    >>> y[:10] += 100.0  # outliers
    >>> SGDRegressor(loss=Huber(delta=0.5), random_state=0).fit(X, y).coef_.round(1)
    array([ 1., -2.])
    """

    _tasks = ("regression",)
    _splitter = ShuffleSplit

    def __init__(
        self,
        loss="squared_error",
        *,
        penalty="l2",
        alpha=0.0001,
        l1_ratio=0.15,
        fit_intercept=True,
        max_iter=1000,
        tol=1e-3,
        shuffle=True,
        verbose=0,
        epsilon=0.1,
        random_state=None,
        learning_rate="auto",
        eta0=0.01,
        power_t=0.25,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        warm_start=False,
        average=False,
        batch_size=1,
        optimizer="sgd",
        clip_gradient=None,
        clip_by="norm",
        n_jobs=None,
        scoring=None,
        trace=False,
    ):
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.verbose = verbose
        self.epsilon = epsilon
        self.random_state = random_state
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.average = average
        self.batch_size = batch_size
        self.scoring = scoring
        self.trace = trace
        self.optimizer = optimizer
        self.clip_gradient = clip_gradient
        self.clip_by = clip_by
        self.n_jobs = n_jobs

    def partial_fit(self, X, y, sample_weight=None):
        """Make one epoch over these rows, starting from the current coefficients.

        With learning_rate='auto' take them in: the model is then, about, that of all
        rows so far.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows of this epoch.

        y : array-like of shape (n_samples,)
            Targets in the domain of the loss.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0; None means 1. If all are 0, the model stays as it is.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            As in `fit`. The model is then as it was before, also if weights overflow.
        """
        with unchanged_on_error(self):
            return self._fit(X, y, sample_weight, partial=True)

    def _encoder(self, y, weight, loss, classes, partial, resumes):
        def encode(y, weight, name):
            try:
                y = np.ascontiguousarray(y, dtype=np.float64)
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"{name} must be numeric in regression. {error}"
                ) from error
            loss.check_targets(y, name=name)
            return Targets(y), weight

        return encode, 1

    def _published(self, coef, intercept, dtype):
        return super()._published(coef[0], intercept, dtype)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        with suppress(
            ValueError, TypeError, ImportError
        ):  # a loss that fit refuses has no domain
            tags.target_tags.positive_only = self._resolve_loss().domain.low >= 0
        return tags


class SGDClassifier(LinearClassifierMixin, BaseSGD):
    __doc__ = f"""Linear classification with any loss.

    It minimizes

        sum_i sample_weight_i loss(y_i, x_i . w + b) / n
        + alpha ((1 - l1_ratio) / 2 |w|_2^2 + l1_ratio |w|_1)

    with all rows at once or, if `learning_rate` names a schedule, by stochastic
    gradient descent: one row, or `batch_size` rows, at a time. A binary loss on several
    classes is fitted one versus rest, each class with an objective of its own; a
    multiclass loss such as ``CrossEntropy()`` has one joint objective. It takes every
    parameter of scikit-learn's :class:`~sklearn.linear_model.SGDClassifier`; `loss` may
    also be an object.

    Parameters
    ----------
    loss : Loss or str, default='hinge'
        A loss for classification: an object, such as ``LogLoss()``, or a name, such as
        'log_loss'; see :func:`sklearn_losses.losses.loss_names`. As in scikit-learn
        the names 'squared_error', 'huber', 'epsilon_insensitive' and
        'squared_epsilon_insensitive' fit a regression to the labels -1 and 1.

    {
        _PARAMETERS.format(
            work="the classes of one versus rest or the rows of a batch",
            most_features=MOST_FEATURES,
            power_t=0.5,
            stratified=", stratified",
            class_weight=_CLASS_WEIGHT,
        )
    }

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        The coefficients, float32 if X was. With two classes there is one row,
        whose positive predictions mean `classes_[1]`.

    intercept_ : ndarray of shape (1,) or (n_classes,)
        The intercepts.

    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.

    {_ATTRIBUTES.format(most="; in one versus rest, the maximum over the classes")}

    {_CURVES}

    References
    ----------
    {_REFERENCES}

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_losses import CrossEntropy, SGDClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(
    ...     StandardScaler(), SGDClassifier(loss=CrossEntropy(), random_state=0)
    ... )
    >>> model.fit(X, y).predict_proba(X[:1]).round(2)
    array([[1., 0., 0.]])
    """

    _tasks = ("binary", "multiclass")
    _other_losses = ("squared_error", *EPSILON_IS)
    _splitter = StratifiedShuffleSplit
    _constraints = BaseSGD._constraints | {
        "class_weight": [
            Options("balanced"),
            Instance(Mapping, "a dict of label to weight"),
            NONE,
        ],
    }

    def __init__(
        self,
        loss="hinge",
        *,
        penalty="l2",
        alpha=0.0001,
        l1_ratio=0.15,
        fit_intercept=True,
        max_iter=1000,
        tol=1e-3,
        shuffle=True,
        verbose=0,
        epsilon=0.1,
        n_jobs=None,
        random_state=None,
        learning_rate="auto",
        eta0=0.01,
        power_t=0.5,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        class_weight=None,
        warm_start=False,
        average=False,
        batch_size=1,
        scoring=None,
        trace=False,
        optimizer="sgd",
        clip_gradient=None,
        clip_by="norm",
    ):
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.verbose = verbose
        self.epsilon = epsilon
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.average = average
        self.batch_size = batch_size
        self.scoring = scoring
        self.trace = trace
        self.optimizer = optimizer
        self.clip_gradient = clip_gradient
        self.clip_by = clip_by

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Make one epoch over these rows, starting from the current coefficients.

        With learning_rate='auto' take them in: the model is then, about, that of all
        rows so far.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows of this epoch.

        y : array-like of shape (n_samples,)
            Labels, all of them among `classes`.

        classes : array-like of shape (n_classes,), default=None
            All labels that may occur in any call. Required in the first call; later
            calls may omit it, or must pass the same labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0; None means 1. If all are 0, the model stays as it is.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            As in `fit`, and if a label is not among the classes. The model is then as
            it was before, also if weights overflow.
        """
        with unchanged_on_error(self):
            return self._fit(X, y, sample_weight, partial=True, classes=classes)

    def _check_parameters(self, partial):
        super()._check_parameters(partial)
        if partial and isinstance(self.class_weight, str):
            raise InvalidParameterError(
                "The 'class_weight' parameter of SGDClassifier must be a dict or None "
                "for partial_fit, which cannot know how frequent the classes will be. "
                "Got 'balanced' instead: compute the weights with "
                "sklearn.utils.class_weight.compute_class_weight on a sample of y."
            )

    def _encoder(self, y, weight, loss, classes, partial, resumes):
        """How labels become targets, and the number of outputs."""
        check_classification_targets(y)
        if partial:
            self.classes_ = self._known_classes(classes, resumes)
        else:
            self.classes_ = np.unique(y)
        n_classes = len(self.classes_)
        if n_classes < 2:
            raise ValueError(
                "SGDClassifier needs at least two classes, and y has one class: "
                f"{self.classes_.tolist()}."
            )
        factors = class_factors(self.class_weight, self.classes_, y, weight)
        rest = -1.0 if loss.task == "regression" else 0.0
        is_binary = loss.granularity == "point" and n_classes == 2

        def encode(y, weight, name):
            codes = encode_labels(y, self.classes_, name)
            if loss.granularity == "point" and not is_binary:
                return Targets(codes, 0, rest, factors), weight
            if factors is not None:
                of_row = factors[codes.astype(np.intp)]
                weight = of_row if weight is None else weight * of_row
            return Targets(rest + (1.0 - rest) * codes if is_binary else codes), weight

        return encode, 1 if is_binary else n_classes

    def _known_classes(self, classes, resumes):
        if not resumes:
            if classes is None:
                raise ValueError(
                    "The first call of partial_fit needs `classes`, all labels that "
                    "will ever come: partial_fit(X, y, classes=np.unique(y_all))."
                )
            return check_classes(classes)
        if classes is not None and not np.array_equal(
            np.unique(classes), self.classes_
        ):
            raise ValueError(
                f"classes={np.unique(classes).tolist()} is not the same as in the "
                f"first call of partial_fit, {self.classes_.tolist()}. Leave it out."
            )
        return self.classes_

    def _solve_in_groups(self, solver, objective, start, train, watch):
        """One versus rest, each thread takes some of the classes."""
        n_outputs = objective.n_outputs
        n_groups = min(effective_n_jobs(self.n_jobs), n_outputs)
        together = objective.is_joint or watch.needs_all_outputs
        if n_groups == 1 or together or isinstance(solver, Stream):
            return super()._solve_in_groups(solver, objective, start, train, watch)

        solver.n_threads = 1

        def solve(outputs):
            group = {name: array[outputs] for name, array in start.items()}
            labels = ", ".join(map(str, self.classes_[outputs]))
            some = watch.of_outputs(outputs, name=f"[{labels}] ")
            return solver.solve(objective.of_outputs(outputs), group, train, some)

        edges = np.linspace(0, n_outputs, n_groups + 1).astype(int)
        try:
            return Parallel(n_jobs=n_groups, require="sharedmem")(
                delayed(solve)(slice(a, b)) for a, b in pairwise(edges)
            )
        except BaseException:
            solver.stop.set()  # the other threads end with their epoch
            raise

    def _initial(self, name, given, shape):
        if given is not None and shape[0] == 2:
            # Two classes of a joint loss are published as one difference.
            one = np.asarray(given, dtype=np.float64)
            if one.shape in (shape[1:], (1, *shape[1:])):
                half = 0.5 * one.reshape(shape[1:])
                given = np.stack([-half, half])
        return super()._initial(name, given, shape)

    def _published(self, coef, intercept, dtype):
        if len(coef) == 2:
            coef, intercept = coef[1:] - coef[:1], intercept[1:] - intercept[:1]
        return super()._published(coef, intercept, dtype)
