"""Stochastic gradient descent: which epoch is the last, and what it leaves behind.

The epochs themselves are a kernel, in _sgd_epoch.pyx. Between two of them Python looks
at the objective, which is also where Ctrl-C gets through.
"""

from copy import copy
from dataclasses import replace

import numpy as np

from sklearn_losses.losses._best_constant import is_least_at_0
from sklearn_losses.losses._ordinal import LEAST_GAP
from sklearn_losses.penalties._price import Price
from sklearn_losses.solvers._base import Solver, SolverResult, Stop
from sklearn_losses.solvers._fit_state import coefficients
from sklearn_losses.solvers._progress import NOTHING, Progress
from sklearn_losses.solvers.sgd._gradient_epoch import GradientSteps
from sklearn_losses.solvers.sgd._long_rows import LongRows
from sklearn_losses.solvers.sgd._optimizers import Plain, drop_moments
from sklearn_losses.solvers.sgd._overflow import find_overflow
from sklearn_losses.solvers.sgd._settings import Samples
from sklearn_losses.solvers.sgd._sgd_epoch import Epoch
from sklearn_losses.solvers.sgd._short_rows import ShortRows
from sklearn_losses.solvers.sgd._weights import (
    ScaledWeights,
    drop_l1_total,
    drop_mean,
    make_room_for_mean,
)

# "adaptive" divides the step size by this, until it is that small; as scikit-learn.
ETA_FACTOR, SMALLEST_ETA = 5.0, 1e-6


class SGD(Solver):
    """Stochastic gradient descent, one row or a batch of rows a step.

    Parameters
    ----------
    settings : SGDSettings
        Of the steps.
    optimizer : Optimizer or None
        How a step follows from the gradients so far; None: as in plain SGD, with steps
        that touch only the weights of their rows.
    max_iter : int
        The most epochs.
    tol : float or None
        An epoch whose criterion is not below the best so far by this much counts as
        stale; None: none does, and `max_iter` epochs are made.
    n_iter_no_change : int
        So many stale epochs in a row end the fit, or let "adaptive" go on with a
        smaller step.
    """

    verifies = True

    def __init__(
        self, settings, *, optimizer=None, max_iter=1000, tol=1e-3, n_iter_no_change=5
    ):
        self.settings = settings
        self.max_iter, self.tol = max_iter, tol
        self.n_iter_no_change = n_iter_no_change
        # What is clipped has to be formed, but for the norm of one row's gradient.
        forms = settings.clip_by == "value" or settings.batch_size > 1
        if optimizer is None and forms and settings.clips:
            optimizer = Plain()
        self.optimizer = optimizer
        self.stop = Stop()  # set: end after the current epoch

    def check(self, loss):
        settings, setting = self.settings, self.setting
        if not settings.schedule.is_passive_aggressive:
            return
        if loss.outputs and loss.granularity == "row":
            raise ValueError(
                f"{setting} cannot use {loss!r}, because its step is made for one "
                "prediction, and this loss has several outputs. Use another "
                "learning_rate."
            )
        if settings.batch_size > 1:
            raise ValueError(
                f"{setting} cannot use batch_size={settings.batch_size}, because its "
                "step is made for one row. Use batch_size=1, or another learning_rate."
            )
        if self.optimizer is not None or settings.clips:
            other = (
                f"clip_gradient={settings.clip!r}"
                if settings.clips
                else f"optimizer={self.optimizer.name!r}"
            )
            raise ValueError(
                f"{setting} cannot use {other}, because each sample decides how long "
                "its own step is. Use another learning_rate, or optimizer='sgd' and "
                "clip_gradient=None."
            )
        if not loss.piecewise_linear:
            raise ValueError(
                f"{setting} cannot use {loss!r}, because its step ends where a linear "
                "piece of the loss reaches 0, and this loss is not piecewise linear. "
                "Use Hinge() or EpsilonInsensitive(), or another learning_rate."
            )
        if is_least_at_0(loss):
            raise ValueError(
                f"{setting} cannot use {loss!r}, because its step is as long as the "
                "loss, which is 0 at coefficients of 0, so that no step is ever made. "
                "Use Hinge(), or another learning_rate."
            )

    @property
    def setting(self):
        return f"learning_rate={self.settings.schedule.name!r}"

    def check_price(self, price, penalty):
        if price.is_uniform:
            return
        reason = None
        if self.settings.schedule.is_passive_aggressive:
            reason = "its steps end where the loss is 0, whatever a penalty says"
        elif price.matrix is not None:
            reason = "a matrix has no proximal step of each coefficient"
        elif self.settings.average:
            reason = "average counts iterates before the penalty has moved them"
        elif self.optimizer is not None and self.optimizer.name != Plain.name:
            reason = f"optimizer={self.optimizer.name!r} gives each weight its own step"
        if reason is not None:
            raise ValueError(
                f"{self.setting} cannot use penalty={penalty!r} here, because {reason}."
                " Use learning_rate='auto', or penalty='elasticnet'."
            )

    def until(self, max_iter):
        """The same solver with fewer epochs, for what it has found by then."""
        other = copy(self)
        other.max_iter, other.stop = max_iter, Stop()
        return other

    def solve(self, objective, start, train=None, watch=NOTHING):
        """Make epochs until nothing improves any more.

        Parameters
        ----------
        objective : Objective
        start : dict
            From `start_of`, or the state of an earlier result.
        train : ndarray of uint32 of shape (n_train,), default=None
            The rows to learn from; None: all.
        watch : Watch, default=NOTHING
            What is looked at after each epoch. With validation rows, their mean loss or
            a score is the criterion, instead of the objective over the epoch, and the
            best epoch is the result.

        Returns
        -------
        SolverResult

        Raises
        ------
        WeightsOverflow
            A ValueError, in the epoch in which it happens.
        ValueError
            If the schedule cannot use the loss.
        """
        self.check(objective.loss)
        counts = self.tol is not None or watch.needs_losses
        weights, epoch = self._prepare(objective, start, train, counts)
        patience = self.n_iter_no_change
        progress = Progress(objective, train, watch, self.tol, patience, "epoch")
        active = progress.active
        while self._goes_on(progress):
            progress.begin()
            is_finite = epoch.run(objective.rows, active)
            # An epoch is finite only if all raw predictions are.
            objective.rows.verify(0.0 if is_finite else np.nan)
            if not is_finite:
                raise self._overflow(
                    progress.n_epochs, objective, weights, epoch, train
                )
            # A passive-aggressive model, as scikit-learn's, watches its loss alone, and
            # counts no penalty.
            losses = epoch.mean_objectives(objective.is_joint) if counts else None
            if counts and not objective.penalty.is_uniform:
                price = objective.penalty.value(coefficients(weights.state())[0])
                price = price.sum(keepdims=True) if objective.is_joint else price
                losses = (np.asarray(losses) + price).tolist()
            stopped = progress.end(
                losses, lambda: self._step_size(epoch, weights), weights.state
            )
            if self.settings.schedule.name == "adaptive":
                stopped = [t for t in stopped if not _decrease_eta(t, weights)]
            if stopped:
                progress.stop(stopped)
                active = progress.active
        state = progress.best if progress.best is not None else weights.state()
        state["t"] = np.full(objective.n_outputs, epoch.t)
        coef, intercept = coefficients(state)
        trackers, running = progress.trackers, progress.running
        for tracker in running:
            tracker.n_iter = progress.n_epochs
        found = []
        if epoch.n_clipped or any(t.last > t.first for t in trackers):
            found += self._divergence(objective, watch, start, state)
        if self.settings.average and objective.penalty.has_l1:
            found += _runaway_mean(coef, state)
        return SolverResult(
            coef,
            intercept,
            n_iter=np.array([tracker.n_iter for tracker in trackers]),
            converged=self.tol is None or not running or progress.is_stopped,
            state=state,
            warnings=found,
            curves=progress.curves(),
            best_epoch=progress.best_epoch,
        )

    def _divergence(self, objective, watch, start, end):
        """What to say of a fit under suspicion; see `_divergence`."""
        return _divergence(objective, watch, start, end)

    def _goes_on(self, progress):
        is_over = progress.is_stopped or self.stop.is_set()
        return progress.running and progress.n_epochs < self.max_iter and not is_over

    def _step_size(self, epoch, weights):
        """Of the last step; None where the samples decide."""
        if self.settings.schedule.is_passive_aggressive:
            return None
        size = self.settings.schedule.step_size(epoch.t - 1.0)
        return weights.step_sizes() if size is None else size

    def _prepare(self, objective, start, train, counts):
        state = dict(start)
        t = state.pop("t").max()
        if not 0 < self.settings.average <= t:
            drop_mean(state)  # one from before would not follow the weights
        if self.settings.average > 0:
            make_room_for_mean(state)
        price, optimizer = objective.penalty, self.optimizer
        if not price.is_uniform or _uses_some(objective.moves):
            optimizer = optimizer or Plain()
        if optimizer is None:
            drop_moments(state)
        else:
            drop_l1_total(state)
            optimizer.make_room(state)
        weights = ScaledWeights(
            state,
            price if price.is_uniform else Price(),
            objective.fit_intercept,
            counts and not self.settings.schedule.is_passive_aggressive,
            objective.rows.is_sparse,
            self.settings.schedule.eta0,
            truncates=optimizer is None,
        )
        if objective.moves is not None:
            weights.restrict(objective.moves.view(np.uint8))
        order = None if train is None else train.copy()
        if order is None and self.settings.seed is not None:
            order = np.arange(objective.rows.n_rows, dtype=np.uint32)
        loss = objective.loss
        weight, offset = objective.sample_weight, objective.offset
        samples = Samples(
            loss.checked(), _for_kernels(objective), weight, offset, order
        )
        least_gap = LEAST_GAP if loss.task == "ordinal" else -1.0
        epoch = Epoch(weights, samples, self.settings, t, counts, least_gap)
        epoch.steps = self._steps(weights, optimizer, objective)
        for faster in (ShortRows, LongRows):
            if epoch.steps is None and faster.can_take(objective.rows, epoch):
                epoch.steps = faster()
        return weights, epoch

    def _steps(self, weights, optimizer, objective):
        """What takes the steps of the optimizer, if there is one."""
        if optimizer is None:
            return None
        price, moves = objective.penalty, objective.moves
        return GradientSteps(
            *(weights, optimizer, self.settings, objective.is_joint),
            prox=None if price.is_uniform else price.prox,
            uses=moves[:, :-1].astype(np.uint8) if _uses_some(moves) else None,
        )

    def _overflow(self, n_epochs, objective, weights, epoch, train):
        advice = (
            f"a smaller eta0 (it is {self.settings.schedule.eta0:g})"
            if self.settings.schedule.name != "optimal"
            else "a larger alpha, with which 'optimal' makes smaller steps"
        )
        if not self.settings.clips and not self.settings.schedule.is_passive_aggressive:
            advice += ", or clip_gradient"
        state = weights.state()
        coef = state["v"] * state["scale"][:, None]
        row = None if epoch.bad_row < 0 else epoch.bad_row
        return find_overflow(n_epochs, objective, coef, row, train, advice)


def _for_kernels(objective):
    """The targets as functions in C take them."""
    targets, loss = objective.targets, objective.loss
    return replace(targets, y=loss.columns(targets.y)) if loss.outputs else targets


def _uses_some(moves):
    """Whether an output uses some of the columns, neither all nor none."""
    if moves is None:
        return False
    uses = moves[:, :-1]
    return bool((uses.any(axis=1) & ~uses.all(axis=1)).any())


def _divergence(objective, watch, start, end):
    """Say so if a fit ends worse than it began.

    That takes two passes over the rows, so it is looked into only on suspicion: if a
    gradient was cut, or the criterion is above that of the first epoch. A loss that is
    least at coefficients of 0 is always worse than where it began.
    """
    if is_least_at_0(objective.loss):
        return []
    if watch.validation is None:
        name, evaluate = "objective", objective.value
    else:
        name, evaluate = "validation loss", watch.validation_loss
    with np.errstate(over="ignore", invalid="ignore"):  # inf and nan are worse as well
        before, after = evaluate(*coefficients(start)), evaluate(*coefficients(end))
    worse = np.flatnonzero(~(after <= before))
    if len(worse) == 0:
        return []
    return [
        f"The fit has diverged: its {name} is {after[worse[0]]:.3g}, and was "
        f"{before[worse[0]]:.3g} where it began. Do not trust its coefficients. Scale "
        "the features, for instance with StandardScaler, or use a smaller eta0 (with "
        "learning_rate='optimal' a larger alpha)."
    ]


def _runaway_mean(coef, state):
    """Say so if an l1 norm has made the mean of the iterates meaningless.

    Its truncations count, as in scikit-learn, as if they had been made before the first
    step of the mean.
    """
    last = np.abs(state["v"] * state["scale"][:, None]).max()
    if np.abs(coef).max() <= 100 * max(1.0, last):
        return []
    return [
        "The mean of the iterates is far outside of where they are: average and an l1 "
        "norm do not go together with steps this large. Use average=False, a smaller "
        "alpha or a smaller eta0."
    ]


def _decrease_eta(tracker, weights):
    """Let an objective go on with a smaller step, if it is not small enough."""
    tracker.n_stale = 0
    decreased = [
        weights.decrease_eta(k, ETA_FACTOR, SMALLEST_ETA) for k in tracker.outputs
    ]
    return all(decreased)
