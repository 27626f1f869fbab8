"""Whether a penalty holds coefficients back: without it they would be much larger.

Of coefficients w it is asked whether the loss alone still falls where all of them are
longer by a share; of w = 0, whether it bends next to nothing against the penalty along
its own slope. That needs the optimum of the penalised objective, and no other fit: so
it serves losses of several outputs, whose best constants nobody knows in one formula.
"""

from dataclasses import replace

import numpy as np

from sklearn_losses.penalties._price import Price

# Of the slope at the optimum, which balances the penalty, is left further on: less is
# what a loss has at the flat end of classes that are apart.
LEFT = 0.1
SURE = 1e-9  # slopes of a column against those of rows: less may be rounding
STEP = 1e-3  # of raw predictions over their slopes, for a second derivative


def holds_back(objective, coef, intercept, share, train=None):
    """Whether the penalty makes coefficients smaller by a share than the loss would.

    Parameters
    ----------
    objective : Objective
    coef, intercept : ndarray
        The optimum.
    share : float in (0, 1)
        0.5: without the penalty they would be twice as large, at least.
    train : ndarray of uint32 of shape (n_train,), default=None
        The rows that count; None: all.
    """
    price = objective.penalty
    if price.is_nothing or price.has_bounds or objective.blocks is not None:
        return False  # or bounds are what holds them
    objective = objective.restricted(train)
    plain = replace(objective, penalty=Price())
    longer = share / (1.0 - share)
    if coef.any():
        pull = float((price.subgradient(coef) * coef).sum())
        shift = _shift(plain, coef)
        # What they gain if the loss bends alike on the way, of l1 and l2 norms.
        least = pull * (1.0 + share) / (2.0 * share)
        given = plain, least, coef, intercept, shift
        if objective.loss.task != "regression" and _is_worth(*given):
            return False
        further = (1.0 + longer) * coef, intercept + longer * shift
        return _slope(plain, further, (coef, shift)) < -LEFT * pull < 0.0
    return not price.selects and _would_move(plain, price, coef, intercept, longer)


def _is_worth(plain, least, coef, intercept, shift):
    """Whether coefficients gain as much: of classes that are nearly apart they do.

    Without a penalty those of such classes are much larger, too, but in vain.
    """
    at_0 = plain.value(0.0 * coef, intercept - shift)
    return bool((at_0 - plain.value(coef, intercept)).sum() > least)


def _would_move(plain, price, coef, intercept, longer):
    """Whether slopes of the loss say something at 0, where the penalty says it all."""
    way = -plain.gradient(coef, intercept)[0]
    way = way if plain.moves is None else way * plain.moves[:, :-1]
    way /= max(float(np.linalg.norm(way)), 1e-300)
    way = way, _shift(plain, way)
    down = -_slope(plain, (coef, intercept), way)
    moved = np.abs(plain.rows.dot(way[0], 0.0 * way[1])).mean()
    if not down > SURE * moved * _size_of_slopes(plain, intercept):
        return False
    step = STEP / moved
    bend = down + _slope(plain, (step * way[0], intercept + step * way[1]), way)
    pull = float((price.subgradient(step * way[0]) * way[0]).sum())
    return bend * longer < pull


def _shift(plain, coef):
    """What keeps the mean raw predictions where they are as coefficients are added."""
    zero = np.zeros(len(coef))
    if not plain.fit_intercept:
        return zero
    raw = plain.rows.dot(np.ascontiguousarray(coef), zero)
    shift = -np.average(raw, axis=0, weights=plain.sample_weight)
    return shift if plain.moves is None else shift * plain.moves[:, -1]


def _size_of_slopes(plain, intercept):
    """How much raw predictions pull at the loss, each row by itself, about."""
    if plain.loss.granularity == "group":  # raw predictions have no unit in any
        coef = np.zeros((len(intercept), plain.rows.n_features))
        return float(np.abs(plain.value(coef, intercept)).sum())
    raw = plain.raw(np.zeros((len(intercept), plain.rows.n_features)), intercept)
    y, weight = plain.targets, plain.sample_weight
    if plain.is_joint:
        slopes = plain.loss.gradient(y.y, raw, weight)
    else:
        slopes = np.array(
            [
                plain.loss_of(k).gradient(y.of_output(k), raw[:, k], plain.weight_of(k))
                for k in range(plain.n_outputs)
            ]
        )
    return float(np.abs(slopes).sum() / plain.total_weight)


def _slope(plain, point, way):
    by_coef, by_intercept = plain.gradient(*point)
    return float((by_coef * way[0]).sum() + by_intercept @ way[1])
