"""Exact fits over folds: along each path of alphas a fit starts from the one before.

Transformers before the model are fitted once a fold, not once a candidate.
"""

import time
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from joblib import effective_n_jobs
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.parallel import Parallel, delayed

from sklearn_losses.estimators._linear import BaseLinear


def rows_of(array, rows):
    """Some rows of an array, a sparse matrix, a dataframe or a list; of None, None."""
    if array is None or (np.ndim(array) == 0 and not hasattr(array, "shape")):
        return array
    if hasattr(array, "iloc"):
        return array.iloc[rows]
    if sparse.issparse(array):
        return array.tocsr()[rows]
    return (array if hasattr(array, "shape") else np.asarray(array))[rows]


@dataclass
class Data:
    """Rows, and what belongs to them.

    Attributes
    ----------
    X, y
    weight, offset : array-like or None
        Of the last step.
    fit : dict or None
        With metadata routing: what is passed to the `fit` of the estimator.
    score : list of dict, or None
        With metadata routing: what is passed to each of the metrics.
    """

    X: object
    y: np.ndarray
    weight: object = None
    offset: object = None
    fit: dict | None = None
    score: list | None = None

    @property
    def n_rows(self):
        """How many there are."""
        return len(self.y)

    def rows(self, rows):
        """Some of them."""
        return Data(
            *(rows_of(array, rows) for array in (self.X, self.y)),
            *(rows_of(array, rows) for array in (self.weight, self.offset)),
            self._of(self.fit, rows),
            None if self.score is None else [self._of(s, rows) for s in self.score],
        )

    @property
    def sample(self):
        """Rows that stand for all."""
        return self

    def _of(self, params, rows):
        if params is None:
            return None
        n = len(self.y)
        return {
            name: rows_of(v, rows) if np.ndim(v) > 0 and len(v) == n else v
            for name, v in params.items()
        }


@dataclass
class Outcome:
    """What a candidate did in a fold."""

    scores: list
    fit_time: float = 0.0
    score_time: float = 0.0
    gap: float = np.nan
    error: Exception | None = None
    method: str = "exact"
    n_rows: int = 0
    values: np.ndarray | None = None

    @property
    def reason(self):
        """Why there is no score, or None."""
        if self.error is None:
            return None
        return f"{type(self.error).__name__}: {self.error}"


def last_step(estimator):
    """The model at the end of a pipeline, or the estimator itself."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def prefix_of(estimator):
    """What comes before the names of the model's parameters."""
    if isinstance(estimator, Pipeline):
        return f"{estimator.steps[-1][0]}__"
    return ""


def steps_before(estimator):
    """The transformers before the model, or None."""
    if isinstance(estimator, Pipeline) and len(estimator) > 1:
        return clone(estimator[:-1])
    return None


def score(metrics, model, data, whole=None):
    """The scores of a fitted model.

    Parameters
    ----------
    metrics : list of Metric
    model : estimator
    data : Data
        As the model sees it.
    whole : tuple of (estimator, X), default=None
        The model with the transformers before it and X as it comes, for metrics that
        look at more than predictions.
    """
    found = []
    for i, metric in enumerate(metrics):
        routed = None if data.score is None else data.score[i]
        m, X = model, data.X
        if whole is not None and not metric.sees_predictions_alone:
            m, X = whole
        found.append(metric(m, X, data.y, data.weight, data.offset, routed))
    return found


class Fold:
    """One split, as the last step of an estimator sees it."""

    def __init__(self, estimator, data, train, test):
        self.estimator, self.test_X = estimator, None
        self.train, self.test = data.rows(train), data.rows(test)
        self.before = steps_before(estimator)
        self.whole = data.fit is not None and self.before is not None
        if self.before is not None and not self.whole:
            self.test_X = self.test.X
            X = self.before.fit_transform(self.train.X, self.train.y)
            self.train = replace(self.train, X=X)
            self.test = replace(self.test, X=self.before.transform(self.test.X))

    def run(self, groups, metrics):
        """The outcomes of all candidates, in their order."""
        return [outcome for g in groups for outcome in self._run_group(g, metrics)]

    def _run_group(self, group, metrics):
        fit = self._fit_whole if self.whole else self._fit
        model = clone(last_step(self.estimator))
        # Of others the start decides the end.
        if isinstance(model, BaseLinear) and hasattr(model, "warm_start"):
            model.set_params(warm_start=True)
        for settings in group.settings():
            yield self._outcome(fit, model, settings, metrics)

    def _outcome(self, fit, model, settings, metrics):
        start = time.perf_counter()
        found = Outcome([np.nan] * len(metrics), n_rows=self.train.n_rows)
        try:
            fitted, whole = fit(model, settings)
            found.fit_time = time.perf_counter() - start
            found.gap = float(np.max(getattr(last_step(fitted), "gap_", np.nan)))
            start = time.perf_counter()
            found.scores = score(metrics, fitted, self.test, whole)
            found.score_time = time.perf_counter() - start
        except Exception as error:  # whatever a loss or a scorer of others raises
            found.error = error
        return found

    def _fit(self, model, settings):
        data = self.train
        model.set_params(**clone(settings, safe=False))
        model.fit(data.X, data.y, data.weight, offset=data.offset)
        if self.before is None:
            return model, None
        name = self.estimator.steps[-1][0]
        return model, (Pipeline([*self.before.steps, (name, model)]), self.test_X)

    def _fit_whole(self, _, settings):
        """With metadata routing each step of a pipeline may want something else."""
        prefix, data = prefix_of(self.estimator), self.train
        params = {prefix + k: v for k, v in clone(settings, safe=False).items()}
        model = clone(self.estimator).set_params(**params)
        return model.fit(data.X, data.y, **data.fit), None


def run_exact(estimator, data, splits, groups, metrics, n_jobs):
    """The outcomes of all candidates in all folds, by fits.

    Returns
    -------
    list of list of Outcome
        For each fold, in the order of the candidates.
    """
    n_jobs = effective_n_jobs(n_jobs)
    parallel = Parallel(n_jobs=n_jobs)
    if n_jobs == 1 or len(groups) == 1:
        return parallel(
            delayed(_run)(Fold(estimator, data, *split), groups, metrics)
            for split in splits
        )
    tasks = (
        delayed(_run)(fold, [group], metrics)
        for fold in (Fold(estimator, data, *split) for split in splits)
        for group in groups
    )
    found, n = parallel(tasks), len(groups)
    parts = (found[i : i + n] for i in range(0, len(found), n))
    return [list(chain.from_iterable(part)) for part in parts]


def _run(fold, groups, metrics):
    return fold.run(groups, metrics)
