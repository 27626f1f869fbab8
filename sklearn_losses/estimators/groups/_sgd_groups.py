"""What SGDRanker and SGDSurvival share: steps of groups, all rows, or a stream."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse
from sklearn.model_selection import ShuffleSplit

from sklearn_losses._machine._params import Options
from sklearn_losses.estimators._sgd_base import AUTO, SCHEDULES, BaseSGD
from sklearn_losses.estimators._validation import (
    ROWS,
    check_size_of_weights,
    check_weights,
    is_given,
    warn_caller,
)
from sklearn_losses.estimators._warnings import look_at_objective
from sklearn_losses.estimators._watching import (
    check_validation_data,
    look_at_offsets,
    make_score,
    with_callbacks,
)
from sklearn_losses.estimators.groups._groups import GroupModelMixin
from sklearn_losses.estimators.groups._sgd_group_docs import ABSENT
from sklearn_losses.solvers._fit_state import coefficients, start_of
from sklearn_losses.solvers._progress import Watch
from sklearn_losses.solvers.descent._newton import Newton
from sklearn_losses.solvers.sgd._group_sgd import GroupSGD
from sklearn_losses.solvers.stream._stream import Stream, forget
from sklearn_losses.solvers.stream._stream_groups import GroupStream


class BaseGroupSGD(GroupModelMixin, BaseSGD):
    """A linear model of a loss of groups, by steps, by all rows, or from a stream.

    A subclass says how a target is validated on, in ``_validated(y_val, groups_val)``
    (columns and codes), how a scorer takes it, in ``_target(targets)``, what is set
    aside as a whole, in ``_units(objective)`` (their codes, and that of each row) and
    ``_units_are``, and what groups are called, ``_groups_are``.
    """

    _sgd, _stream = GroupSGD, GroupStream
    epsilon, n_jobs = None, None
    _constraints = {
        name: allowed
        for name, allowed in BaseSGD._constraints.items()
        if name not in ABSENT
    } | {
        "learning_rate": [
            Options(*(name for name in SCHEDULES if name[:2] != "pa"), AUTO)
        ]
    }

    def _look_at(self, objective, partial):
        """What there is to say of what is learnt from."""

    def _complete(self, X, given, sample_weight, offset):
        """What follows from the coefficients."""

    def _check_held(self, objective):
        """Refuse what says nothing to validate on."""
        self._refuse_nothing(objective)

    @with_callbacks  # within unchanged_on_error, which takes away what it looks for
    def _fit(
        self,
        X,
        given,
        sample_weight,
        *,
        partial=False,
        init=(None, None),
        validation=(None,) * 5,
        offset=None,
    ):
        self._check_parameters(partial)
        _, columns, codes, *_ = given
        loss = self._resolve_loss()
        solver = self._checked_solver(partial, loss, init)
        resumes = partial and hasattr(self, "coef_")
        solver.convex_start = solver.convex_start and not resumes
        check_size_of_weights(check_weights(sample_weight, len(columns)))
        parts = columns, codes, sample_weight, loss, offset
        objective, dtype = self._group_objective(X, *parts, reset=not resumes)
        objective.rows.verify()
        shape = 1, objective.rows.n_features
        known = *shape, loss
        start = self._resume(*known) if resumes else self._start(*known, *init)
        if not isinstance(solver, Stream):
            start = forget(start)
        solver.check_price(objective.penalty, self.penalty)
        if partial and not objective.grouping.total > 0:
            self.n_iter_, overflow = 0, None
            state, *found = start, *coefficients(start)
        else:
            self._refuse_nothing(objective)
            objective, held = self._held_out(objective, *validation)
            if validation[0] is not None:
                look_at_offsets(self, offset, validation[4])
            self._look_at(objective, partial)
            objective = self._in_mean_mass(objective, resumes)
            if not partial:
                look_at_objective(objective, None)
            if not resumes:
                self._warn_of_ignored(solver, partial or held is not None)
            problem = objective, start, None
            original = X, given[0], sample_weight
            seen = held, (objective.rows.data, None)
            state, found, overflow = self._learn(
                solver, problem, seen, original, partial
            )
        state["intercept"] = np.zeros(1)  # where features were centred it says nothing
        if partial and not found[0].any():
            self._warn_of_nothing(objective)
        vars(self).update(self._fitted(loss, dtype, *found))
        self._remember(state, resumes, is_given(offset))
        self._complete(X, given, sample_weight, offset)
        if overflow is not None:
            raise overflow
        return self

    def _warn_of_nothing(self, objective):
        """Say so where nothing is learnt, for no row is compared with another."""
        n_rows = objective.rows.n_rows
        counts = objective.grouping.total > 0
        if counts and objective.term().slopes(np.zeros(n_rows), 0.0).any():
            return
        of_call = f"{n_rows} rows" if n_rows > 1 else "one row"
        warn_caller(
            f"A call of {type(self).__name__}.partial_fit with {of_call} says nothing "
            "of the coefficients, which are all 0 so far: the loss compares rows, and "
            f"has none to compare in its {self._groups_are}. Pass more rows at a time."
        )

    # ------------------------------------------------------------------ groups
    def _in_mean_mass(self, objective, resumes):
        """The objective in units of what a group, or a row, has counted so far."""
        mass, n = getattr(self, "_mass", (0.0, 0)) if resumes else (0.0, 0)
        here = objective.n_units
        self._mass = mass + objective.grouping.total, n + here
        return replace(objective, total_weight=here * self._mass[0] / self._mass[1])

    def _held_out(self, objective, X_val, y_val, weight_val, groups_val, offset_val):
        """The objective to learn from, and what is validated on.

        Returns
        -------
        GroupObjective
        tuple of GroupObjective and rows as a scorer takes them, or None
        """
        if X_val is None and groups_val is not None:
            raise ValueError(
                f"{self._groups_are}_val was given without X_val. Pass the rows that "
                "it belongs to as X_val, or leave it out."
            )
        columns = codes = None
        if y_val is not None:
            columns, codes = self._validated(y_val, groups_val)
        first = None if columns is None else columns[:, 0]
        X, _ = check_validation_data(self, X_val, first, weight_val, offset_val, **ROWS)
        if X is not None:
            parts = columns, codes, weight_val, objective.loss, offset_val
            held, _ = self._group_objective(X, *parts, reset=False)
        elif self.early_stopping:
            objective, held = self._some_aside(objective)
        else:
            return objective, None
        self._check_held(held)
        return objective, held

    def _some_aside(self, objective):
        """The objectives of what to learn from, and of what is set aside."""
        units, of_rows = self._units(objective)
        splitter = ShuffleSplit(
            test_size=self.validation_fraction, random_state=self.random_state
        )
        try:
            train, aside = next(splitter.split(units))
        except ValueError as error:
            raise ValueError(
                "early_stopping cannot set aside validation_fraction="
                f"{self.validation_fraction} of {len(units)} {self._units_are}: {error}"
            ) from error
        return tuple(
            objective.chosen(np.flatnonzero(np.isin(of_rows, units[some])))
            for some in (train, aside)
        )

    def _watch(self, objective, held, _, fitted):
        """What is looked at while the model is fitted; see `BaseSGD._watch`."""
        watch = Watch(verbose=self.verbose)
        if held is None:
            return watch
        score = None
        if self.scoring is not None:
            target = self._target(held.targets)
            rows = matrix_of(held.rows), target, held.sample_weight, held.offset
            score = make_score(self, *rows, fitted, held.targets.groups)
        return replace(watch, validation=held, score=score)

    def _solve_in_groups(self, solver, objective, start, train, watch):
        """Solve; of a descent, t counts groups, or rows."""
        if not isinstance(solver, Newton):
            return super()._solve_in_groups(solver, objective, start, train, watch)

        def solve(objective, point):
            return solver.solve(objective, start_of(*point), None, watch)

        found = self._descended(solve, objective, coefficients(start))
        found.state["t"] = start["t"] + objective.n_units * found.n_iter
        return [found]

    def _descended(self, solve, objective, point):
        return solve(objective, point)


def matrix_of(rows):
    """Rows as scikit-learn takes them."""
    shape = rows.n_rows, rows.n_features
    if not rows.is_sparse:
        return rows.data.reshape(shape)
    return sparse.csr_array((rows.data, rows.columns, rows.starts), shape=shape)
