"""Progress by itself: curves of fits side by side, patience, and what is kept."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_losses.design._rows import Rows
from sklearn_losses.losses import CrossEntropy, LogLoss
from sklearn_losses.penalties._price import Price
from sklearn_losses.problem._objective import Objective, Targets
from sklearn_losses.solvers._fit_state import start_of
from sklearn_losses.solvers._progress import NOTHING, Progress, Watch, merge_curves

X = np.array([[1.0], [2.0], [3.0]])


def objective(loss=None):
    loss = LogLoss() if loss is None else loss
    first = 0 if loss.granularity == "point" else None
    targets = Targets(np.array([0.0, 1.0, 2.0]), first)
    return Objective(loss, Rows(X), targets, None, 3.0, Price(), 3)


def state(*coef):
    coef = np.reshape(coef, (3, 1)).astype(float)
    return start_of(coef, np.zeros(3))


def test_the_shorter_of_two_fits_keeps_its_last_values():
    one = {"loss": np.array([[3.0, 1.0], [2.0, 0.5]])}
    other = {"loss": np.array([[10.0], [9.0], [8.0]])}
    assert_array_equal(merge_curves([one, other])["loss"], [14.0, 11.5, 10.5])
    norms = {"gradient_norm": np.array([[3.0, 0.0]])}
    more = {"gradient_norm": np.array([[4.0], [0.0]])}
    assert_array_equal(merge_curves([norms, more])["gradient_norm"], [5.0, 3.0])
    sizes = [{"learning_rate": np.array([[k, 2.0]])} for k in (1.0, 3.0)]
    assert_array_equal(merge_curves(sizes)["learning_rate"], [1.0])


def test_each_objective_has_a_patience_of_its_own():
    progress = Progress(objective(), None, NOTHING, 0.1, 2, "epoch")
    over = []
    for values in ([5, 5, 5], [4, 5, 5], [3, 4.95, 4], [2, 4, 3.95], [1, 4, 3.9]):
        progress.begin()
        over.append([t.outputs for t in progress.end(values, None, None)])
        progress.stop([t for t in progress.running if t.outputs in over[-1]])
    assert over == [[], [], [[1]], [], [[2]]]
    assert_array_equal(progress.active, [0])
    assert [t.n_iter for t in progress.trackers] == [5, 3, 5]


@pytest.mark.parametrize("is_shared", [False, True])
def test_the_best_state_is_kept_for_each_objective_or_for_all(is_shared):
    """Scores are of the whole model, losses of each output."""
    scores = iter([0.1, 0.5, 0.3])
    score = (lambda coef, intercept: next(scores)) if is_shared else None
    watch = Watch(validation=objective(), score=score)
    progress = Progress(objective(), None, watch, None, 1, "epoch")
    states = [state(-3.0, 0.0, 1.0), state(-1.0, 0.1, 0.5), state(-2.0, -5.0, 9.0)]
    losses = []
    for here in states:
        progress.begin()
        assert progress.end([0.0, 0.0, 0.0], None, lambda here=here: here) == []
        coef = here["v"][:, 0]
        raw = X * coef
        targets = np.eye(3)
        losses.append(np.logaddexp(0, np.where(targets > 0, -raw, raw)).mean(axis=0))
    expected = [1] if is_shared else np.argmin(losses, axis=0)
    assert_array_equal(progress.best_epoch, expected)
    kept = np.broadcast_to(expected, 3)
    coef = [[-3.0, 0.0, 1.0], [-1.0, 0.1, 0.5], [-2.0, -5.0, 9.0]]
    assert_array_equal(
        progress.best["v"][:, 0], [coef[e][k] for k, e in enumerate(kept)]
    )
    assert_allclose(progress.curves()["validation_loss"], losses)


def test_a_joint_objective_has_one_value():
    watch = Watch(validation=objective(CrossEntropy()))
    progress = Progress(objective(CrossEntropy()), None, watch, None, 1, "epoch")
    progress.begin()
    progress.end([1.0], None, lambda: state(0.0, 0.0, 0.0))
    assert_allclose(progress.curves()["validation_loss"], [[np.log(3)]])


def test_the_least_subgradient_is_the_least():
    """Against a fine grid of the subgradients of an l1 norm at 0."""
    penalty = Price(l1=0.5, l2=0.1)
    coef = np.array([[0.0, 0.0, 0.0, 2.0, -1.0]])
    gradient = np.array([[0.3, -2.0, 0.5, 1.0, 1.0]])
    found = gradient + penalty.least_subgradient(coef, gradient)
    choices = np.linspace(-0.5, 0.5, 2001)
    least = [np.abs(g + choices).min() for g in gradient[0, :3]]
    assert_allclose(np.abs(found[0, :3]), least, atol=1e-12)
    assert_allclose(found[0, 3:], [1.0 + 0.5 + 0.2, 1.0 - 0.5 - 0.1])
