"""What estimators of losses of groups share: targets, groups, and one objective."""

import numpy as np

from sklearn_losses.design._rows import Rows
from sklearn_losses.estimators._linear import (
    _ATTRIBUTES,
    _NOTES,
    _PARAMETERS,
    BaseLinear,
)
from sklearn_losses.estimators._parameters import price_of
from sklearn_losses.estimators._validation import (
    check_large_rows,
    check_offset,
    check_weights,
    warn_caller,
)
from sklearn_losses.estimators.groups._group_blocks import objectives_of_groups
from sklearn_losses.losses._arguments import moderate_weight
from sklearn_losses.losses._grouping import Grouping
from sklearn_losses.problem._group_objective import GroupObjective, GroupTargets


def _paragraphs(text, without, replaced):
    """The paragraphs of a docstring that say something of groups of rows."""
    parts = (part for part in text.split("\n\n    ") if not part.startswith(without))
    found = "\n\n    ".join(parts)
    for old, new in replaced.items():
        assert old in found, old
        found = found.replace(old, new)
    return found


# Those of the other linear models, without what makes no difference here.
GROUP_PARAMETERS = _paragraphs(
    _PARAMETERS.format(positive=""),
    without="fit_intercept",
    replaced={
        "; the intercept is not penalised. An": ". An",
        """ With a loss of regression whose slopes are
        bounded, `lipschitz` in the catalogue, what is right depends on the unit of y:
        the larger y is, the smaller alpha has to be. A UserWarning says so where the
        penalty of the default is more than a tenth of what the fit has gained over the
        best constant.""": "",
        " The intercept may have any sign.": "",
        " The intercept has no bounds.": "",
        "best constant prediction": "coefficients of 0",
        "the best constant.": "coefficients of 0.",
    },
)
GROUP_ATTRIBUTES = _paragraphs(
    _ATTRIBUTES, without="scale_", replaced={" and `intercept_`": ""}
)
GROUP_NOTES = _paragraphs(
    _NOTES,
    without="S is",
    replaced={
        " iteration,\n    of all classes side by side, and": " iteration,\n    and"
    },
)


class GroupModelMixin:
    """A linear model of a loss of groups, without an intercept.

    A subclass says how a target is split, in ``_split(y, groups)``.
    """

    fit_intercept = False  # a constant is no difference

    def _group_objective(
        self, X, columns, codes, sample_weight, loss, offset=None, reset=True
    ):
        """The objective of rows, which nobody has looked at, and the dtype of X.

        Parameters
        ----------
        columns : ndarray of shape (n_rows, n_columns)
            Targets.
        codes : ndarray of shape (n_rows,)
            Of groups.
        """
        X, _, check = check_large_rows(self, X, np.zeros(len(columns)), reset)
        loss._check_columns(columns, "y")
        weight = check_weights(sample_weight, X.shape[0])
        if weight is not None and weight.any():
            weight = moderate_weight(weight)
        price = price_of(self, X.shape[1], False)
        grouping = Grouping(loss, columns, codes, weight)
        targets = GroupTargets(columns, groups=codes)
        objective = GroupObjective(
            *(loss, Rows(X, check), targets, weight, grouping.total, price, 1),
            fit_intercept=False,
            offset=check_offset(offset, X.shape[0], 1),
            grouping=grouping,
        )
        return objective, X.dtype

    def _refuse_nothing(self, objective):
        """Raise where there is nothing to fit, and warn where there is next to none."""
        weight = objective.sample_weight
        if weight is not None and not weight.any():
            raise ValueError("All sample weights are zero: nothing is left to fit.")
        if not objective.grouping.total > 0:
            raise ValueError(self._says_nothing(objective.rows.n_rows))
        doubts = getattr(objective.loss, "_doubts", None)
        doubt = doubts and doubts(objective.grouping)
        if doubt:
            warn_caller(f"{type(self).__name__}: {doubt}")

    def _published(self, coef, intercept, dtype):
        """Of one output; where features are centred is a constant, too."""
        intercept = intercept if self.fit_intercept else np.zeros(1)
        return super()._published(coef[0], intercept, dtype)

    def _dense_coef(self):
        coef = super()._dense_coef()
        return coef if self._n_published() > 1 else np.ravel(coef)


class BaseGroupLinear(GroupModelMixin, BaseLinear):
    """A linear model of a loss of groups, solved to its optimum."""

    _constraints = {
        name: allowed
        for name, allowed in BaseLinear._constraints.items()
        if name != "fit_intercept"
    }

    def _usable_loss(self):
        return self._resolve_loss()

    def _objectives(self, X, y, sample_weight, loss, offset=None, solves=False):
        """The objective, as a list of one, and the dtype of X.

        Parameters
        ----------
        y : tuple
            What was given, targets as columns, and codes of groups.
        """
        parts = X, *y[1:], sample_weight, loss, offset
        objective, dtype = self._group_objective(*parts)
        if not solves:
            objective.rows.verify()
        self._refuse_nothing(objective)
        return [objective], dtype

    def _objectives_of_blocks(self, blocks, loss):
        return objectives_of_groups(self, blocks, loss)

    def _solver(self, objective):
        solver = super()._solver(objective)
        is_one = self._n_published() == 1  # and not of several causes
        if hasattr(self, "_path") and is_one:
            solver.memory = self._path
        return solver

    def _callbacks(self, given, fitted):
        y = given[1][0] if isinstance(given[1], tuple) else given[1]
        return super()._callbacks((given[0], y, given[2]), fitted)
