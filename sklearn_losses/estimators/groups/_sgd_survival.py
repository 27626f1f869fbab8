"""SGDSurvival: proportional hazards by steps of a few rows, or from a stream.

The rows of a step, or of a call of `partial_fit`, are compared with each other alone,
as if they were a stratum. What is fitted is then a stratified partial likelihood, which
is least at the same coefficients but for chance, if hazards are in proportion.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from sklearn_losses._machine._params import Interval
from sklearn_losses._machine._typing import ArrayLike, Matrix, Seed
from sklearn_losses.design._structure import refuse_collection
from sklearn_losses.estimators._validation import unchanged_on_error
from sklearn_losses.estimators.blocks._blocks import learns_from_blocks
from sklearn_losses.estimators.groups._hazards import (
    BASELINE,
    CENSORING,
    SurvivalMixin,
    censoring,
    flat,
    ids_of,
)
from sklearn_losses.estimators.groups._sgd_group_docs import (
    AUTO_NOTE,
    GROUP_CURVES,
    REFERENCES,
    early_stopping,
    group_attributes,
    group_parameters,
)
from sklearn_losses.estimators.groups._sgd_groups import BaseGroupSGD
from sklearn_losses.losses import Loss, survival_target
from sklearn_losses.losses._targets import (
    group_codes,
    has_causes,
    survival_columns,
)
from sklearn_losses.penalties import Penalty
from sklearn_losses.problem._blocks import RowBlocks
from sklearn_losses.solvers.sgd._group_sgd import StrataSGD
from sklearn_losses.solvers.sgd._optimizers import Optimizer

_PARAMETERS = group_parameters(
    *early_stopping("rows", "concordance_index_scorer()"),
    """batch_size : int, default=100
        The most rows of a step, >= 2: drawn from one stratum, and compared with each
        other alone. The fewer, the less a step sees of who else was at risk; see
        Notes.""",
)
_ATTRIBUTES = group_attributes(
    """as many
        steps as the rows of each stratum divided by `batch_size`, rounded up; rows of
        weight zero do not count. With learning_rate='auto' it counts rows."""
)
_AUTO = AUTO_NOTE.format(
    exact="LinearSurvival",
    of_fit="",
    units="rows",
    of_call=""", where
    the rows of a call are strata of their own""",
    needs="",
)


class SGDSurvival(SurvivalMixin, BaseGroupSGD):
    __doc__ = f"""Proportional hazards by stochastic gradient descent, or from a stream.

    It minimizes

        sum over strata of loss(y_s, X_s w) / S + alpha penalty(w)

    with all rows at once or, if `learning_rate` names a schedule, by stochastic
    gradient descent: S is the sum of the sample weights, and a step takes `batch_size`
    rows of a stratum as if they were all. `partial_fit` takes rows as they come. There
    is no intercept, which is a part of the baseline.

    Parameters
    ----------
    loss : Loss or str, default='cox'
        Of proportional hazards: 'cox', or ``CoxPH(ties="efron")``.

    {_PARAMETERS}

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        The coefficients, logarithms of hazard ratios; float32 if X was.

    baseline_ : Bunch, or dict of stratum to Bunch
        {BASELINE}. With
        `strata` one for each. They are of all rows of `fit`, or of the last rows with
        an event that `partial_fit` has got.

    censoring_ : Bunch, or None with late entries
        {CENSORING}. It is of the same rows as `baseline_`.

    {_ATTRIBUTES}

    {GROUP_CURVES}

    See Also
    --------
    LinearSurvival : With a certificate, several causes, and models of times.
    survival_target : What `fit` takes as y.
    concordance_index_scorer : A scorer for searches, and for `scoring`.

    Notes
    -----
    **Steps.** An epoch cuts the rows of each stratum by chance into sets of at most
    `batch_size`, and a step sees a set. So few rows have a partial likelihood of their
    own, and its mean over all cuts is what steps minimise: where hazards are in
    proportion it is least at the same coefficients as that of all rows, but for chance
    [3]_, [4]_. With ten features, sets of 1000, 100, 10 and 2 rows lead to some 0.07,
    0.2, 0.5 and 1 standard errors from there, for they know less of a row. Where there
    is a penalty, which then weighs more, or hazards are not in proportion, so that who
    is at risk together matters, it is another optimum: take large sets. `loss_curve_`
    is of sets, and smaller than the loss of all rows.

    {_AUTO} Pass hundreds of rows in a call: one row alone
    says nothing.

    References
    ----------
    {REFERENCES}
    .. [3] Kvamme, Borgan and Scheel 2019, "Time-to-event prediction with neural
       networks and Cox regression", JMLR 20.
    .. [4] Tarkhan and Simon 2024, "An online framework for survival analysis: reframing
       Cox proportional hazards model for large data sets and neural networks",
       Biostatistics 25.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_losses import SGDSurvival, survival_target
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2000, 2))
    >>> time = rng.exponential(np.exp(-X @ [1.0, -0.5]))
    >>> end = rng.exponential(2.0, size=2000)
    >>> y = survival_target(event=time <= end, time=np.minimum(time, end))
    >>> model = SGDSurvival(optimizer="adagrad", eta0=0.1, random_state=0).fit(X, y)
    >>> model.coef_.round(1)
    array([ 1. , -0.5])
    >>> model.predict_survival_function(X[:1], times=[0.1, 1.0]).round(1)
    array([[0.9, 0.3]])
    >>> model = SGDSurvival()
    >>> for some in np.split(np.arange(2000), 4):
    ...     model = model.partial_fit(X[some], y[some])
    >>> model.coef_.round(1)
    array([ 1. , -0.5])
    """

    _sgd = StrataSGD
    _units_are = "rows"
    _predict_risk_score = True  # scikit-survival's name for it
    __metadata_request__partial_fit = {"strata": True}
    _constraints = BaseGroupSGD._constraints | {
        "batch_size": [Interval(2, None, "left", integer=True)]
    }

    def __init__(
        self,
        loss: Loss | str = "cox",
        *,
        penalty: Penalty | str | None = "l2",
        alpha: float = 0.0001,
        l1_ratio: float | None = 0.15,
        max_iter: int = 1000,
        tol: float | None = 1e-3,
        shuffle: bool = True,
        verbose: int = 0,
        random_state: Seed = None,
        learning_rate: str = "auto",
        eta0: float = 0.01,
        power_t: float = 0.25,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        warm_start: bool = False,
        average: int = False,
        batch_size: int = 100,
        optimizer: Optimizer | str = "sgd",
        clip_gradient: float | None = None,
        clip_by: str = "norm",
        scoring: Callable[..., Any] | str | None = None,
        trace: bool = False,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.verbose = verbose
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
        self.optimizer = optimizer
        self.clip_gradient = clip_gradient
        self.clip_by = clip_by
        self.scoring = scoring
        self.trace = trace

    def fit(
        self,
        X: Matrix,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        strata: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        *,
        coef_init: ArrayLike | None = None,
        X_val: Matrix | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        strata_val: ArrayLike | None = None,
        offset_val: ArrayLike | None = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            It is not copied if it is float32 or float64, and C-contiguous or CSR with
            sorted columns.

        y : array-like of shape (n_samples,)
            As from `survival_target` or scikit-survival's Surv, of one cause. Plain
            numbers are times of events.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0 of rows; None means 1.

        strata : array-like of shape (n_samples,), default=None
            Which stratum each row is of: rows of different ones are not compared, and
            each has a baseline. None: all rows are of one.

        offset : array-like of shape (n_samples,) or float, default=None
            What is known of log hazard ratios: it is added to them, and has no
            coefficient.

        coef_init : array-like of shape (n_features,), default=None
            The coefficients to start from. None means 0, or `coef_` with `warm_start`.

        X_val : {array-like, sparse matrix} of shape (n_validation, n_features), \
                default=None
            Rows to validate on after each epoch, whatever `early_stopping` is; none are
            then set aside from X.

        y_val : array-like of shape (n_validation,), default=None
            Their targets. Required with `X_val`.

        sample_weight_val : array-like of shape (n_validation,), default=None
            Their weights >= 0; None means 1.

        strata_val : array-like of shape (n_validation,), default=None
            Their strata. None: all are of one.

        offset_val : array-like of shape (n_validation,) or float, default=None
            Their offsets.

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
        refuse_collection(X, "X")
        validation = X_val, y_val, sample_weight_val, strata_val, offset_val
        with unchanged_on_error(self):
            given = self._grouped(y, strata)
            self.censoring_ = censoring(given[1], sample_weight)  # for `scoring`
            vars(self).pop("_hazards", None)
            return self._fit(
                X,
                given,
                sample_weight,
                init=(coef_init, None),
                validation=validation,
                offset=offset,
            )

    @learns_from_blocks
    def partial_fit(
        self,
        X: Matrix | RowBlocks,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        strata: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Self:
        """Make one epoch over these rows, starting from the current coefficients.

        With learning_rate='auto' take them in: the model is then, about, that of all
        rows so far, of which those of different calls are not compared, also if their
        strata have the same ids. Rows without an event add nothing but their number.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows of this epoch; hundreds, for they are compared with each other
            alone.

        y : array-like of shape (n_samples,)
            As in `fit`.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0; None means 1. If all are 0 the model stays as it is.

        strata : array-like of shape (n_samples,), default=None
            Which stratum each row is of, as in `fit`.

        offset : array-like of shape (n_samples,) or float, default=None
            What is known of log hazard ratios, as in `fit`.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            As in `fit`. The model is then as it was before, also if weights overflow.
        """
        with unchanged_on_error(self):
            given = self._grouped(y, strata)
            return self._fit(X, given, sample_weight, partial=True, offset=offset)

    def _grouped(self, y, groups):
        """What was given, targets as columns, codes of strata, their ids or None."""
        refuse_collection(y, "y")
        if has_causes(y):
            raise ValueError(
                f"{type(self).__name__} is of one kind of event, and y has codes of "
                "several. Pass survival_target(cause == 1, time), or use "
                "LinearSurvival()."
            )
        columns = survival_columns(flat(y))
        codes = group_codes(groups, len(columns), "strata")
        return y, columns, codes, None if groups is None else ids_of(groups, codes)

    def _look_at(self, objective, partial):
        if not partial:
            self._check_events(objective.targets.y, objective.sample_weight)
            term = objective.term()
            if term.value(np.zeros(len(term.y))) == 0.0:
                self._warn_of_nobody_else()

    def _complete(self, X, given, sample_weight, offset):
        """The baselines; rows without an event say nothing of them."""
        _, columns, codes, strata = given
        weight = 1.0 if sample_weight is None else np.asarray(sample_weight)
        if hasattr(self, "_hazards") and not (columns[:, 1] * weight).any():
            return
        self._strata = strata
        self._fit_baselines(X, columns, codes, sample_weight, offset)

    def _check_held(self, objective):
        if not objective.grouping.y[:, 1].any():
            raise ValueError(
                "The validation rows have no event (with weight), and their loss says "
                "nothing. Pass more of them, or a larger validation_fraction."
            )

    def _validated(self, y_val, groups_val):
        columns = survival_columns(flat(y_val))
        return columns, group_codes(groups_val, len(columns), "strata_val")

    def _target(self, targets):
        time, event, *entry = targets.y.T
        return survival_target(event != 0, time, *entry)

    def _units(self, objective):
        rows = np.arange(objective.rows.n_rows)
        return np.sort(objective.grouping.order), rows
