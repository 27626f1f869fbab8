"""What must hold of every fit, and a second opinion on where its optimum is.

The optimum is never asserted, only beaten: whatever coefficients any rival finds, a fit
of a convex loss must not be worse by more than 1% of what there is to gain, and nothing
may lie below `objective_ - gap_`. The rivals are constants, least squares, the solver of
benchmarks/optimum.py, which shares nothing with the package's, and the same fit in other
units.
"""

import importlib.util
import pickle
import warnings
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklearn_losses import IdentityLink
from sklearn_losses.solvers._sgd import is_least_at_0

_PATH = Path(__file__).resolve().parents[1] / "benchmarks" / "optimum.py"
_SPEC = importlib.util.spec_from_file_location("optimum", _PATH)
optimum = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(optimum)

SHORT = 0.01  # of what there is to gain
LEAST = 1e-3  # of what a perfect fit would gain: less than that is no gain
QUANTILES = [0.0, 0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98, 1.0]
EPS = np.finfo(np.float64).eps


# ------------------------------------------------------------------ objectives
class Problem:
    """F of a case, in numpy, for coefficients of shape (n_outputs, n_features)."""

    def __init__(self, case, model):
        self.loss = model.loss_
        self._constant = None
        self.is_degenerate = is_least_at_0(model.loss_)
        self.fit_intercept = model.fit_intercept
        self.X, self.dtype = case.X, case.dtype
        self._X_long = case.X.astype(np.longdouble)
        n = len(case.y)
        weight = np.ones(n) if case.weight is None else case.weight
        total = weight.sum() if case.is_linear else np.count_nonzero(weight)
        self.weight = weight
        self.share = weight / total  # of each row's loss in F
        self.alpha, share = model.alpha, {"l2": 0.0, "l1": 1.0, None: 0.0}.get(
            model.penalty, model.l1_ratio
        )
        if model.penalty is None:
            self.alpha = 0.0
        self.l1, self.l2 = self.alpha * share, self.alpha * (1 - share)
        self.is_joint = self.loss.granularity == "row"
        if not case.is_classifier:
            self.targets = [np.asarray(case.y, dtype=float)]
        else:
            codes = np.searchsorted(model.classes_, case.y)
            several = len(model.classes_) > 2
            self.n_classes = len(model.classes_)
            if self.is_joint or not several:
                self.targets = [codes.astype(float)]
            else:
                self.targets = [1.0 * (codes == k) for k in range(self.n_classes)]

    def raw(self, coef, intercept):
        raw = self._X_long @ np.atleast_2d(coef).T.astype(np.longdouble) + intercept
        return raw.astype(float)

    def values(self, coef, intercept):
        """F of each output; of one where they share it."""
        coef, intercept = np.atleast_2d(coef), np.atleast_1d(intercept)
        penalty = self.l1 * np.abs(coef) + self.l2 / 2 * coef**2
        means = [share @ loss for share, loss in self._losses(self.raw(coef, intercept))]
        return np.array(means) + (penalty.sum() if self.is_joint else penalty.sum(axis=1))

    def _losses(self, raw):
        """Shares and losses of the rows that count, for each output."""
        seen = self.share > 0  # a row of weight 0 is none, even if its loss is inf
        with np.errstate(over="ignore", invalid="ignore"):
            for k, y in enumerate(self.targets):
                own = raw[seen] if self.is_joint else raw[seen, k]
                yield self.share[seen], self.loss.value(y[seen], own)

    def rounding(self, coef, intercept):
        """How far roundings of predictions and losses move F."""
        size = np.abs(self.X) @ np.abs(coef).T + np.abs(intercept)
        moved = 16 * EPS * size.max(axis=0)
        base = self.value(coef, intercept)
        others = [self.value(coef, intercept + s * moved) for s in (-1, 1)]
        losses = self._losses(self.raw(coef, intercept))
        sums = sum(share @ np.abs(loss) for share, loss in losses)
        return float(np.nanmax(np.abs(np.subtract(others, base)))) + 100 * EPS * sums

    def value(self, coef, intercept):
        return float(np.sum(self.values(coef, intercept)))

    def rounded(self, coef, intercept):
        """The coefficients as they can be published."""
        return coef.astype(self.dtype).astype(float), intercept.astype(
            self.dtype
        ).astype(float)

    def floor(self):
        """The least F that any predictions could have."""
        seen = self.share > 0
        targets = self.targets
        if self.is_joint and self.loss.soft_targets:
            targets = [np.eye(self.n_classes)[targets[0].astype(int)]]
        return sum(self.share[seen] @ self.loss.minimum(y[seen]) for y in targets)

    # ------------------------------------------------------------------ rivals
    def constant(self):
        """The best constants, as coefficients."""
        if self._constant is None or self._constant[0] is not self.loss:
            self._constant = self.loss, self._best_constant()
        return self._constant[1]

    def _best_constant(self):
        shape = (self.n_classes if self.is_joint else len(self.targets), self.X.shape[1])
        if not self.fit_intercept:
            return np.zeros(shape), np.zeros(shape[0])
        best = [np.clip(c, -700, 700) if self.loss.task != "regression" else c
                for c in (self.loss.optimal_constant(y, self.weight) for y in self.targets)]
        return np.zeros(shape), np.hstack(best).astype(float)

    def rivals(self):
        """Coefficients that somebody else would find."""
        yield self.constant()
        if self.loss.task == "regression":
            yield from self._constants_of_targets()
            if self.l1 == 0:
                yield self._least_squares()
        if self.loss.convex:
            yield from self._optima()

    def _constants_of_targets(self):
        if not self.fit_intercept:
            return
        raw = self.loss.link.link(np.quantile(self.targets[0], QUANTILES))
        for constant in raw[np.isfinite(raw)]:
            yield np.zeros((1, self.X.shape[1])), np.array([constant])

    def _whitened(self):
        total = self.share.sum()
        return optimum.Whitened(self.X, self.l2 / total, self.fit_intercept)

    def _least_squares(self):
        y = self.loss.link.link(self.targets[0])
        y = np.where(np.isfinite(y), y, 0.0)
        white = self._whitened()
        root = np.sqrt(self.weight / self.weight.max())[:, None]
        z = np.linalg.lstsq(root * white.U, root[:, 0] * y, rcond=None)[0]
        w, b = white.coefficients(z)
        return w[None], np.array([b])

    def _optima(self):
        if self.is_joint:
            yield self._rows_by_lbfgs()
            return
        start = self.constant()[1]
        if self.l1 == 0:
            white = self._whitened()
            found = [
                white.coefficients(optimum.of_points(self.loss, white, y, b, self.weight))
                for y, b in zip(self.targets, start)
            ]
            yield np.array([w for w, _ in found]), np.array([b for _, b in found])
        else:
            found = [self._point_with_l1(y, b) for y, b in zip(self.targets, start)]
            yield np.array([w for w, _ in found]), np.array([b for _, b in found])

    def _columns(self):
        unit, mean = self.X.std(axis=0), self.X.mean(axis=0)
        varies = unit > 1e-13 * np.abs(mean)
        if not self.fit_intercept:
            mean, unit = 0.0 * mean, np.sqrt(np.mean(self.X**2, axis=0))
            varies = unit > 0
        unit = np.where(varies, unit, 1.0)
        return np.where(varies, (self.X - mean) / unit, 0.0), unit, mean

    def _point_with_l1(self, y, start):
        """L-BFGS-B on the two signs of w, in standardized columns."""
        Z, unit, mean = self._columns()
        d, size = Z.shape[1], optimum.spread_of(self.loss, y)
        v = np.zeros(2 * d + 1)
        v[-1] = start / size
        smooth_value = self.loss.value
        has_kinks = not self.loss.differentiable
        scale = max(abs(self.share @ smooth_value(y, np.full(len(y), start))), 1e-300)
        for h in size * 10.0 ** -np.arange(0, 6.5, 1.0) if has_kinks else [0.0]:

            def function(v, h=h):
                u = size * (v[:d] - v[d:-1])
                raw = Z @ u + size * v[-1]
                if h > 0:
                    up, low = smooth_value(y, raw + h), smooth_value(y, raw - h)
                    value, slopes = (up + low) / 2, self.share * (up - low) / (2 * h)
                else:
                    value, slopes = self.loss.value(y, raw), self.share * self.loss.gradient(y, raw)
                coef = u / unit
                F = self.share @ value + self.l2 / 2 * coef @ coef
                F += self.l1 * (size * (v[:d] + v[d:-1]) / unit).sum()
                g = Z.T @ slopes + self.l2 * coef / unit
                l1 = self.l1 / unit
                slope = np.concatenate([g + l1, l1 - g, [slopes.sum()]])
                if not self.fit_intercept:
                    slope[-1] = 0.0
                return F / scale, size * slope / scale

            bounds = [(0, None)] * (2 * d) + [(None, None)]
            with np.errstate(over="ignore", invalid="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                v = minimize(
                    function, v, jac=True, method="L-BFGS-B", bounds=bounds,
                    options={"maxiter": 300, "ftol": 1e-14, "gtol": 1e-9},
                ).x
        w = size * (v[:d] - v[d:-1]) / unit
        return w, size * v[-1] - mean @ w

    def _rows_by_lbfgs(self):
        Z, unit, mean = self._columns()
        n, d, K, y = *Z.shape, self.n_classes, self.targets[0]
        Z = np.column_stack([Z, np.full(n, float(self.fit_intercept))])
        if self.l1 > 0:
            return self.constant()

        def function(v):
            V = v.reshape(K, d + 1)
            raw = Z @ V.T
            coef = V[:, :-1] / unit
            F = self.share @ self.loss.value(y, raw) + self.l2 / 2 * np.sum(coef**2)
            G = (self.share[:, None] * self.loss.gradient(y, raw)).T @ Z
            G[:, :-1] += self.l2 * coef / unit
            return F, G.ravel()

        v = np.zeros((K, d + 1))
        v[:, -1] = self.constant()[1] * self.fit_intercept
        options = {"maxiter": 500, "ftol": 1e-14, "gtol": 1e-10}
        v = minimize(function, v.ravel(), jac=True, method="L-BFGS-B", options=options).x
        V = v.reshape(K, d + 1)
        w = V[:, :-1] / unit
        return w, V[:, -1] - w @ mean


# --------------------------------------------------------------------- verdict
class Findings(list):
    """(kind, sentence): what does not hold. `loud` are those the fit warned of."""

    def __init__(self):
        super().__init__()
        self.loud = []

    def check(self, holds, kind, text, warned=False):
        findings = self.loud if warned else self
        if not holds and (kind, text) not in findings:
            findings.append((kind, text))


OUR_WORDS = (
    "overflow", "Scale", "must", "cannot", "needs", "Give ", "Use ", "Got ", "diverge",
    "Standardize", "weights are zero",
)


def fitted(case, form=None, **changes):
    """The model, its warnings and its error."""
    model = clone(case.model).set_params(**changes)
    X, y = case.rows(form), np.array(case.y)
    kwargs = {} if case.weight is None else {"sample_weight": np.array(case.weight)}
    before = _bytes(X, y, **kwargs)
    error = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model.fit(X, y, **kwargs)
        except Exception as raised:
            error = raised
    untouched = _bytes(X, y, **kwargs) == before
    return model, [w for w in caught], error, untouched


def _bytes(X, y, sample_weight=None):
    parts = [X] if isinstance(X, np.ndarray) else [X.data, X.indices, X.indptr]
    parts += [y] if sample_weight is None else [y, sample_weight]
    return [(a.dtype, a.tobytes()) for a in parts]


def judge(case, streams=True):
    """All oracles on one case."""
    findings = Findings()
    model, caught, error, untouched = fitted(case)
    findings.check(untouched, "inputs changed", "X, y or the weights differ after fit")
    _check_warnings(findings, caught)
    if error is not None:
        _check_error(findings, error)
        return findings
    warned = any(issubclass(w.category, UserWarning) for w in caught)
    _check_state(findings, case, model, warned)
    published = np.atleast_2d(model.coef_).astype(float), np.atleast_1d(model.intercept_).astype(float)
    is_pair = model.loss_.granularity == "row" and len(published[0]) == 1
    if not is_pair:
        problem = Problem(case, model)
        with np.errstate(all="ignore"):  # the rivals' and the far ends'
            best = _check_optimum(findings, case, model, problem, published, warned)
        _check_forms(findings, case, model, problem, published, best, warned)
    _check_refusal_keeps_model(findings, case, model)
    if streams and hasattr(model, "partial_fit") and not is_pair:
        _check_stream(findings, case, problem)
    return findings


def _check_warnings(findings, caught):
    for w in caught:
        known = issubclass(w.category, (ConvergenceWarning, UserWarning))
        findings.check(known, f"{w.category.__name__} out of fit", f"{w.message} ({w.filename}:{w.lineno})")


def _check_error(findings, error):
    text = f"{type(error).__name__}: {error}"
    is_sentence = isinstance(error, ValueError) and any(w in str(error) for w in OUR_WORDS)
    findings.check(is_sentence, f"{type(error).__name__} out of fit", text)
    findings.check(False, "refused", text, warned=True)


def _check_state(findings, case, model, warned):
    finite = np.isfinite(model.coef_).all() and np.isfinite(model.intercept_).all()
    findings.check(finite, "coefficients not finite", f"{model.coef_}")
    predict = "decision_function" if case.is_classifier else "predict"
    with np.errstate(all="ignore"):
        dense, csr = (getattr(model, predict)(case.rows(f)) for f in ("dense", "csr"))
    findings.check(np.isfinite(dense).all(), "predictions not finite", "", warned)
    size = np.abs(model.coef_).max(initial=0) * np.abs(case.X).max() + np.abs(model.intercept_).max()
    tol = 1e-3 if case.dtype == np.float32 else 1e-9
    if np.isfinite(dense).all() and type(model.loss_.link) is IdentityLink:
        same = np.allclose(dense, csr, rtol=tol, atol=tol * size)
        findings.check(same, "predict dense and CSR differ", "")
    again = pickle.loads(pickle.dumps(model))
    findings.check((again.coef_ == model.coef_).all(), "pickle", "other coefficients")


def _check_optimum(findings, case, model, problem, published, warned):
    """The least F that is known, and whether the fit has it."""
    found = problem.value(*published)
    if problem.is_degenerate:
        return found, abs(found), np.inf
    constant = _check_constant(findings, problem)
    rivals = [(constant, "constant", None)]
    for rival in problem.rivals():
        value = problem.value(*problem.rounded(*rival))
        if np.isfinite(value):
            rivals.append((value, "rival", rival))
    if problem.loss.convex or not case.is_auto:
        rivals += _in_other_units(case, problem)
    best, who, where = min(rivals, key=lambda r: r[0])
    noise = problem.rounding(*published) + 100 * EPS * abs(constant)
    gain = max(constant - best, LEAST * (constant - problem.floor()), noise, 1e-300)
    words = f"F {found:.9g}, {who} {best:.9g}, constant {constant:.9g}, gap {(found - best) / gain:.2g}"
    slack = noise + (_float32_noise(problem, published) if case.dtype == np.float32 else 0)
    if case.is_auto:
        worse = found > constant + 1e-6 * abs(gain) + slack
        findings.check(not worse, "worse than a constant", words, warned)
        if problem.loss.convex and not worse:
            short = found - best > SHORT * gain + slack
            kind = "LinearX short" if case.is_linear else "default fit short"
            findings.check(not short, kind, words, warned)
    else:
        worse = found > constant + 0.5 * abs(gain) + slack
    if case.is_linear:
        _check_certificate(findings, case, model, problem, found, best, slack, warned, words)
    return best, gain, slack


def _check_constant(findings, problem):
    """F of the best constant, which is not better at some target."""
    constant = problem.value(*problem.constant())
    if problem.loss.task != "regression":
        return constant
    others = [problem.value(*c) for c in problem._constants_of_targets()]
    least = np.nanmin([constant, *others])
    text = f"optimal_constant has {constant:.9g}, some target {least:.9g}"
    allowed = 1e-6 * (abs(least) + abs(constant - problem.floor()))
    allowed += problem.rounding(*problem.constant())
    holds = np.isfinite(constant) and constant <= least + allowed
    findings.check(holds, "optimal_constant is beaten", text)
    return least


def _float32_noise(problem, published):
    """How far roundings of float32 coefficients move F."""
    rng = np.random.default_rng(0)
    base = problem.value(*published)
    moved = []
    for _ in range(4):
        noisy = [a * (1 + 1.2e-7 * rng.choice([-1, 1], size=a.shape)) for a in published]
        moved.append(problem.value(*noisy))
    return 2 * np.max(np.abs(np.array(moved) - base))


def _check_certificate(findings, case, model, problem, found, best, slack, warned, words):
    value, gap = np.sum(model.objective_), np.sum(model.gap_)
    close = abs(value - found) <= 1e-8 * abs(found) + slack
    findings.check(close, "objective_ is another", f"{value!r}, F {found!r}")
    if problem.loss.convex and problem.loss.has_conjugate:
        findings.check(np.all(np.asarray(model.gap_) >= 0), "gap_ below 0 or nan", f"{model.gap_}", warned)
        below = best < value - gap - 1e-9 * abs(value) - slack
        # Without any penalty the bound holds for coefficients of bounded size only.
        if problem.alpha > 0:
            findings.check(not below, "gap_ is no bound", f"{words}, gap_ {gap:.3g}")


def _in_other_units(case, problem):
    """The same fit with columns of X times their own powers of two."""
    if case.dtype == np.float32 or not case.is_auto or problem.alpha > 0:
        return []
    with np.errstate(divide="ignore"):
        unit = 2.0 ** np.round(np.log2(np.abs(case.X).max(axis=0)))
    unit[unit == 0] = 1.0
    other = Unit(case, unit)
    model, _, error, _ = fitted(other)
    if error is not None:
        return []
    coef = np.atleast_2d(model.coef_) / unit
    return [(problem.value(coef, model.intercept_), "X in other units", None)]


def Unit(case, unit):
    from dataclasses import replace

    return replace(case, X=case.X / unit)


def _check_forms(findings, case, model, problem, published, best, warned):
    """The same rows in another form end at the same objective."""
    other = "csr" if case.form in ("dense", "fortran") else "dense"
    again, caught, error, _ = fitted(case, other)
    if error is not None:
        findings.check(False, "forms differ", f"{other}: {error}")
        return
    warned = warned or bool(caught)
    theirs = np.atleast_2d(again.coef_).astype(float), np.atleast_1d(again.intercept_).astype(float)
    a, b = problem.value(*published), problem.value(*theirs)
    _, gain, slack = best
    allowed = SHORT * gain + slack if case.is_auto else 1e-6 * (abs(a) + abs(b)) + slack
    if not problem.loss.convex and case.is_auto:
        return  # another local minimum
    findings.check(abs(a - b) <= allowed or not np.isfinite(a + b), "forms differ", f"F {a!r} as {case.form}, {b!r} as {other}", warned)


def _check_refusal_keeps_model(findings, case, model):
    before = pickle.dumps(vars(model))
    X = case.rows("dense")
    X[-1, -1] = np.nan
    try:
        model.fit(X, case.y)
    except ValueError:
        pass
    except Exception as error:
        findings.check(False, "bad X", f"{type(error).__name__}: {error}")
    else:
        findings.check(False, "nan in X accepted", "")
    findings.check(pickle.dumps(vars(model)) == before, "model changed by an error", "")


def _check_stream(findings, case, problem):
    """partial_fit by chunks: finite, and not worse than the best constant."""
    model = clone(case.model)
    if case.is_classifier:
        kwargs = {"classes": np.unique(case.y)}
    else:
        kwargs = {}
    if case.model.get_params().get("early_stopping"):
        model.set_params(early_stopping=False)
    rows, n = case.rows(), len(case.y)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            for i in range(0, n, case.chunk):
                part = slice(i, i + case.chunk)
                weight = None if case.weight is None else case.weight[part]
                model.partial_fit(rows[part], case.y[part], sample_weight=weight, **kwargs)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            is_sentence = isinstance(error, ValueError) and any(w in str(error) for w in OUR_WORDS)
            findings.check(is_sentence, f"{type(error).__name__} out of partial_fit", text)
            findings.check(False, "partial_fit refused", text, warned=True)
            return
    if not hasattr(model, "coef_"):
        return  # no row had a weight
    coef, intercept = np.atleast_2d(model.coef_).astype(float), np.atleast_1d(model.intercept_).astype(float)
    finite = np.isfinite(coef).all() and np.isfinite(intercept).all()
    findings.check(finite, "stream not finite", "", bool(caught))
    if not case.is_auto or not finite or problem.is_degenerate:
        return
    problem.loss = model.loss_  # a scale may have been measured on fewer rows
    found, constant = problem.value(coef, intercept), problem.value(*problem.constant())
    gain = max(constant - problem.floor(), 1e-300)
    slack = 1e3 * EPS * abs(constant) + 1e-2 * gain
    if case.dtype == np.float32:
        slack += _float32_noise(problem, (coef, intercept))
    findings.check(found <= constant + slack, "stream worse than a constant", f"F {found:.9g}, constant {constant:.9g}, floor {problem.floor():.3g}", bool(caught))
