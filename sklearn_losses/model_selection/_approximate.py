"""Searches by Newton steps: for which candidates, their scores, and doubts."""

import time
from contextlib import suppress
from dataclasses import replace

import numpy as np
from scipy.linalg import LinAlgError
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.utils import get_tags

from sklearn_losses.estimators._linear import (
    LinearClassifier,
    LinearRegressor,
)
from sklearn_losses.estimators._parameters import price_of
from sklearn_losses.estimators.outputs._ordinal import LinearOrdinalClassifier
from sklearn_losses.estimators.outputs._ordinal_model import (
    codes_of as codes_of_labels,
)
from sklearn_losses.inspection._raw_prediction import _raw_of_probability
from sklearn_losses.losses import AbsoluteError, SquaredError
from sklearn_losses.model_selection._affine import affine
from sklearn_losses.model_selection._folds import (
    Data,
    Outcome,
    last_step,
    run_exact,
    score,
    steps_before,
)
from sklearn_losses.model_selection._least import Doubt
from sklearn_losses.model_selection._newton import Path, Stack, refined
from sklearn_losses.model_selection._scales import scales_along

MOST_COEFS = 1000  # of one objective: its matrix is solved for each candidate and fold
MOST_NUMBERS = 1 << 26  # of the centred copy of X: half a gigabyte
MOST_AT_ONCE = 1 << 24  # raw predictions of several candidates
SMALL = 1 << 16  # numbers of X: so few that all candidates take further steps
MOST_REFINED = 20
MOST_WINNERS = 3  # that are made sure of
ROWS_PER_COEF = 5  # in the smallest of the fits, for "auto"
TOLERATED = 0.05  # standard errors of a score may a Newton step be off, for "auto"
TOLERATED_OF_LABELS = 0.1  # which jump: those of fits to `tol` are off by as much


# Metrics that order models as the mean of a loss does.
ROW_LOSSES = {
    "mean_absolute_error": AbsoluteError(),
    "mean_squared_error": SquaredError(),
    "root_mean_squared_error": SquaredError(),
}


class HeldRegressor(LinearRegressor):
    """A model of which nothing but the predictions of some rows is there."""

    def raw_prediction(self, X, offset=None):
        return self.held

    def __sklearn_tags__(self):
        return self.tags


class HeldOutputs(HeldRegressor):
    """The same of a loss of several outputs; `beyond` is what locations have more."""

    def _values(self, X, offset=None):
        values = self.loss_.values_of(self.held)
        return values | {"location": values["location"] + self.beyond}

    def raw_prediction(self, X, offset=None):
        return self._values(X)["location"]

    def predict(self, X, offset=None):
        return self.loss_.predicted(**self._values(X))


class HeldOrdinal(LinearOrdinalClassifier):
    """The same of ordered classes: latent values, and thresholds beside them."""

    __sklearn_tags__ = HeldRegressor.__sklearn_tags__

    def raw_prediction(self, X, offset=None):
        return self.held[:, 0]

    def predict_proba(self, X, offset=None):
        return self.loss_.inverse_link(self.held)

    def _targets_and_outputs(self, X, y, loss, offset):
        return codes_of_labels(type(self).__name__, y, self.classes_), self.held


class HeldClassifier(LinearClassifier):
    """The same of classes."""

    raw_prediction = HeldRegressor.raw_prediction
    __sklearn_tags__ = HeldRegressor.__sklearn_tags__

    def predict(self, X, offset=None):
        return self.classes_[self.codes()]

    def codes(self):
        """The predicted classes' numbers."""
        raw = self.decision_function(None)
        return raw.argmax(axis=1) if raw.ndim == 2 else (raw > 0).astype(np.intp)


for _held in (HeldRegressor, HeldOrdinal, HeldClassifier):
    _held.__name__ = _held.__base__.__name__  # errors of scorers name what users have


def is_accuracy(metric):
    """Whether it is scikit-learn's "accuracy", whose own checks take longer than it."""
    if metric.loss is not None:
        return False
    is_own = getattr(metric.scorer, "_score_func", None) is accuracy_score
    return is_own and not metric.scorer._kwargs


def why_not_model(final):
    """Why no candidate of a model can have a Newton step, or None."""
    if not isinstance(final, (LinearRegressor, LinearClassifier)):
        return f"{type(final).__name__} is no LinearRegressor or LinearClassifier"
    return None


def why_not(data, splits, has_steps):
    """Why rows, or their folds, can have none, or None."""
    known = set() if has_steps else {"sample_weight", "offset"}
    if data.fit is not None and not data.fit.keys() <= known:
        return "its fit takes more than weights and offsets"
    n, seen = len(data.y), np.zeros(len(data.y), int)
    for train, test in splits:
        seen[test] += 1
        both = np.zeros(n, int)
        both[train] += 1
        both[test] += 1
        if (both != 1).any():
            return "a fold of cv is not what its training rows leave out"
    if (seen > 1).any():
        return "folds of cv have rows in common"
    return None


def why_not_loss(objective, n_train, is_auto, is_loo):
    """Why a loss cannot have one, or None."""
    loss, price = objective.loss, objective.penalty
    functions = loss.checked()
    size = objective.n_outputs if objective.is_joint else 1
    size *= objective.rows.n_features + objective.fit_intercept
    if loss.outputs and loss.granularity == "row":
        return f"{loss} has several raw predictions a row"
    if not loss.convex:
        return f"{loss} is not convex"
    if not loss.differentiable and (objective.is_joint or is_loo):
        return f"{loss} has kinks"
    if objective.is_joint and not functions.has_hessian:
        return f"{loss} has no second derivatives"
    if price.norm is not None or not price.is_convex:
        return "penalties of groups, of sorted coefficients and concave ones have kinks"
    if size > MOST_COEFS:
        return f"there are more than {MOST_COEFS} coefficients"
    if objective.rows.n_rows * (objective.rows.n_features + 1) > MOST_NUMBERS:
        return "X is too large for a centred copy"
    if is_auto and n_train < ROWS_PER_COEF * size:
        return "there are few rows for each coefficient"
    return None


class Steps:
    """The candidates' scores by Newton steps.

    Parameters
    ----------
    estimator : estimator
    data : Data
    splits : list of (train, test)
    metrics : list of Metric
    decisive : int
        The index of the metric that decides.
    method : {"auto", "newton", "loo"}
    """

    def __init__(self, estimator, data, splits, metrics, decisive, method):
        self.estimator, self.final = estimator, last_step(estimator)
        self.given, self.data, self.splits = data, data, splits
        self.metrics, self.decisive, self.method = metrics, decisive, method
        self.factors = None
        self.stack, self._held, self._rows, self.kept = None, None, {}, {}
        self._codes = {}
        self.wants_rows = False
        self._look(estimator)

    def _look(self, estimator):
        """At the folds, and whether they allow of Newton steps."""
        n = np.arange(len(self.data.y))
        self.tests = [np.sort(n[test]) for _, test in self.splits]
        self.n_train = [len(n[train]) for train, _ in self.splits]
        before = steps_before(estimator)
        self.why_not = why_not_model(self.final) or why_not(
            self.data, self.splits, before is not None
        )
        if before is not None and self.method == "loo":
            self.why_not = "the transformers of a Pipeline are fitted without each row"
        elif before is not None and not self.why_not:
            self._transform(before)

    def _transform(self, before):
        """Have the rows as the last step sees them."""
        try:
            trains = [train for train, _ in self.splits]
            given = before, self.data, trains, self.final.fit_intercept
            X, self.factors = affine(*given)
            self.data = replace(self.data, X=X)
        except (Doubt, ValueError) as error:
            self.why_not = str(error)

    @property
    def sees_labels(self):
        """Whether the metric that decides is one of labels."""
        scorer = self.metrics[self.decisive].scorer
        of_labels = getattr(scorer, "_response_method", None) == "predict"
        return of_labels and isinstance(self.final, LinearClassifier)

    # ------------------------------------------------------------------- the candidates
    def run(self, group):
        """The outcomes of a group, a list of folds for each candidate.

        Raises
        ------
        Doubt
            It says why fits have to be made.
        """
        if self.why_not:
            raise Doubt(self.why_not)
        model = clone(self.final).set_params(**clone(group.params, safe=False))
        loss = model._usable_loss()
        scaled = loss if loss.needs_scale else None
        if scaled is not None:
            if self.method == "loo":
                raise Doubt(f"the scale of {loss} is measured without each row")
            loss = scaled.at_scale(1.0)
        if loss.needs_link:
            raise Doubt(f"the link of {loss} is learned in each fold")
        try:
            objectives, self.dtype = self._objectives(model, loss)
        except ValueError as error:
            raise Doubt(str(error)) from error
        n_train = min(self.n_train)
        if not all(metric.sees_predictions_alone for metric in self.metrics):
            raise Doubt("a scorer looks at more than predictions")
        is_auto, is_loo = (self.method == name for name in ("auto", "loo"))
        reason = why_not_loss(objectives[0], n_train, is_auto, is_loo)
        if reason:
            raise Doubt(reason)
        if self.stack is None:
            self.stack = self._stack(objectives[0])
        found = None
        if self.method != "loo" and self.stack.few is not None:
            with suppress(Doubt):
                found = self._along(group, model, objectives, scaled, samples=True)
        return found or self._along(group, model, objectives, scaled, samples=False)

    def _objectives(self, model, loss):
        data = self.data
        return model._objectives(data.X, data.y, data.weight, loss, data.offset)

    def _stack(self, objective):
        return Stack(objective, self.tests, self._kinds(), self.factors)

    def _kinds(self):
        """The classes that are balanced, or None; the rows of a fold go by them."""
        if getattr(self.final, "class_weight", None) != "balanced":
            return None
        if self.method == "loo":
            raise Doubt("class_weight='balanced' differs from row to row")
        kinds = np.unique(self.data.y, return_inverse=True)[1]
        self.tests = [t[np.argsort(kinds[t], kind="stable")] for t in self.tests]
        return kinds

    def _path(self, objective, scaled):
        return Path(objective, self.stack, scaled)

    def _along(self, group, model, objectives, scaled, samples):
        """The outcomes of candidates on a path."""
        start, candidates = time.perf_counter(), list(group.settings())
        paths = [self._path(objective, scaled) for objective in objectives]
        prices = [self._price(model, one, paths[0].is_joint) for one in candidates]
        if self.method == "loo":
            thetas = self._left_out(paths, prices)
        else:
            scales = None
            if scaled is not None:
                scales = scales_along(objectives[0], self.stack, prices)
            along = (path.points(prices, samples, scales) for path in paths)
            points = list(zip(*along))
            thetas = [[point.without_folds() for point in one] for one in points]
            is_small = self._is_small(paths[0]) and not paths[0].is_rough
            if self.method == "auto" and is_small:
                thetas, _ = _all_refined(points, thetas, MOST_REFINED)
            self.kept[id(group)] = model, paths, points, thetas
        took = (time.perf_counter() - start) / len(candidates)
        found = self.scored(model, paths, thetas, took)
        if self.method == "auto" and paths[0].is_rough:
            self._doubt_rough(group, found)
        elif self.method == "auto" and not self._is_small(paths[0]):
            self._doubt(group, found)
        return found

    def _left_out(self, paths, prices):
        found = []
        for path in paths:
            path.begin()
        for price in prices:
            for path in paths:
                path.to(path.costs(price)[0])
            found.append([path.left_out() for path in paths])
        return found

    def _is_small(self, path):
        """Whether all candidates take further steps, which cost little."""
        return path.stack.Z.size * path.K <= SMALL

    def scored(self, model, paths, thetas, took):
        """The outcomes of candidates, by their coefficients without each fold.

        Parameters
        ----------
        model : estimator
        paths : list of Path
        thetas : list of list of ndarray
            Of each candidate and path.
        took : float
            Seconds that each candidate has taken before.
        """
        at_once = max(1, MOST_AT_ONCE // self.stack.Z.shape[0] // len(paths))
        parts = (thetas[i : i + at_once] for i in range(0, len(thetas), at_once))
        return [row for p in parts for row in self._scored(model, paths, p, took)]

    def _scored(self, model, paths, thetas, took):
        start, n_folds = time.perf_counter(), len(self.tests)
        found = [[] for _ in thetas]
        for k in range(n_folds):
            for outcomes, raw in zip(found, self._raws(paths, thetas, k)):
                outcomes.append(self._outcome(model, raw, k))
        each = (time.perf_counter() - start) / (len(thetas) * n_folds)
        for outcomes in found:
            for o in outcomes:
                o.fit_time, o.score_time = took / n_folds, each
        return found

    def _price(self, model, settings, is_joint):
        """The penalty of a candidate."""
        if "alpha" in settings:
            model.set_params(alpha=settings["alpha"])
        return price_of(model, self.stack.features.n_features, is_joint)

    def _raws(self, paths, thetas, k):
        """Raw predictions of the rows of fold k, of each candidate."""
        part = self.stack.folds[k]
        if self.method == "loo":
            return [_public(paths, [raw[part] for raw in one]) for one in thetas]
        each = []
        for i, path in enumerate(paths):
            whole = np.concatenate([one[i][k] for one in thetas])
            raw = self.stack.Z[part] @ whole.T
            if path.term.offset is not None:
                offset = path.term.offset[part].reshape(len(raw), -1)
                raw += np.tile(offset, len(thetas))
            each.append(np.ascontiguousarray(raw.T).reshape(len(thetas), -1, len(raw)))
        return [_public(paths, list(one)) for one in zip(*each)]

    def _outcome(self, model, raw, k):
        is_loo = self.method == "loo"
        n_rows = len(self.data.y) - 1 if is_loo else self.n_train[k]
        found = Outcome([], n_rows=n_rows, method="loo" if is_loo else "newton")
        try:
            found.scores = self._scores(model, raw, k)
            if self.wants_rows:
                found.values = self._row_values(model, raw, k)
        except Exception as error:  # of scorers of others
            found.scores, found.error = [np.nan] * len(self.metrics), error
        return found

    def _scores(self, model, raw, k):
        rows, found = self._rows_of(k), []
        for metric in self.metrics:
            targets = self._targets(metric.loss, model, rows)
            if rows.score is None and self._counts(metric):
                right = self._is_right(model, raw, k)
                found.append(float(np.average(right, weights=rows.weight)))
            elif targets is None or metric.scorer.d2:
                held = self._holding(model, raw)
                found += score([metric], held, rows)
            else:
                seen = self._as_seen(metric.loss, model, raw)
                found.append(-metric.loss.mean(targets, seen, rows.weight))
        return found

    def _row_values(self, model, raw, k):
        """The scores of single rows by the metric that decides; None: it has none."""
        metric, rows = self.metrics[self.decisive], self._rows_of(k)
        loss = metric.loss
        if self._counts(metric):
            return self._is_right(model, raw, k).astype(float)
        if loss is None:
            scored = getattr(metric.scorer, "_score_func", None)
            loss = ROW_LOSSES.get(getattr(scored, "__name__", None))
        targets = self._targets(loss, model, rows)
        if targets is None or (metric.loss is not None and metric.scorer.d2):
            return None
        return -loss.value(targets, self._as_seen(loss, model, raw))

    def _counts(self, metric):
        """Whether a metric is the share of rows whose class is predicted."""
        return is_accuracy(metric) and isinstance(self.final, LinearClassifier)

    def _is_right(self, model, raw, k):
        """Whether the class of each row of a fold is predicted."""
        if k not in self._codes:
            self._codes[k] = np.searchsorted(model.classes_, self._rows_of(k).y)
        return self._holding(model, raw).codes() == self._codes[k]

    def _targets(self, loss, model, rows):
        """The targets of a loss that takes what `_as_seen` makes; None: a scorer does.

        Scorers check rows and labels each time.
        """
        if loss is None or rows.score is not None:
            return None
        if not loss.granularity == model.loss.granularity == "point":
            return None
        if not isinstance(model, LinearClassifier):
            takes = loss.task == "regression" and _share_link(loss, model.loss)
            return rows.y if takes else None
        if len(model.classes_) > 2 or loss.task == "regression":
            return None
        if loss.probabilistic and not (
            _share_link(loss, model.loss) or model.loss.probabilistic
        ):
            return None
        return (rows.y == model.classes_[1]).astype(np.float64)

    def _as_seen(self, loss, model, raw):
        """Raw predictions of a model as a loss takes them: with its own link."""
        if loss.task == "regression" or _share_link(loss, model.loss):
            return raw
        held = self._holding(model, raw)
        if not loss.probabilistic:
            return held.decision_function(None)
        return _raw_of_probability(held.predict_proba(None), loss)

    def _rows_of(self, k):
        """The rows of a fold, without X: predictions of it are there."""
        if k not in self._rows:
            test, data = self.tests[k], self.data
            few = Data(
                np.empty((len(data.y), 0)),
                data.y,
                data.weight,
                data.offset,
                data.fit,
                data.score,
            )
            self._rows[k] = few.rows(test)
        return self._rows[k]

    def _holding(self, model, raw):
        """A model that predicts these raw predictions."""
        if self._held is None:
            classifies = isinstance(model, LinearClassifier)
            self._held = (HeldClassifier if classifies else HeldRegressor)()
            self._held.tags = get_tags(self.final)
            if classifies:
                self._held.classes_ = model.classes_
        self._held.loss = self._held.loss_ = model.loss
        self._held.held = raw
        return self._held

    # -------------------------------------------------------------------------- doubts
    def _doubt(self, group, found):
        """Compare scores with those after a further step, which more then may make.

        Of the best of a group, and of the last, whose coefficients rows decide the
        most: if that one is off, those between are likely to be.
        """
        last = len(found) - 1
        best = int(np.argmax([_mean(outcomes, self.decisive) for outcomes in found]))
        self._compare(found[best], self._further(group, [best])[0])
        (after,) = self._further(group, [last])
        if self._is_off(found[last], after):
            which = range(best, last + 1)
            found[best:] = self._further(group, which, keeps=True)
            self._compare(found[last], self._further(group, [last])[0])

    def _further(self, group, which, keeps=False):
        """The outcomes of some candidates after a further step, which may be kept."""
        model, paths, points, thetas = self.kept[id(group)]
        some = [points[i] for i in which], [thetas[i] for i in which]
        after, _ = _all_refined(*some, 1)
        if keeps:
            for i, theta in zip(which, after):
                thetas[i] = theta
        return self.scored(model, paths, after, 0.0)

    def _doubt_rough(self, group, found):
        """Compare scores with those of fits, which then are a candidate's scores.

        As where kinks were smoothed or scales are those of some rows: those of the last
        of the path, whose coefficients rows decide the most, of the best, and of one
        halfway to it, where coefficients change from one alpha to the next.
        """
        last = len(found) - 1
        self._take_fits(group, found, last)
        best = int(np.argmax([_mean(outcomes, self.decisive) for outcomes in found]))
        for i in sorted({best, best // 2} - {last}, reverse=True):
            self._take_fits(group, found, i)

    def _take_fits(self, group, found, i):
        before, found[i] = found[i], self.fits(group, i)
        self._compare(before, found[i])

    def _compare(self, before, after):
        """Doubt scores that are off by more than their errors allow."""
        if self._is_off(before, after):
            raise Doubt("a Newton step is not near enough to the fits without a fold")

    def _is_off(self, before, after):
        rows = before, after
        each = np.array([[o.scores[self.decisive] for o in row] for row in rows])
        n = each.shape[1]
        error = each[0].std(ddof=1) / np.sqrt(n) if n > 1 else 0.0
        off = abs(float((each[1] - each[0]).mean()))
        tolerated = TOLERATED_OF_LABELS if self.sees_labels else TOLERATED
        return not off <= tolerated * error + 1e-9 * np.abs(each).max()

    def fits(self, group, i):
        """The outcomes of a candidate by fits."""
        one = replace(group, alphas=[group.alphas[i]])
        rows = run_exact(
            *(self.estimator, self.given, self.splits, [one], self.metrics, None)
        )
        return [row[0] for row in rows]

    def knows_gaps(self, group):
        """Whether steps without folds have a bound of what they leave."""
        _, paths, points, _ = self.kept[id(group)]
        return not (paths[0].is_rough or points[0][0].costs[0].has_kinks)

    def certified(self, group, which):
        """The outcomes of some candidates after steps that leave next to no gap."""
        if not self.knows_gaps(group):
            return [self.fits(group, i) for i in which]
        model, paths, points, thetas = self.kept[id(group)]
        start = time.perf_counter()
        points, thetas = [points[i] for i in which], [thetas[i] for i in which]
        thetas, gaps = _all_refined(points, thetas, MOST_REFINED)
        took = (time.perf_counter() - start) / len(which)
        found = self.scored(model, paths, thetas, took)
        for outcomes, each in zip(found, gaps):
            for outcome, gap in zip(outcomes, each):
                outcome.gap = float(gap)
        return found


def _all_refined(points, thetas, most):
    """`refined` of several paths: a list for each candidate, of each path."""
    each = [refined(*map(list, both), most) for both in zip(zip(*points), zip(*thetas))]
    thetas, gaps = zip(*each)
    return list(zip(*thetas)), np.sum(gaps, axis=0)


def search(
    estimator, data, splits, groups, metrics, decisive, method, n_jobs, kind=Steps
):
    """The outcomes of all candidates, by the method that is asked for.

    Parameters
    ----------
    decisive : int
        The index of the metric that decides.
    method : {"auto", "exact", "newton", "loo"}
    kind : type, default=Steps
        Of rows in blocks another one.

    Returns
    -------
    list of list of list of Outcome
        For each group and candidate, of all folds.
    doubts : dict of str to str
        Losses that fits were made for, and why.
    """
    found, doubts, steps = {}, {}, None
    if method != "exact":
        steps = kind(estimator, data, splits, metrics, decisive, method)
        for i, group in enumerate(groups):
            try:
                with np.errstate(all="ignore"):
                    found[i] = steps.run(group)
            except (Doubt, LinAlgError) as doubt:
                doubts[str(group.loss)] = str(doubt)
    if method == "loo" and doubts:
        raise ValueError(
            "method='loo' of LossSearchCV cannot be used here: "
            f"{next(iter(doubts.values()))}. Use method='auto'."
        )
    left = [i for i in range(len(groups)) if i not in found]
    if left:
        fits = run_exact(
            *(estimator, data, splits, [groups[i] for i in left], metrics, n_jobs)
        )
        rows = [list(row) for row in zip(*fits)]
        for i in left:
            n = len(groups[i].alphas)
            found[i], rows = rows[:n], rows[n:]
    outcomes = [found[i] for i in range(len(groups))]
    if method in ("auto", "newton"):
        _certify(steps, groups, outcomes, decisive)
    return outcomes, doubts


def first_look(estimator, data, splits, groups, metrics, decisive, method, n_jobs):
    """The outcomes of candidates on some of the rows, with scores of single rows."""
    steps = Steps(estimator, data, splits, metrics, decisive, "newton")
    steps.wants_rows, found = True, []
    for group in groups:
        try:
            if method == "exact":
                raise Doubt("fits were asked for")
            with np.errstate(all="ignore"):
                found.append(steps.run(group))
        except (Doubt, LinAlgError):
            fits = run_exact(estimator, data, splits, [group], metrics, n_jobs)
            found.append([list(row) for row in zip(*fits)])
    return found


def _certify(steps, groups, outcomes, decisive):
    """Make sure of the winner and its neighbours, and of who then wins instead."""
    done = set()
    for _ in range(MOST_WINNERS):
        means = [[_mean(row, decisive) for row in rows] for rows in outcomes]
        i = int(np.argmax([max(m) for m in means]))
        j = int(np.argmax(means[i]))
        if (i, j) in done or outcomes[i][j][0].method != "newton":
            return
        near = range(max(j - 1, 0), min(j + 2, len(outcomes[i])))
        if done or not steps.knows_gaps(groups[i]):  # a fit of each fold takes longer
            near = [j]
        which = [n for n in near if outcomes[i][n][0].method == "newton"]
        done.update((i, n) for n in which)
        try:
            with np.errstate(all="ignore"):
                rows = steps.certified(groups[i], which)
        except Doubt:
            rows = [steps.fits(groups[i], n) for n in which]
        for n, row in zip(which, rows):
            outcomes[i][n] = row


def _mean(outcomes, i):
    found = np.mean([o.scores[i] for o in outcomes])
    return found if found == found else -np.inf


def _share_link(loss, own):
    return getattr(own, "link", None) == loss.link


def _public(paths, each):
    """Raw predictions, a row for each output, as estimators publish them."""
    if len(each) > 1:
        return np.column_stack([raw.ravel() for raw in each])
    raw = each[0]
    if not paths[0].is_joint:
        return raw.ravel()
    return raw[1] - raw[0] if len(raw) == 2 else np.ascontiguousarray(raw.T)
