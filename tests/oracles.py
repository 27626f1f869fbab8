"""What must hold of every fit: the fuzzer's verdict on a case.

No error but a sentence, no nan, inputs and old models untouched, the same model of any
form of the rows, and an objective that no rival beats: a fit of a convex loss is not
worse by more than 1% of what there is to gain, nothing lies below `objective_ - gap_`,
and no fit by "auto" is worse than the best constant.
"""

import pickle
import warnings
from dataclasses import replace

import numpy as np
from sklearn.base import clone

from sklearn_losses import IdentityLink
from tests.rivals import EPS, Problem

SHORT = 0.01  # of what there is to gain
LEAST = 1e-3  # of what a perfect fit would gain: less than that is no gain
OTHER_FORM = {"dense": "csr", "fortran": "csr", "csr": "dense", "csr64": "fortran"}
# A sentence of ours has one of these.
WORDS = (
    "must",
    "cannot",
    "needs",
    "overflow",
    "found",
    "Use ",
    "Got ",
    "Give ",
    "Scale ",
)


class Findings(list):
    """(kind, text) of what does not hold; `loud` are those that a warning told of."""

    def __init__(self):
        super().__init__()
        self.loud = []

    def check(self, holds, kind, text="", warned=False):
        findings = self.loud if warned else self
        if not holds and (kind, text) not in findings:
            findings.append((kind, text))

    def error(self, error, where):
        """A refusal is a sentence; anything else a finding."""
        text = f"{type(error).__name__}: {error}"
        refuses = isinstance(error, ValueError) and any(w in str(error) for w in WORDS)
        kind = (
            f"{where} refused" if refuses else f"{type(error).__name__} out of {where}"
        )
        self.check(False, kind, text, warned=refuses)


def judge(case, streams=True):
    """All that does not hold of a case, as Findings."""
    findings = Findings()
    fit = Fit(case)
    findings.check(fit.is_untouched, "inputs changed by fit")
    for w in fit.warnings:
        is_known = issubclass(w.category, UserWarning)
        findings.check(is_known, f"{w.category.__name__} out of fit", str(w.message))
    if fit.error is not None:
        findings.error(fit.error, "fit")
        return findings
    _check_predictions(findings, case, fit)
    # Of two classes the difference is published, of which the penalty is another.
    if fit.model.loss_.granularity == "point" or len(fit.coef) > 1:
        with np.errstate(all="ignore"):  # the rivals' and the far ends'
            problem = Problem(case, fit.model)
            if not problem.is_degenerate:
                _check_optimum(findings, case, fit, problem)
                if streams and hasattr(fit.model, "partial_fit") and case.is_auto:
                    _check_stream(findings, case, problem)
    _check_that_errors_change_nothing(findings, case, fit.model)
    return findings


class Fit:
    """The model of a case, what it warned of, and its error."""

    def __init__(self, case, form=None, alpha=None):
        self.model = clone(case.model)
        if alpha is not None:
            self.model.set_params(alpha=alpha)
        X, y = case.rows(form), np.array(case.y)
        weight = None if case.weight is None else np.array(case.weight)
        before, self.error = _bytes(X, y, weight), None
        with warnings.catch_warnings(record=True) as self.warnings:
            warnings.simplefilter("always")
            try:
                self.model.fit(X, y, sample_weight=weight)
            except Exception as error:
                self.error = error
        self.is_untouched = _bytes(X, y, weight) == before

    @property
    def has_warned(self):
        return bool(self.warnings)

    @property
    def coef(self):
        return np.atleast_2d(self.model.coef_).astype(float)

    @property
    def intercept(self):
        return np.atleast_1d(self.model.intercept_).astype(float)

    def value(self, problem):
        return problem.value(self.coef, self.intercept)


def _bytes(X, y, weight):
    parts = [X] if isinstance(X, np.ndarray) else [X.data, X.indices, X.indptr]
    parts += [y] if weight is None else [y, weight]
    return [(a.dtype, a.tobytes()) for a in parts]


# ----------------------------------------------------------------- predictions
def _check_predictions(findings, case, fit):
    model = fit.model
    is_finite = np.isfinite(fit.coef).all() and np.isfinite(fit.intercept).all()
    findings.check(is_finite, "coefficients not finite", str(fit.coef))
    predict = model.decision_function if case.is_classifier else model.predict
    with np.errstate(all="ignore"):
        dense, csr = predict(case.rows("dense")), predict(case.rows("csr"))
    is_finite = np.isfinite(dense).all()
    findings.check(is_finite, "predictions not finite", warned=fit.has_warned)
    if is_finite and type(model.loss_.link) is IdentityLink:
        tol = 1e-3 if case.dtype == np.float32 else 1e-9
        size = (
            np.abs(fit.coef).max() * np.abs(case.X).max() + np.abs(fit.intercept).max()
        )
        same = np.allclose(dense, csr, rtol=tol, atol=tol * size)
        findings.check(same, "predictions of dense and CSR rows differ")
    again = pickle.loads(pickle.dumps(model))
    findings.check(np.array_equal(again.coef_, model.coef_), "pickle changes the model")


def _check_that_errors_change_nothing(findings, case, model):
    before = pickle.dumps(vars(model))
    X = case.rows("dense")
    X[-1, -1] = np.nan
    try:
        model.fit(X, case.y)
    except Exception as error:
        is_refused = isinstance(error, ValueError)
        findings.check(is_refused, "nan in X", f"{type(error).__name__}: {error}")
    else:
        findings.check(False, "nan in X accepted")
    findings.check(pickle.dumps(vars(model)) == before, "model changed by an error")


# --------------------------------------------------------------------- optimum
def _check_optimum(findings, case, fit, problem):
    constant = _check_constant(findings, problem)
    found, best, who = fit.value(problem), *_least(case, fit, problem, constant)
    noise = problem.rounding(fit.coef, fit.intercept) + 100 * EPS * abs(constant)
    least = LEAST * (constant - problem.floor())
    gain = max(constant - min(best, found), least, noise, 1e-300)  # no rival may fit
    slack = noise + problem.nothing()
    if case.dtype == np.float32:
        slack += problem.rounding_of_float32(fit.coef, fit.intercept)
    text = (
        f"F {found:.9g}, {who} {best:.9g}, constant {constant:.9g}, "
        f"gap {(found - best) / gain:.2g}"
    )
    if case.is_auto:
        is_worse = found > constant + 1e-6 * gain + slack
        findings.check(not is_worse, "worse than a constant", text, fit.has_warned)
        if problem.loss.convex and not is_worse:
            kind = "certified fit short" if case.is_linear else "default fit short"
            is_short = found - best > SHORT * gain + slack
            findings.check(not is_short, kind, text, fit.has_warned)
    if case.is_linear:
        _check_certificate(findings, fit, problem, best, slack, text)
    if (
        case.is_auto or found < constant
    ):  # else its steps are too large, and it is chaotic
        _check_forms(findings, case, fit, problem, gain, slack)


def _check_constant(findings, problem):
    """F of the best constant, than which none of the targets is better."""
    own = problem.value(*problem.constant())
    least = min([own, *(problem.value(*c) for c in problem.constants_of_targets())])
    allowed = 1e-6 * (abs(least) + abs(own - problem.floor()))
    allowed += problem.rounding(*problem.constant())
    text = f"optimal_constant has {own:.9g}, some target {least:.9g}"
    is_best = own == least or own <= least + allowed
    findings.check(is_best, "optimal_constant is beaten", text)
    return least


def _least(case, fit, problem, constant):
    """The least F that is known, and who found it."""
    known = [(constant, "constant")]
    for rival in problem.rivals():
        known.append((problem.value(*problem.rounded(*rival)), "rival"))
    if problem.loss.convex and case.is_auto and case.dtype == np.float64:
        known.append((_in_other_units(case, problem), "X in other units"))
    return min((k for k in known if np.isfinite(k[0])), default=known[0])


def _in_other_units(case, problem):
    """F of the same fit with X divided by powers of two: of each column without a
    penalty, of all with one that has a law.
    """
    if problem.l1 > 0 and problem.l2 > 0:
        return np.inf
    sizes = np.abs(case.X).max(axis=0)
    if problem.alpha > 0:
        sizes = np.full_like(sizes, sizes.max())
    unit = 2.0 ** np.round(np.log2(np.where(sizes > 0, sizes, 1.0)))
    alpha = problem.alpha / unit[0] ** (1 if problem.l1 > 0 else 2)
    fit = Fit(replace(case, X=case.X / unit), alpha=float(alpha))
    return np.inf if fit.error else problem.value(fit.coef / unit, fit.intercept)


def _check_certificate(findings, fit, problem, best, slack, text):
    value, gap = np.sum(fit.model.objective_), np.sum(fit.model.gap_)
    found = fit.value(problem)
    if value == found == np.inf:
        findings.check(fit.has_warned, "objective_ is inf", "")
        return
    is_it = abs(value - found) <= 1e-8 * abs(found) + slack
    findings.check(is_it, "objective_ is another", f"{value!r}, F {found!r}")
    if not problem.loss.has_conjugate:
        return
    is_gap = np.all(np.asarray(fit.model.gap_) >= 0)
    findings.check(is_gap, "gap_ below 0 or nan", str(fit.model.gap_), fit.has_warned)
    # Without any penalty the bound is one for coefficients of bounded size.
    is_bound = best >= value - gap - 1e-9 * abs(value) - slack
    findings.check(
        is_bound or problem.alpha == 0, "gap_ is no bound", f"{text}, {gap:.3g}"
    )


def _check_forms(findings, case, fit, problem, gain, slack):
    """The same rows in another form have the same objective."""
    if case.is_auto and not problem.loss.convex:
        return  # it may be another local minimum
    form = OTHER_FORM[case.form]
    other = Fit(case, form)
    if other.error is not None:
        findings.check(False, "forms differ", f"{form}: {other.error}")
        return
    ours, theirs = fit.value(problem), other.value(problem)
    allowed = SHORT * gain if case.is_auto else 1e-6 * (abs(ours) + abs(theirs))
    is_same = abs(ours - theirs) <= allowed + slack or not np.isfinite(ours + theirs)
    text = f"F {ours!r} of {case.form}, {theirs!r} of {form}"
    warned = fit.has_warned or other.has_warned
    findings.check(is_same, "forms differ", text, warned)


# --------------------------------------------------------------------- streams
def _check_stream(findings, case, problem):
    """partial_fit by chunks: finite, and not worse than the best constant."""
    model = clone(case.model)
    kwargs = {"classes": np.unique(case.y)} if case.is_classifier else {}
    rows, n = case.rows(), len(case.y)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            for i in range(0, n, case.chunk):
                part = slice(i, i + case.chunk)
                weight = None if case.weight is None else case.weight[part]
                model.partial_fit(
                    rows[part], case.y[part], sample_weight=weight, **kwargs
                )
        except Exception as error:
            findings.error(error, "partial_fit")
            return
    coef = np.atleast_2d(model.coef_).astype(float)
    intercept = np.atleast_1d(model.intercept_).astype(float)
    is_finite = np.isfinite(coef).all() and np.isfinite(intercept).all()
    findings.check(is_finite, "stream not finite", warned=bool(caught))
    if not is_finite:
        return
    problem.loss = model.loss_  # its scale may have been measured on fewer rows
    found, constant = problem.value(coef, intercept), problem.value(*problem.constant())
    slack = problem.rounding(coef, intercept) + problem.nothing()
    slack += SHORT * (constant - problem.floor())
    if case.dtype == np.float32:
        slack += problem.rounding_of_float32(coef, intercept)
    text = f"F {found:.9g}, constant {constant:.9g}, floor {problem.floor():.3g}"
    is_worse = found > constant + slack
    findings.check(not is_worse, "stream worse than a constant", text, bool(caught))
