"""partial_fit with learning_rate="auto": rows that come in chunks, each of them once.

What a stream keeps of its rows is a `Past`: see _stream_past.py and, for sparse rows
with very many features, _stream_wide.py.
"""

import numpy as np

from sklearn_losses.losses._links import IdentityLink
from sklearn_losses.solvers._base import Solver, SolverResult
from sklearn_losses.solvers._fit_state import start_of
from sklearn_losses.solvers._residual_scale import chosen_arrays
from sklearn_losses.solvers.stream._settings import WIDE
from sklearn_losses.solvers.stream._stream_outputs import OrdinalPast, OutputsPast
from sklearn_losses.solvers.stream._stream_past import PREFIX, Past
from sklearn_losses.solvers.stream._stream_wide import WidePast, is_wide


class Stream(Solver):
    """Newton's method for rows that come in chunks and are not seen again.

    Any loss, any l1 and l2 norm. `solve` takes one chunk; its state is all there is
    between two of them.
    """

    def check_price(self, price, penalty):
        if not price.is_simple or price.has_bounds:
            raise ValueError(
                "partial_fit with learning_rate='auto' cannot use penalty="
                f"{penalty!r}, because it knows l1 and l2 norms alone. Use fit, "
                "learning_rate='invscaling', or penalty='elasticnet'."
            )

    def solve(self, objective, start, train=None, watch=None):
        """Take in the rows of one chunk; see `SGD.solve`. There is nothing to watch."""
        X, *samples = chosen_arrays(objective, train)
        _refuse_large_targets(objective.loss, *samples[:2], train)
        n_rows = X.shape[0]
        wide = is_wide(objective, start)
        if wide and objective.loss_of(0) is not objective.loss:
            raise ValueError(
                f"partial_fit with learning_rate='auto' cannot use {objective.loss!r} "
                "with so many features. Use Quantile(level), a model for each level, "
                "or learning_rate='invscaling'."
            )
        if wide and not objective.penalty.is_uniform:
            raise ValueError(
                "partial_fit with learning_rate='auto' cannot use weights of a penalty "
                "for each feature here, because X has so many features that the "
                "penalty is applied to all coefficients alike. Use fit, or "
                "learning_rate='invscaling'."
            )
        kind = WidePast if wide else Past
        if objective.moves is not None:
            kind = OrdinalPast if objective.loss.task == "ordinal" else OutputsPast
        past = kind.resumed(objective, start)
        size = past.most_at_once(X)
        try:
            with np.errstate(all="ignore"):
                for i in range(0, n_rows, size):
                    piece = slice(i, i + size)
                    some = X if size >= n_rows else X[piece]
                    past.take(some, *(array[piece] for array in samples))
        except BaseException:
            past.undo()
            raise
        coef, intercept = past.coefficients()
        state = start_of(coef[:, :0], intercept) | past.state()
        state["t"] = start["t"] + n_rows
        n_iter = np.ones(past.n_objectives, dtype=int)
        return SolverResult(coef, intercept, n_iter, True, state)


def _refuse_large_targets(loss, y, weight, train):
    """Raise an error if the squares of residuals overflow: a stream sums them."""
    is_in_units = loss.task == "regression" and isinstance(loss.link, IdentityLink)
    if not is_in_units or y.ndim > 1:
        return
    sizes = np.abs(y) * np.sqrt(weight)
    row = int(sizes.argmax())
    if not sizes[row] < WIDE.most_entry:
        row = row if train is None else int(train[row])
        raise ValueError(
            f"y[{row}] is too large: its square overflows. Divide y by a large number, "
            "and parameters of the loss that are in units of y by the same."
        )


def forget(state):
    """A state without what only a stream can use."""
    rest = {name: a for name, a in state.items() if not name.startswith(PREFIX)}
    return rest | {"v": rest["v"].copy()}  # it is in place that others move them
