"""What the rows of a fit leave uncertain of a survival model: coefficients and curves.

The coefficients have the inverse Hessian for a covariance, or the sandwich around it.

A cumulative hazard of Cox's model is made of coefficients and a baseline, and so is its
variance (Tsiatis 1981); its logarithm is what is nearly normal. With accelerated
failure times all that a curve depends on is

    z = (log t - location) / scale = log t (x' . s) - x' . d,

which is linear in what was fitted, so that a band of z is one of the survival function.
"""

from copy import copy

import numpy as np
from scipy import sparse
from sklearn.utils import Bunch

from sklearn_losses.estimators._validation import check_weights
from sklearn_losses.estimators.blocks._blocks import refuse_blocks
from sklearn_losses.estimators.outputs._outputs import has_outputs
from sklearn_losses.inspection._covariance import NOT_UNIQUE, look_at_clusters
from sklearn_losses.inspection._fit_of import warn_of_other_data
from sklearn_losses.inspection._survival_errors import RiskSets, cox_derivatives
from sklearn_losses.losses._targets import group_codes
from sklearn_losses.solvers.descent._exact import NO_CURVATURE

BLOCK = 1 << 20  # numbers that are worked on at a time
LARGEST = 1e300  # a hazard that has a share of a sum


def survival_covariance(owner, estimator, *given, sandwich=False, clusters=None):
    """That of a fitted LinearSurvival.

    Parameters
    ----------
    owner : str
        Who asks, for errors and warnings.
    estimator : LinearSurvival
    *given : X, y, sample_weight, offset, strata
        Those of the fit.
    sandwich : bool, default=False
    clusters : array-like of shape (n_samples,), default=None
        Of the sandwich.

    Returns
    -------
    SurvivalCovariance
    """
    is_of_times = has_outputs(estimator._resolve_loss())
    kind = TimesCovariance if is_of_times else HazardsCovariance
    return kind(owner, estimator, given, sandwich, clusters)


class SurvivalCovariance:
    """What both kinds share: the rows of the fit, around their mean, by their spread.

    A subclass has `errors()`, the standard errors of what the model publishes, and
    `curves(X, times, strata, offset)`: survival functions, their bands as a function of
    how many standard errors, and standard errors of cumulative hazards.
    """

    def __init__(self, owner, estimator, given, sandwich, clusters):
        X, y, weight, offset, strata = given
        self.owner, self.estimator = owner, estimator
        n_features = estimator._check_model()
        refuse_blocks(owner, X)
        self.loss = estimator._resolve_loss()
        target = estimator._grouped(y, strata)
        parts = X, target, weight, self.loss, offset
        self.objectives, dtype = copy(estimator)._objectives(*parts)
        rows = self.objectives[0].rows
        if rows.n_features != n_features:
            raise ValueError(
                f"{owner} needs X of the fit, of {n_features} features. Got "
                f"{rows.n_features}."
            )
        weight = check_weights(weight, rows.n_rows)
        self.weight = np.ones(rows.n_rows) if weight is None else weight
        self.codes = estimator._stratum_of(strata, rows.n_rows)
        dense = np.asarray(rows.to_dense(), dtype=np.float64)
        self.mean = np.average(dense, axis=0, weights=self.weight)
        spread = np.average((dense - self.mean) ** 2, axis=0, weights=self.weight)
        self.unit = np.where(spread > 0, np.sqrt(spread), 1.0)
        self.z = (dense - self.mean) / self.unit
        self.ids = None
        if clusters is not None:
            self.ids = group_codes(clusters, rows.n_rows, "clusters")
        self.sandwich = sandwich or clusters is not None
        values = self._look(X, offset)
        warn_of_other_data(owner, estimator, values, dtype, offset)

    def _centred(self, X):
        """Other rows in the same units."""
        X = self.estimator._unchecked(X)
        dense = X.toarray() if sparse.issparse(X) else X
        return (np.asarray(dense, dtype=np.float64) - self.mean) / self.unit

    def _covariance(self, hessian, scores):
        """Of coefficients, from the Hessian and the weighted scores of the rows."""
        values, vectors = np.linalg.eigh(hessian)
        if not values[0] > NO_CURVATURE * values[-1]:
            raise ValueError(NOT_UNIQUE.format(self.owner))
        found = (vectors / values) @ vectors.T
        if not self.sandwich:
            return found
        if self.ids is not None:
            look_at_clusters(self.owner, self.ids, len(found))
            each, scores = scores, np.zeros((self.ids.max() + 1, len(found)))
            np.add.at(scores, self.ids, each)
        moved = scores @ found
        return moved.T @ moved


class HazardsCovariance(SurvivalCovariance):
    """That of hazard ratios, of each cause by itself, and of their baselines."""

    def _look(self, X, offset):
        self.raw = self.estimator._raw(X, offset)
        self.efron = self.loss.ties == "efron"
        self.covariances = []
        for objective, raw in zip(self.objectives, self.raw.T):
            parts = self.z, objective.targets.y, raw, self.weight, self.codes
            found = cox_derivatives(*parts, self.efron)
            self.covariances.append(self._covariance(*found))
        coef = np.atleast_2d(self.estimator._dense_coef()).astype(np.float64)
        points = zip(self.objectives, coef)
        return np.ravel([o.value(w[None], np.zeros(1)) for o, w in points])

    def errors(self):
        each = [np.sqrt(np.diag(c)) / self.unit for c in self.covariances]
        coef = np.array(each).reshape(self.estimator.coef_.shape)
        return Bunch(coef=coef, intercept=np.zeros(len(each)))

    def curves(self, X, times, strata, offset):
        raw, codes = self.estimator._of_hazards(X, strata, offset)
        each = self.estimator._hazards.cumulative(raw, codes, times)
        z, total, variance = self._centred(X), each.sum(axis=2), 0.0
        each = np.minimum(each, LARGEST)
        with np.errstate(invalid="ignore"):
            shares = each / each.sum(axis=2, keepdims=True)
        for k in range(each.shape[2]):
            relative = np.zeros(total.shape)
            for code in np.unique(codes):
                here = np.flatnonzero(codes == code)
                relative[here] = self._relative(k, code, z[here], times)
            variance = variance + (np.nan_to_num(shares[..., k]) * relative) ** 2
        error = np.sqrt(variance)  # of the logarithm of the cumulative hazard

        def band(n_errors):
            with np.errstate(over="ignore", invalid="ignore"):
                return np.exp(-np.nan_to_num(total * np.exp(n_errors * error)))

        with np.errstate(invalid="ignore"):
            return np.exp(-total), band, total * error

    def _relative(self, k, code, z, times):
        """Standard errors of hazards of a cause in a stratum, in units of these."""
        here = (self.codes == code) & (self.weight > 0)
        columns = self.objectives[k].targets.y[here]
        found = np.zeros((len(z), len(times)))
        if not columns[:, 1].any():
            return found
        parts = self.z[here], columns, self.raw[here, k], self.weight[here]
        sets = RiskSets(*parts, self.efron)
        grown = np.cumsum(sets.hazards(), axis=0)
        at = np.searchsorted(sets.times, times, side="right") - 1
        some = np.flatnonzero(at >= 0)
        hazard, *mean, variance = grown[at[some]].T
        factor = np.linalg.cholesky(self.covariances[k])
        mean, z = (np.array(mean) / hazard).T @ factor, z @ factor
        size = max(1, BLOCK // max(1, mean.size))
        for start in range(0, len(z), size):
            away = z[start : start + size, None] - mean
            squares = np.einsum("itj,itj->it", away, away)
            squares += variance / hazard**2
            found[start : start + size, some] = np.sqrt(squares)
        return found


class TimesCovariance(SurvivalCovariance):
    """That of location / scale and 1 / scale, of accelerated failure times."""

    def _look(self, X, offset):
        objective, estimator = self.objectives[0], self.estimator
        self.moves, here = objective.predictors.moves, self.weight > 0
        raw = self.loss.raw_of(estimator._values(X, 0.0), len(self.z))
        if objective.offset is not None:  # and not taken from y
            raw = raw + objective.offset
        raw = raw[here]
        y, weight = objective.targets.y[here], self.weight[here]
        bends = self.loss.hessian(y, raw) * weight[:, None, None]
        slopes = self.loss.gradient(y, raw) * weight[:, None]
        x = _with_one(self.z[here])
        each = [x[:, moves] for moves in self.moves]
        hessian = [
            [own.T @ (bends[:, k, m, None] * other) for m, other in enumerate(each)]
            for k, own in enumerate(each)
        ]
        scores = np.zeros((len(self.z), int(self.moves.sum())))
        scores[here] = np.hstack([s[:, None] * own for s, own in zip(slopes.T, each)])
        self.covariance = self._covariance(np.block(hessian), scores)
        return [np.average(self.loss.value(y, raw), weights=weight)]

    def _published_units(self):
        """What coefficients and intercept are, of those of centred features."""
        d = len(self.unit)
        found = np.diag(np.append(1.0 / self.unit, 1.0))
        found[d, :d] = -self.mean / self.unit
        return found

    def errors(self):
        estimator, units = self.estimator, self._published_units()
        n_first = int(self.moves[0].sum())
        jacobian = units[:, self.moves[0]]
        more = {}
        if len(self.moves) > 1:
            of_scale = np.zeros((len(units), int(self.moves[1].sum())))
            rest = self.covariance[n_first:, n_first:]
            if hasattr(estimator, "predictors_"):
                own = _errors(units[:, self.moves[1]], rest)
                more["predictors"] = {"scale": (own[:-1], own[-1])}
            else:  # location = d / s
                scale = estimator.loss_.scale
                theta = np.append(estimator.coef_, estimator.intercept_)
                jacobian, of_scale[:, 0] = scale * jacobian, -scale * theta
                more["scale"] = float(np.sqrt(rest[0, 0])) * scale**2
            jacobian = np.hstack([jacobian, of_scale])
        found = _errors(jacobian, self.covariance)
        return Bunch(coef=found[:-1], intercept=found[-1:], **more)

    def curves(self, X, times, strata, offset):
        estimator = self.estimator
        survival = estimator.predict_survival_function(X, times, strata, offset)
        values = estimator._values(X, offset)
        location = np.reshape(values["location"], (-1, 1))
        scale = np.reshape(values["scale"], (-1, 1))
        with np.errstate(divide="ignore"):
            log_times = np.log(np.maximum(times, 0.0))
        at = (log_times - location) / scale
        errors = self._errors_of_z(
            _with_one(self._centred(X)), log_times, offset, scale
        )
        standard = self.loss._standard()

        def band(n_errors):
            with np.errstate(over="ignore"):
                return standard.sf(at + n_errors * errors)

        with np.errstate(over="ignore", invalid="ignore"):
            rate = np.exp(standard.logpdf(at) - standard.logsf(at))
        return survival, band, np.nan_to_num(rate * errors)

    def _errors_of_z(self, x, log_times, offset, scale):
        """Of shape (n_rows, n_times); 0 at the times 0 and inf."""
        n_first = int(self.moves[0].sum())
        first = x[:, self.moves[0]]
        cov = self.covariance
        if len(self.moves) == 1:
            errors = np.sqrt(np.einsum("ij,jk,ik->i", first, cov, first))[:, None]
            return np.where(np.isfinite(log_times), errors / scale, 0.0)
        second = x[:, self.moves[1]]
        known = 0.0 if offset is None else np.reshape(offset, (-1, 1))
        t = np.where(np.isfinite(log_times), log_times, 0.0) - known
        a = np.einsum("ij,jk,ik->i", first, cov[:n_first, :n_first], first)[:, None]
        b = np.einsum("ij,jk,ik->i", first, cov[:n_first, n_first:], second)[:, None]
        c = np.einsum("ij,jk,ik->i", second, cov[n_first:, n_first:], second)[:, None]
        variance = np.maximum(a - 2.0 * t * b + t * t * c, 0.0)
        return np.where(np.isfinite(log_times), np.sqrt(variance), 0.0)


def _with_one(z):
    return np.column_stack([z, np.ones(len(z))])


def _errors(jacobian, covariance):
    return np.sqrt(np.einsum("ij,jk,ik->i", jacobian, covariance, jacobian))
