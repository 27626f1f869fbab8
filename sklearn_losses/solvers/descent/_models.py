"""Which quadratic model a descent uses, and when it takes another one."""

from sklearn_losses.solvers.descent._groups import bends_down
from sklearn_losses.solvers.descent._newton_model import (
    JointModel,
    NewtonModel,
    ProductModel,
)
from sklearn_losses.solvers.descent._quasi_newton_model import (
    NO_PAIRS,
    QuasiNewtonModel,
)
from sklearn_losses.solvers.descent._settings import SETTINGS

NEWTON, LBFGS = "newton", "lbfgs"


class Models:
    """The choice of a model for a problem.

    Parameters
    ----------
    method : {"newton", "lbfgs"} or None, default=None
        None: Newton's, but for a loss that couples outputs and for many features.
    may_change : bool, default=True
        Whether a quasi-Newton method may give way to Newton's, where many passes have
        not been enough for a loss of rows whose Hessian is small.
    curvature : Curvature or None, default=None
        With which a quasi-Newton method begins.
    renews : bool, default=False
        Whether it computes its own in the first pass, which then costs less than
        another one.
    pairs : tuple of list of ndarray
        Steps and changes of slopes that are later than the curvature.
    """

    def __init__(
        self,
        method=None,
        may_change=True,
        curvature=None,
        renews=False,
        pairs=NO_PAIRS,
    ):
        self.method, self.may_change = method, may_change
        self.curvature, self.renews, self.pairs = curvature, renews, pairs

    def first(self, problem):
        """The model to begin with."""
        if self.curvature is not None:
            model = QuasiNewtonModel(problem)
            if not self.renews:
                model.begin_with(self.curvature, *self.pairs)
            return model
        return self._kind(problem)(problem)

    def _kind(self, problem):
        is_long = problem.features.n_features > SETTINGS.most_features
        newton = JointModel if problem.is_joint or problem.couples_rows else NewtonModel
        memory = problem.memory
        if memory is not None:
            return newton if memory.has_matrix else ProductModel
        if self.method is None:
            is_other = problem.is_joint or bends_down(problem.term.loss)
            return QuasiNewtonModel if is_other or is_long else newton
        if self.method == LBFGS:
            return QuasiNewtonModel
        price, is_smoothed = problem.price, problem.term.is_smoothed
        if is_long and not (price.has_kinks or not price.is_simple or is_smoothed):
            return ProductModel
        return newton

    def for_smoothing(self, model):
        """The model of a loss that is smoothed, which needs a matrix."""
        is_product = isinstance(model, ProductModel)
        if not is_product:
            return model
        kind = JointModel if model.problem.couples_rows else NewtonModel
        return kind(model.problem)

    def after_many(self, descent):
        """Newton's where many passes have not been enough, else what there is.

        A constant that may be the optimum is proved by slopes alone, if need be later.
        """
        problem, model = descent.problem, descent.model
        most = SETTINGS.quasi_newton_passes
        if problem.passes <= most or not (self.may_change and problem.is_joint):
            return model
        if descent.is_at_constant:
            most *= SETTINGS.longer_at_constant
        is_late = problem.passes > most and problem.has_small_matrix
        is_other = not isinstance(model, JointModel)
        return JointModel(problem) if is_late and is_other else model

    def method_of(self, model):
        """The name of the method that a model is of, as it was given or has become."""
        return NEWTON if isinstance(model, JointModel) else self.method
