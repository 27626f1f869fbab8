"""The objective of a loss of groups: rows in any order, and which group each is of.

    F(w) = sum over groups of loss(y_g, X_g w + o_g) / S + penalty(w)

where S is what all groups count. There is no intercept, of which a loss of differences
sees nothing.
"""

from dataclasses import dataclass, replace

import numpy as np

from sklearn_losses.losses._grouping import Grouping
from sklearn_losses.problem._objective import Objective, Targets
from sklearn_losses.terms._groups import GroupTerm

MANY_GROUPS = 10  # in a sample, or it is one of rows


@dataclass(frozen=True)
class GroupTargets(Targets):
    """Targets of shape (n_rows, n_columns), and the group of each row.

    Attributes
    ----------
    groups : ndarray of intp of shape (n_rows,)
    """

    groups: np.ndarray | None = None

    def chosen(self, subset):
        return replace(self, y=self.y[subset], groups=self.groups[subset])


@dataclass(frozen=True)
class GroupObjective(Objective):
    """F of one output; see `Objective`.

    Attributes
    ----------
    grouping : Grouping or None
        Of these targets and weights, if it is known.
    """

    grouping: Grouping | None = None

    @property
    def is_centred(self):
        return self.loss.shift_invariant

    @property
    def n_units(self):
        """How many groups, or rows if these are what a mean is of, have a part."""
        parts = self.grouping
        return len(parts.order if self.loss.counts_rows else parts.codes)

    def term(self, chosen=None):
        """The loss, of rows with a weight."""
        weight = self.sample_weight
        if chosen is not None:
            weight = chosen if weight is None else weight * chosen
        offset = None if self.offset is None else self.offset[:, 0]
        targets = self.targets
        parts = self.loss, targets.y, targets.groups, weight
        known = self.grouping if chosen is None else None
        return GroupTerm(*parts, self.total_weight, offset, known)

    def relative(self):
        """That of the convex relative, of which rows may have other targets."""
        found = super().relative()
        if found is None or found.loss is self.loss:
            return found
        parts = self.targets.y, self.targets.groups, self.sample_weight
        return replace(found, grouping=Grouping(found.loss, *parts))

    def _raw(self, coef, intercept):
        """Raw predictions as the term takes them."""
        return np.ascontiguousarray(self.raw(coef, intercept)[:, 0])

    def value(self, coef, intercept):
        value = self.term().value(self._raw(coef, intercept))
        return value + self.penalty.value(coef)

    def mean_loss(self, coef, intercept, subset):
        """The mean loss of all groups: some rows of one have another."""
        return np.array([self.term().value(self._raw(coef, intercept))])

    def gradient(self, coef, intercept):
        slopes = self.term().slopes(self._raw(coef, intercept), 0.0)[:, None]
        by_coef = self.rows.transposed_dot(slopes) + self.penalty.subgradient(coef)
        return by_coef, np.zeros(1)

    def value_and_gradient_norm(self, coef, intercept):
        p, term = self._raw(coef, intercept), self.term()
        by_coef = self.rows.transposed_dot(term.slopes(p, 0.0)[:, None])
        by_coef += self.penalty.least_subgradient(coef, by_coef)
        value = term.value(p) + self.penalty.value(coef)
        return value, np.linalg.norm(by_coef, axis=1)

    def sample(self, seed, one_in):
        """The objective of some rows: of whole groups, if there are many.

        Of few groups rows by chance: those that are left say much the same.

        Returns
        -------
        GroupObjective or None
            None: they say nothing.
        """
        rng, n_rows = np.random.default_rng(seed), self.rows.n_rows
        grouping = self.grouping
        if grouping is None or len(grouping.codes) < MANY_GROUPS * one_in:
            chosen = rng.random(n_rows) < 1.0 / one_in
        else:
            own = rng.random(grouping.n_codes) < 1.0 / one_in
            chosen = own[self.targets.groups]
        found = self.chosen(np.flatnonzero(chosen)) if chosen.any() else None
        return found if found is not None and found.total_weight > 0 else None

    def chosen(self, subset):
        weight = None if self.sample_weight is None else self.sample_weight[subset]
        targets = self.targets.chosen(subset)
        grouping = Grouping(self.loss, targets.y, targets.groups, weight)
        return replace(
            self,
            rows=self.rows.chosen(subset),
            targets=targets,
            sample_weight=weight,
            total_weight=grouping.total,
            grouping=grouping,
            offset=None if self.offset is None else self.offset[subset],
        )
