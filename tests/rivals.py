"""The objective of a fuzzer's case in numpy, and coefficients that others would find.

The optimum is never asserted, only beaten: any coefficients with a lesser objective
prove that a fit fell short. The rivals are constants, least squares, and solvers that
share nothing with the package's: benchmarks/optimum.py, and L-BFGS from scipy.
"""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from sklearn_losses.losses._best_constant import is_least_at_0

_PATH = Path(__file__).resolve().parents[1] / "benchmarks" / "optimum.py"
_SPEC = importlib.util.spec_from_file_location("optimum", _PATH)
optimum = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(optimum)

QUANTILES = [0.0, 0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98, 1.0]
WIDTHS = 10.0 ** -np.arange(0, 6.5, 1.0)  # of the smoothing, in units of y
EPS = np.finfo(np.float64).eps


class Problem:
    """F of a case, for coefficients of shape (n_outputs, n_features).

    Parameters
    ----------
    case : Case
    model : estimator
        As it was fitted: its labels, its penalty, and its loss with a measured scale.
    """

    def __init__(self, case, model):
        self.loss = model.loss_
        self.is_joint = self.loss.granularity == "row"
        self.is_degenerate = is_least_at_0(model.loss_)
        self.fit_intercept = model.fit_intercept
        self.X, self.dtype = case.X, case.dtype
        self.weight = np.ones(len(case.y)) if case.weight is None else case.weight
        count = np.count_nonzero(self.weight)
        total = self.weight.sum() if case.is_linear else count
        self.share = self.weight / total  # of each row's loss in F
        self.alpha = 0.0 if model.penalty is None else model.alpha
        l1_share = {"l2": 0.0, "l1": 1.0}.get(model.penalty, model.l1_ratio)
        self.l1, self.l2 = self.alpha * l1_share, self.alpha * (1.0 - l1_share)
        self.l1 *= getattr(model, "scale_", 1.0)  # of "mad": units do not matter
        self.targets = self._targets_of_outputs(case, model)
        self.n_outputs = self.n_classes if self.is_joint else len(self.targets)
        self._constant = None
        self._X_long = case.X.astype(np.longdouble)

    def _targets_of_outputs(self, case, model):
        if not case.is_classifier:
            return [np.asarray(case.y, dtype=float)]
        codes = np.searchsorted(model.classes_, case.y)
        self.n_classes = len(model.classes_)
        if self.is_joint or self.n_classes == 2:
            return [codes.astype(float)]
        return [1.0 * (codes == k) for k in range(self.n_classes)]

    # --------------------------------------------------------------- objective
    def raw(self, coef, intercept):
        """Raw predictions, whose sums lose no digits."""
        raw = self._X_long @ np.atleast_2d(coef).T.astype(np.longdouble) + intercept
        return raw.astype(float)

    def value(self, coef, intercept):
        """F, summed over the outputs."""
        coef = np.atleast_2d(coef)
        raw = self.raw(coef, intercept)
        mean = sum(share @ loss for share, loss in self._losses(raw))
        return float(mean + np.sum(self.l1 * np.abs(coef) + self.l2 / 2 * coef**2))

    def _losses(self, raw):
        """Shares and losses of the rows that count, for each output."""
        seen = self.share > 0  # a row of weight 0 is none, even if its loss is inf
        with np.errstate(over="ignore", invalid="ignore"):
            for k, y in enumerate(self.targets):
                own = raw[seen] if self.is_joint else raw[seen, k]
                yield self.share[seen], self.loss.value(y[seen], own)

    def floor(self):
        """The least F that any predictions could have."""
        seen, targets = self.share > 0, self.targets
        if self.is_joint and self.loss.soft_targets:
            targets = [np.eye(self.n_classes)[targets[0].astype(int)]]
        return sum(self.share[seen] @ self.loss.minimum(y[seen]) for y in targets)

    def rounded(self, coef, intercept):
        """The coefficients as they can be published."""
        return tuple(a.astype(self.dtype).astype(float) for a in (coef, intercept))

    def rounding(self, coef, intercept):
        """How far roundings of predictions and losses move F."""
        size = np.abs(self.X) @ np.abs(coef).T + np.abs(intercept)
        moved = 16 * EPS * size.max(axis=0)
        base = self.value(coef, intercept)
        others = [self.value(coef, intercept + s * moved) for s in (-1, 1)]
        losses = self._losses(self.raw(coef, intercept))
        sums = 100 * EPS * sum(share @ np.abs(loss) for share, loss in losses)
        moves = np.abs(np.subtract(others, base))
        return float(np.max(moves[np.isfinite(moves)], initial=0.0)) + sums

    def nothing(self):
        """So little beside F of no prediction at all that it counts as 0."""
        level = self.value(*self._zeros()) - self.floor()
        return max(1e-12 * level, 1e-300) if np.isfinite(level) else 1e-300

    def rounding_of_float32(self, coef, intercept):
        """How far roundings of float32 coefficients move F."""
        rng = np.random.default_rng(0)
        base, moved = self.value(coef, intercept), 0.0
        for _ in range(4):
            noisy = (
                a * (1 + 1.2e-7 * rng.choice([-1, 1], size=a.shape))
                for a in (coef, intercept)
            )
            moved = max(moved, 2 * abs(self.value(*noisy) - base))
        return moved

    # --------------------------------------------------------------- constants
    def constant(self):
        """The best constants, as coefficients."""
        if self._constant is None or self._constant[0] is not self.loss:
            self._constant = self.loss, self._best_constant()
        return self._constant[1]

    def _best_constant(self):
        coef, intercept = self._zeros()
        if not self.fit_intercept:
            return coef, intercept
        best = [self.loss.optimal_constant(y, self.weight) for y in self.targets]
        far = 700.0 if self.loss.task != "regression" else np.inf  # exp is finite
        return coef, np.clip(np.hstack(best).astype(float), -far, far)

    def _zeros(self):
        return np.zeros((self.n_outputs, self.X.shape[1])), np.zeros(self.n_outputs)

    def constants_of_targets(self):
        """Some targets, as constants; none without an intercept."""
        if self.loss.task != "regression" or not self.fit_intercept:
            return
        raw = self.loss.link.link(np.quantile(self.targets[0], QUANTILES))
        for constant in raw[np.isfinite(raw)]:
            yield self._zeros()[0], np.array([constant])

    # ------------------------------------------------------------------ rivals
    def rivals(self):
        """Coefficients that somebody else would find."""
        yield from self.constants_of_targets()
        if self.loss.task == "regression" and self.l1 == 0:
            yield self._least_squares()
        if self.loss.convex and not (self.is_joint and self.l1 > 0):
            yield self._optimum()

    def _whitened(self):
        ridge = self.l2 / self.share.sum()
        return optimum.Whitened(self.X, ridge, self.fit_intercept)

    def _least_squares(self):
        y = self.loss.link.link(self.targets[0])
        white = self._whitened()
        root = np.sqrt(self.weight / self.weight.max())[:, None]
        sides = root * white.U, root[:, 0] * np.where(np.isfinite(y), y, 0.0)
        w, b = white.coefficients(np.linalg.lstsq(*sides, rcond=None)[0])
        return w[None], np.array([b])

    def _optimum(self):
        if self.is_joint:
            return self._optimum_of_rows()
        find = self._with_l1 if self.l1 > 0 else self._without_l1
        found = [find(y, b) for y, b in zip(self.targets, self.constant()[1])]
        return np.array([w for w, _ in found]), np.array([b for _, b in found])

    def _without_l1(self, y, start):
        white = self._whitened()
        z = optimum.of_points(self.loss, white, y, start, self.weight)
        return white.coefficients(z)

    def _columns(self):
        """Standardized columns, their units and their means."""
        mean = self.X.mean(axis=0) * self.fit_intercept
        unit = np.sqrt(np.mean((self.X - mean) ** 2, axis=0))
        varies = unit > 1e-13 * np.abs(mean)
        unit = np.where(varies, unit, 1.0)
        return np.where(varies, (self.X - mean) / unit, 0.0), unit, mean

    def _with_l1(self, y, start):
        """L-BFGS-B on the two signs of w, with kinks smoothed less and less."""
        Z, unit, mean = self._columns()
        d, size = Z.shape[1], optimum.spread_of(self.loss, y)
        level = self.share @ self.loss.value(y, np.full(len(y), start))
        level = max(abs(level), 1e-300)
        v = np.zeros(2 * d + 1)
        v[-1] = start / size
        for h in [0.0] if self.loss.differentiable else size * WIDTHS:

            def function(v, h=h):
                u = size * (v[:d] - v[d:-1])
                mean_loss, slopes = self._smoothed(y, Z @ u + size * v[-1], h)
                coef, l1 = u / unit, self.l1 / unit
                F = mean_loss + self.l2 / 2 * coef @ coef
                F += size * l1 @ (v[:d] + v[d:-1])
                g = Z.T @ slopes + self.l2 * coef / unit
                last = slopes.sum() * self.fit_intercept
                return F / level, size / level * np.hstack([g + l1, l1 - g, last])

            v = _minimized(function, v, [(0, None)] * (2 * d) + [(None, None)])
        w = size * (v[:d] - v[d:-1]) / unit
        return w, size * v[-1] - mean @ w

    def _smoothed(self, y, raw, h):
        """The mean loss and the slopes of the rows, with shares."""
        if h == 0.0:
            value, slopes = self.loss.value_gradient(y, raw)
            return self.share @ value, self.share * slopes
        up, low = self.loss.value(y, raw + h), self.loss.value(y, raw - h)
        return self.share @ (up + low) / 2, self.share * (up - low) / (2 * h)

    def _optimum_of_rows(self):
        Z, unit, mean = self._columns()
        K, y = self.n_classes, self.targets[0]
        Z = np.column_stack([Z, np.full(len(Z), float(self.fit_intercept))])

        def function(v):
            V = v.reshape(K, -1)
            value, slopes = self.loss.value_gradient(y, Z @ V.T)
            coef = V[:, :-1] / unit
            F = self.share @ value + self.l2 / 2 * np.sum(coef**2)
            G = (self.share[:, None] * slopes).T @ Z
            G[:, :-1] += self.l2 * coef / unit
            return F, G.ravel()

        start = np.column_stack(self.constant())
        V = _minimized(function, start.ravel()).reshape(K, -1)
        w = V[:, :-1] / unit
        return w, V[:, -1] * self.fit_intercept - w @ mean


def _minimized(function, start, bounds=None):
    options = {"maxiter": 300, "ftol": 1e-14, "gtol": 1e-9}
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = minimize(
            function, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options
        )
    return found.x
