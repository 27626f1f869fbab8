"""What a fit shows while it runs, and when it has gone on for long enough.

A solver calls `begin` and `end` once an epoch, or an iteration. `end` records the
curves, looks at the validation rows, prints, calls back, keeps the best coefficients,
and tells which objectives have lost patience.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sklearn_losses.problem._objective import Objective
from sklearn_losses.solvers._fit_state import coefficients

LOSS, VALIDATION_LOSS, SCORE = "loss", "validation_loss", "validation_score"
OBJECTIVE, STEP_SIZE, GRADIENT_NORM = "objective", "learning_rate", "gradient_norm"


@dataclass(frozen=True)
class Watch:
    """What somebody wants to know of a fit while it runs.

    Parameters
    ----------
    validation : Objective, default=None
        Its mean loss on `subset` is watched instead of the objective, and the
        coefficients where it was least are the result.
    subset : ndarray of uint32 of shape (n_selected,), default=None
        The rows of `validation`; None: all.
    score : callable, default=None
        (coef, intercept) -> float of all outputs, greater is better: watched instead of
        the validation loss, which decides between epochs of the same score.
    callbacks : object, default=None
        Has ``begin()`` and ``end(coef, intercept)``, which returns whether to stop.
    trace : bool, default=False
        Whether to record objective, step size and gradient norm after every epoch,
        which takes a pass over the rows.
    verbose : int, default=0
        Whether to print a line an epoch.
    name : str, default=""
        What the lines begin with, where several fits print.
    """

    validation: Objective | None = None
    subset: np.ndarray | None = None
    score: Callable | None = None
    callbacks: object = None
    trace: bool = False
    verbose: int = 0
    name: str = ""

    @property
    def needs_all_outputs(self):
        """Whether it looks at the model as a whole."""
        return self.score is not None or self.callbacks is not None

    @property
    def needs_losses(self):
        """Whether the losses on the training rows are wanted, besides for stopping."""
        return self.validation is not None or self.trace or bool(self.verbose)

    @property
    def is_idle(self):
        return not (self.needs_losses or self.needs_all_outputs)

    def of_outputs(self, outputs, name):
        """The same for some of the one-versus-rest outputs."""
        validation = self.validation
        if validation is not None:
            validation = validation.of_outputs(outputs)
        return replace(self, validation=validation, name=name)

    def validation_loss(self, coef, intercept):
        """The mean loss on the validation rows, of each objective."""
        return self.validation.mean_loss(coef, intercept, self.subset)


NOTHING = Watch()


class Progress:
    """The epochs of a fit.

    Parameters
    ----------
    objective : Objective
    train : ndarray of uint32 or None
        The rows that are learnt from; None: all.
    watch : Watch
    tol : float or None
        An epoch whose criterion is not below the best so far by this much is stale;
        None: none is.
    patience : int
        So many stale epochs in a row are enough.
    unit : {"epoch", "iteration"}

    Attributes
    ----------
    trackers : list of Tracker
        One for each objective, or a single one where a score is of all.
    running : list of Tracker
        Those that have not stopped.
    best : dict or None
        The state where the validation was best.
    n_epochs : int
    is_stopped : bool
        Whether a callback has said so.
    """

    def __init__(self, objective, train, watch, tol, patience, unit):
        self.objective, self.train, self.watch = objective, train, watch
        self.unit = unit
        self._is_idle = watch.is_idle
        outputs = range(objective.n_outputs)
        shared = objective.is_joint or watch.score is not None
        groups = [outputs] if shared else [[k] for k in outputs]
        self.trackers = [Tracker(group, tol, patience) for group in groups]
        self.running = self.trackers
        self.best = None
        self.n_epochs = 0
        self.is_stopped = False
        self._curves = {}
        self._traced = None
        self._started = time.perf_counter()
        self._errors = np.geterr()

    @property
    def active(self):
        """The outputs that still learn."""
        return np.array([k for t in self.running for k in t.outputs], dtype=np.intp)

    @property
    def best_epoch(self):
        """The index of the epoch that is kept of each objective; None: the last."""
        if self.best is None:
            return None
        return np.array([t.best_epoch for t in self.trackers])

    def begin(self):
        self.n_epochs += 1
        if self.watch.callbacks is not None:
            self._outside(self.watch.callbacks.begin)

    def end(self, losses, step_size, state):
        """Take in an epoch.

        Parameters
        ----------
        losses : list of float or None
            What was watched on the training rows, for each objective.
        step_size : callable
            () -> float or list of float: of all objectives, or of each; None: there is
            none.
        state : callable
            () -> dict, the state after the epoch.

        Returns
        -------
        list of Tracker
            Those whose patience is over; `stop` ends them.
        """
        watch = self.watch
        if losses is not None:
            self._record(LOSS, losses)
        if self._is_idle:
            return [] if losses is None else self._update(losses)
        here = state()
        coef, intercept = coefficients(here)
        values = losses
        tie = 0.0
        if watch.validation is not None:
            with np.errstate(over="ignore", invalid="ignore"):  # is no improvement
                values = watch.validation_loss(coef, intercept).tolist()
            self._record(VALIDATION_LOSS, values)
        if watch.score is not None:
            score = self._outside(watch.score, coef, intercept)
            self._record(SCORE, [score])
            tie = 0.0 if watch.validation is None else sum(values)
            values = [-score]
        if watch.trace:
            self._trace(coef, intercept, step_size())
        if watch.validation is not None:
            self._keep_best(values, tie, here)
        if watch.verbose:
            self._print(coef, intercept)
        if watch.callbacks is not None:
            self.is_stopped = self._outside(watch.callbacks.end, coef, intercept)
        return [] if values is None else self._update(values)

    def _outside(self, function, *args):
        """Call what may be a user's, with numpy's warnings as they are for the user."""
        with np.errstate(**self._errors):
            return function(*args)

    def stop(self, trackers):
        """These objectives learn no more."""
        self.running = [t for t in self.running if t not in trackers]

    def curves(self):
        """What was recorded, by name, as arrays of shape (n_epochs, n_objectives)."""
        return {
            name: np.array(values, dtype=np.float64)
            for name, values in self._curves.items()
        }

    def _update(self, values):
        return [t for t in self.running if t.update(values, self.n_epochs)]

    def _record(self, name, values):
        self._curves.setdefault(name, []).append(values)

    def _keep_best(self, values, tie, state):
        """The best state so far, with the outputs of what has improved replaced."""
        improved = [t for t in self.running if t.improves(values, tie)]
        for tracker in improved:
            tracker.best_epoch, tracker.best_tie = self.n_epochs - 1, tie
        if self.best is None:
            self.best = state
            return
        for tracker in improved:
            outputs = list(tracker.outputs)
            for name, array in state.items():
                self.best[name][outputs] = array[outputs]

    def _trace(self, coef, intercept, step_size):
        if self._traced is None:
            self._traced = self.objective.restricted(self.train)
        with np.errstate(over="ignore", invalid="ignore"):
            value, norm = self._traced.value_and_gradient_norm(coef, intercept)
        self._record(OBJECTIVE, value.tolist())
        self._record(GRADIENT_NORM, norm.tolist())
        if step_size is not None:
            sizes = np.broadcast_to(step_size, coef.shape[:1])
            self._record(STEP_SIZE, self._of_running(sizes))

    def _of_running(self, sizes):
        """The step sizes of the objectives; one that has stopped keeps its last."""
        if self.objective.is_joint:
            return [float(sizes[0])]
        known = self._curves.get(STEP_SIZE)
        result = sizes.tolist() if known is None else list(known[-1])
        for k in self.active:
            result[k] = float(sizes[k])
        return result

    def _print(self, coef, intercept):
        seen = {
            name.replace("_", " "): total(name, [values[-1]])[0]
            for name, values in self._curves.items()
        }
        numbers = "  ".join(f"{name} {value:.6g}" for name, value in seen.items())
        line = (
            f"{self.watch.name}{self.unit} {self.n_epochs:4d}  {numbers}  "
            f"|coef| {np.linalg.norm(coef):.4g}  "
            f"nonzero {np.count_nonzero(coef)}/{coef.size}  "
            f"intercept {np.array2string(intercept, precision=4, threshold=4)}  "
            f"{time.perf_counter() - self._started:.2f} s\n"
        )
        print(line, end="")  # at once: other threads print as well


@dataclass(eq=False)
class Tracker:
    """Watches one objective: its best value, and how many epochs it has been stale.

    Parameters
    ----------
    outputs : sequence of int
        The outputs that share the objective; the first of them, or 0 if they are all,
        is also its place among the values.
    """

    outputs: list
    tol: float | None
    patience: int
    first: float = math.inf
    last: float = math.inf
    best: float = math.inf
    best_tie: float = math.inf
    best_epoch: int = 0
    n_stale: int = 0
    n_iter: int = 0

    def improves(self, values, tie=0.0):
        return (values[self.outputs[0]], tie) < (self.best, self.best_tie)

    def update(self, values, n_epochs):
        """Take in an epoch's values; returns whether patience is over."""
        value = values[self.outputs[0]]
        # Not "value > best - tol": a criterion that overflows is stale as well.
        improves = value <= self.best - (self.tol or 0.0) and math.isfinite(value)
        stale = self.tol is not None and not improves
        self.n_stale = self.n_stale + 1 if stale else 0
        self.best = min(self.best, value)
        self.last = value
        if n_epochs == 1:
            self.first = value
        self.n_iter = n_epochs
        return self.n_stale >= self.patience


def total(name, values):
    """One number an epoch, from the values of its objectives.

    Losses are added up, so are squares of gradients, and of step sizes the smallest is
    told: where they fall, that of the objectives that still go on.

    Parameters
    ----------
    name : str
    values : array-like of shape (n_epochs, n_objectives)

    Returns
    -------
    ndarray of shape (n_epochs,)
    """
    values = np.asarray(values, dtype=np.float64)
    if values.shape[1] == 1:
        return values[:, 0]
    if name == STEP_SIZE:
        return values.min(axis=1)
    if name == GRADIENT_NORM:
        return np.sqrt((values**2).sum(axis=1))
    return values.sum(axis=1)


def merge_curves(curves):
    """The curves of fits that ran beside each other; the last values of one stay.

    Parameters
    ----------
    curves : list of dict of str to ndarray of shape (n_epochs, n_objectives)

    Returns
    -------
    dict of str to ndarray of shape (n_epochs,)
    """
    if not curves:
        return {}
    if len(curves) == 1:
        return {name: total(name, values) for name, values in curves[0].items()}
    merged = {}
    for name in curves[0]:
        parts = [c[name] for c in curves]
        n_epochs = max(map(len, parts))
        padded = [
            np.vstack([p, np.repeat(p[-1:], n_epochs - len(p), axis=0)]) for p in parts
        ]
        merged[name] = total(name, np.hstack(padded))
    return merged
