"""Who competes with LinearRegressor and LinearClassifier, at matched parameters.

A function for each estimator sets its parameters so that it minimises the objective of
a `certified_cases.Problem`, mean loss + alpha (|w|_2^2 / 2 or |w|_1).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn import linear_model, svm

import sklearn_losses as ours

MANY = 10_000  # iterations, which none but sag and saga comes near
PASSES = {"sag": 300, "saga": 300}
VISITS = 10**9  # of rows by liblinear's dual solver, some 50 s
EPSILON = 1.35  # of HuberRegressor


@dataclass(frozen=True)
class Contender:
    """An estimator whose tolerance can be set.

    Attributes
    ----------
    name : str
    estimator : function of a Problem and a tolerance
        It returns what is then fitted.
    first : float
        The largest tolerance that is tried.
    needs : str
        The package that it comes from, if that may be missing.
    by_column : bool
        Whether it wants dense X in Fortran's order, and gets it so.
    """

    name: str
    estimator: Callable
    first: float = 0.1
    needs: str = ""
    by_column: bool = False

    @property
    def tolerances(self):
        return self.first * 0.1 ** np.arange(14)


def certified(problem, tol):
    is_regression = problem.loss.task == "regression"
    name = "LinearRegressor" if is_regression else "LinearClassifier"
    return getattr(ours, name)(
        problem.loss,
        penalty=problem.penalty,
        alpha=problem.alpha,
        fit_intercept=problem.intercept,
        tol=tol,
    )


OURS = Contender("ours", certified, first=1.0)


def logistic(solver):
    def estimator(problem, tol):
        return linear_model.LogisticRegression(
            C=problem.C,
            l1_ratio=problem.l1_ratio,
            fit_intercept=problem.intercept,
            solver=solver,
            tol=tol,
            max_iter=PASSES.get(solver, MANY),
            random_state=0,
        )

    return Contender(solver, estimator)


def mean_of(solver):
    """PoissonRegressor, GammaRegressor or TweedieRegressor."""

    def estimator(problem, tol):
        loss = problem.loss
        power = {"poisson": 1, "gamma": 2}.get(loss.name) or loss.power
        return linear_model.TweedieRegressor(
            power=power,
            link="log",
            alpha=problem.alpha,
            solver=solver,
            tol=tol,
            max_iter=MANY,
        )

    return Contender(solver, estimator)


def huber(problem, tol):
    """The fixed scale is that of this estimator's optimum: see `huber_problem`."""
    alpha = problem.alpha * len(problem.y) / (problem.loss.delta / EPSILON)
    return linear_model.HuberRegressor(
        epsilon=EPSILON, alpha=alpha, tol=tol, max_iter=MANY
    )


def quantile(solver, problem, _tol):
    return linear_model.QuantileRegressor(
        quantile=problem.loss.quantile, alpha=problem.alpha, solver=solver
    )


def svm_passes(problem, tol):
    """More for a smaller tolerance, which the dual solver seldom reaches."""
    return int(min(10.0 / tol, VISITS / len(problem.y)))


def linear_svc(problem, tol):
    return svm.LinearSVC(
        loss=problem.loss.name,
        C=problem.C,
        fit_intercept=problem.intercept,
        tol=tol,
        max_iter=svm_passes(problem, tol),
        random_state=0,
    )


def linear_svr(problem, tol):
    return svm.LinearSVR(
        epsilon=problem.loss.epsilon,
        C=problem.C,
        fit_intercept=problem.intercept,
        tol=tol,
        max_iter=svm_passes(problem, tol),
        random_state=0,
    )


def ridge(solver):
    def estimator(problem, tol):
        alpha = problem.alpha * len(problem.y)
        return linear_model.Ridge(alpha=alpha, solver=solver, tol=tol)

    return Contender(solver, estimator)


def lasso(problem, tol):
    return linear_model.Lasso(alpha=problem.alpha, tol=tol, max_iter=MANY)


def glum(solver):
    def estimator(problem, tol):
        from glum import GeneralizedLinearRegressor, TweedieDistribution

        names = {"log_loss": "binomial", "squared_error": "normal"}
        loss = problem.loss
        family = names.get(loss.name, loss.name)
        if family == "tweedie":
            family = TweedieDistribution(loss.power)
        return GeneralizedLinearRegressor(
            family=family,
            link="log" if loss.name in ("poisson", "gamma", "tweedie") else "auto",
            alpha=problem.alpha,
            l1_ratio=problem.l1_ratio,
            fit_intercept=problem.intercept,
            solver=solver,
            gradient_tol=tol,
            max_iter=MANY,
        )

    return Contender(f"glum {solver.split('-')[0]}", estimator, needs="glum")


def skglm(solver):
    def estimator(problem, tol):
        from skglm import GeneralizedLinearEstimator, datafits, penalties, solvers

        names = {"log_loss": "Logistic", "squared_error": "Quadratic"}
        datafit = getattr(datafits, names.get(problem.loss.name, "Poisson"))
        return GeneralizedLinearEstimator(
            datafit(),
            penalties.L1(problem.alpha),
            getattr(solvers, solver)(tol=tol, fit_intercept=problem.intercept),
        )

    name = f"skglm {solver}"
    return Contender(name, estimator, first=1e-2, needs="skglm", by_column=True)


HUBER = Contender("HuberRegressor", huber, first=1e3)  # of a sum over the rows
QUANTILE = [Contender(name, partial(quantile, name)) for name in ("highs", "highs-ipm")]
SVC, SVR = Contender("LinearSVC", linear_svc), Contender("LinearSVR", linear_svr)
LASSO = Contender("Lasso", lasso, by_column=True)
