"""SGDRegressor and SGDClassifier: scikit-learn's, for any loss.

Here parameters and labels become the objective and the solver, and their result becomes
attributes. Everything numeric is in the layers below.
"""

import warnings
from collections.abc import Mapping
from contextlib import suppress
from itertools import pairwise

import numpy as np
from joblib import effective_n_jobs
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
    unchanged_on_error,
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
from sklearn_losses.solvers._schedules import Schedule
from sklearn_losses.solvers._sgd import SGD
from sklearn_losses.solvers._stream import Stream, forget

SCHEDULES = ("constant", "optimal", "invscaling", "adaptive", "pa1", "pa2")
AUTO = "auto"  # no schedule at all: Newton's method

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
        If positive or True, `fit` prints a line after each epoch.

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
            'pa2', 'auto'}}, default={learning_rate!r}
        The step size at step t:

        - 'constant': eta0;
        - 'optimal': 1 / (alpha (t0 + t - 1)), with the t0 that Bottou proposes [2]_;
        - 'invscaling': eta0 / t ** power_t;
        - 'adaptive': eta0, divided by 5 each time that `tol` would end the fit; below
          1e-6 the fit ends;
        - 'pa1', 'pa2': passive-aggressive steps [1]_, for piecewise linear losses;
          eta0 is their aggressiveness C;
        - 'auto': no steps to tune. `fit` uses all rows at once: Newton's method on
          centred and scaled features, kinks of the loss smoothed less and less [4]_,
          the length of a step found by a line search [5]_, an l1 norm by coordinate
          descent on the quadratic model [6]_. `tol` is then the share of the possible
          gain over the best constant that may be missing, about (None: as little as
          can be reached), `max_iter` the most passes over the rows, `n_iter_` the
          passes made, and `verbose` prints a line an iteration. eta0, power_t, average,
          batch_size and shuffle have no effect. It needs memory for
          n_features^2 numbers and is limited to {most_features} features, and refuses
          losses of rows, such as CrossEntropy; of a loss that is not convex it finds
          a local minimum, never worse than the best constant found.
          `partial_fit` takes any loss and any number of features: it minimizes the
          objective over all rows so far, of which it keeps at most 1000 as they are,
          those where the loss bends most, and the others as a quadratic function [7]_.
          `coef_` moves when a twentieth of the rows so far is new, at most 50 rows;
          until then they wait. Coefficients from elsewhere (set by hand, of `fit`, or
          of another learning_rate) count as t_ - 1 rows. It keeps at most 8 MB of rows
          (or 32, or of CSR with very many features 1000 rows), and matrices of at most
          4 MB or, where they would be larger, 32 directions and a diagonal for each
          output. Labels may come in any order; n_jobs has no effect.

    eta0 : float, default=0.01
        The initial step size, > 0. It is not used by 'optimal'.

    power_t : float, default={power_t}
        The exponent of 'invscaling'.

    early_stopping : bool, default=False
        Whether to set rows aside for validation, to end the fit when their mean loss
        (with sample weights) no longer falls, and to keep the coefficients of the epoch
        where it was lowest.

    validation_fraction : float, default=0.1
        The fraction of the rows to set aside, in (0, 1){stratified}. It is only used
        with `early_stopping`.

    n_iter_no_change : int, default=5
        The number of consecutive epochs without progress after which the fit ends.
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
        'pa1' and 'pa2' need batch_size=1."""

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
    .. [7] Luo and Song 2020, "Renewable estimation and incremental inference in
       generalized linear models with streaming data sets", JRSS B 82."""


_ETA0 = {"eta0": [Interval(0, None, "neither")]}  # 'optimal' ignores it


class BaseSGD(LinearModel):
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
        "n_jobs": [Interval(None, None, integer=True), NONE],
        "warm_start": [BOOLEAN],
        "average": [Interval(1, None, "left", integer=True), BOOLEAN],
        "batch_size": [Interval(1, None, "left", integer=True)],
    }

    def fit(self, X, y, coef_init=None, intercept_init=None, sample_weight=None):
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

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If the data or a parameter cannot be used, or the weights overflow. The
            estimator is then as it was before.
        """
        with unchanged_on_error(self):
            return self._fit(
                X,
                y,
                sample_weight,
                coef_init=coef_init,
                intercept_init=intercept_init,
            )

    def set_params(self, **params):
        """Set parameters, those of the loss as ``loss__delta``.

        Parameters
        ----------
        **params
            Parameters of the estimator and, after ``loss__``, of a loss object.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If there is no such parameter, or the loss is a name, which has none.
        """
        nested = [name for name in params if name.startswith("loss__")]
        loss = params.get("loss", self.loss)
        if nested and (isinstance(loss, type) or not hasattr(loss, "set_params")):
            raise ValueError(
                f"{nested[0]!r} is a parameter of a loss object, and loss={loss!r} is "
                "none. Use an object, such as loss=Huber(), with its parameters."
            )
        return super().set_params(**params)

    def _resolve_loss(self):
        return resolve_loss(self, self._tasks, self._other_losses)

    def _check_parameters(self, partial):
        check_parameters(self, self._constraints)
        name = type(self).__name__
        if self.learning_rate not in ("optimal", AUTO):
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
    ):
        self._check_parameters(partial)
        loss = self._resolve_loss()
        solver = self._solver(partial)
        solver.check(loss)
        resumes = partial and hasattr(self, "coef_")
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            accept_large_sparse=True,
            dtype=(np.float64, np.float32),
            order="C",
            reset=not resumes,
        )
        weight = check_weights(sample_weight, X.shape[0])
        targets, weight, n_outputs = self._targets(
            y, weight, loss, classes, partial, resumes
        )
        if resumes:
            start = self._resume(n_outputs, X.shape[1])
        else:
            start = self._start(n_outputs, X.shape[1], coef_init, intercept_init)
        if not isinstance(solver, Stream):
            start = forget(start)
        train, validation = self._split(targets.y, weight)
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
            state, *found = self._solve(solver, objective, start, train, validation)
        self.loss_ = loss
        self._state = state
        self.coef_, self.intercept_ = self._published(*found, X.dtype)
        self.t_ = float(state["t"].max())
        return self

    def _solver(self, partial):
        if self.learning_rate == AUTO and partial:
            return Stream()
        if self.learning_rate == AUTO:
            return Newton(
                max_iter=self.max_iter,
                tol=self.tol,
                n_iter_no_change=self.n_iter_no_change,
                verbose=self.verbose,
            )
        optimal = self.learning_rate == "optimal"
        schedule = Schedule(
            self.learning_rate,
            1.0 if optimal else self.eta0,
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
            verbose=self.verbose,
        )

    def _solve(self, solver, objective, start, train, validation):
        """Solve, warn of what the solver found, and return state, coef, intercept."""
        results = self._solve_in_groups(solver, objective, start, train, validation)
        for message in dict.fromkeys(m for r in results for m in r.warnings):
            warnings.warn(message, ConvergenceWarning, stacklevel=4)
        if not all(r.converged for r in results):
            failure = (
                "passes over the rows, or found no step that lowers its objective. "
                "Increase max_iter or tol, or alpha, without which there may be no "
                "finite minimum."
                if self.learning_rate == AUTO
                else "epochs: the criterion was still falling by more than tol. "
                "Increase max_iter or tol, or scale the features."
            )
            warnings.warn(
                f"{type(self).__name__} did not converge in max_iter={self.max_iter} "
                f"{failure}",
                ConvergenceWarning,
                stacklevel=4,
            )
        self.n_iter_ = int(max(r.n_iter.max() for r in results))
        if len(results) == 1:
            return results[0].state, results[0].coef, results[0].intercept
        state = {
            name: np.concatenate([r.state[name] for r in results])
            for name in results[0].state
        }
        return state, *coefficients(state)

    def _solve_in_groups(self, solver, objective, start, train, validation):
        return [solver.solve(objective, start, train, validation)]

    def _split(self, y, weight):
        """The rows to learn from and those to validate on; None stands for all."""
        seen = None
        if weight is not None and weight.min() == 0:
            seen = np.flatnonzero(weight).astype(np.uint32)
        if not self.early_stopping:
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
    __doc__ = f"""Linear regression with any loss, by stochastic gradient descent.

    It minimizes

        sum_i sample_weight_i loss(y_i, x_i . w + b) / n
        + alpha ((1 - l1_ratio) / 2 |w|_2^2 + l1_ratio |w|_1)

    one row, or `batch_size` rows, at a time. It takes every parameter of
    scikit-learn's :class:`~sklearn.linear_model.SGDRegressor`; `loss` may also be an
    object.

    Parameters
    ----------
    loss : Loss or str, default='squared_error'
        A loss for regression: an object, such as ``Huber(delta=1.5)``, or a name,
        such as 'huber'; see :func:`sklearn_losses.losses.loss_names`.

    {
        _PARAMETERS.format(
            work="the rows of a large batch",
            most_features=MOST_FEATURES,
            learning_rate="invscaling",
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

    {_ATTRIBUTES.format(most="")}

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
        learning_rate="invscaling",
        eta0=0.01,
        power_t=0.25,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        warm_start=False,
        average=False,
        batch_size=1,
        n_jobs=None,
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
            As in `fit`.
        """
        with unchanged_on_error(self):
            return self._fit(X, y, sample_weight, partial=True)

    def _targets(self, y, weight, loss, classes, partial, resumes):
        try:
            y = np.ascontiguousarray(y, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"y must be numeric in regression. {error}") from error
        loss.check_targets(y, name="y")
        return Targets(y), weight, 1

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
    __doc__ = f"""Linear classification with any loss, by stochastic gradient descent.

    It minimizes

        sum_i sample_weight_i loss(y_i, x_i . w + b) / n
        + alpha ((1 - l1_ratio) / 2 |w|_2^2 + l1_ratio |w|_1)

    one row, or `batch_size` rows, at a time. A binary loss on several classes is fitted
    one versus rest, each class with an objective of its own; a multiclass loss such as
    ``CrossEntropy()`` has one joint objective. It takes every parameter of
    scikit-learn's :class:`~sklearn.linear_model.SGDClassifier`; `loss` may also be an
    object.

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
            learning_rate="optimal",
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
        learning_rate="optimal",
        eta0=0.01,
        power_t=0.5,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        class_weight=None,
        warm_start=False,
        average=False,
        batch_size=1,
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
            As in `fit`, and if a label is not among the classes.
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

    def _targets(self, y, weight, loss, classes, partial, resumes):
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
        codes = encode_labels(y, self.classes_)
        factors = class_factors(self.class_weight, self.classes_, y, weight)
        rest = -1.0 if loss.task == "regression" else 0.0
        if loss.granularity == "point" and n_classes > 2:
            return Targets(codes, 0, rest, factors), weight, n_classes
        if factors is not None:
            factors = factors[codes.astype(np.intp)]
            weight = factors if weight is None else weight * factors
        if loss.granularity == "row":
            return Targets(codes), weight, n_classes
        return Targets(rest + (1.0 - rest) * codes), weight, 1

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

    def _solve_in_groups(self, solver, objective, start, train, validation):
        """One versus rest, each thread takes some of the classes."""
        n_outputs = objective.n_outputs
        n_groups = min(effective_n_jobs(self.n_jobs), n_outputs)
        if n_groups == 1 or objective.is_joint or isinstance(solver, Stream):
            return super()._solve_in_groups(solver, objective, start, train, validation)

        solver.n_threads = 1

        def solve(outputs):
            group = {name: array[outputs] for name, array in start.items()}
            return solver.solve(objective.of_outputs(outputs), group, train, validation)

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
