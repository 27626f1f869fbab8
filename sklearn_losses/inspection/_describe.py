"""describe: what one would like to know about a loss before fitting with it.

>>> from sklearn_losses.inspection import describe
>>> from sklearn_losses.losses import Huber
>>> description = describe(Huber())
>>> round(description.efficiency, 3), description.influence.bound
(0.95, 1.345)
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from html import escape
from typing import Any, overload

import numpy as np
from scipy.optimize import minimize_scalar

from sklearn_losses._machine._typing import Array
from sklearn_losses.inspection._as_loss import as_loss
from sklearn_losses.inspection._checks_groups import rows_of_groups
from sklearn_losses.inspection._checks_tuples import some_tuples, with_numbers
from sklearn_losses.inspection._probe import Probe
from sklearn_losses.inspection._profile import DESCRIPTIONS, Profile
from sklearn_losses.losses import Loss

TRAITS = (
    "task",
    "estimates",
    "granularity",
    "link",
    "domain",
    "probabilistic",
    "proper",
    "convex",
    "differentiable",
    "piecewise_linear",
    "symmetric",
    "bounded",
    "lipschitz",
    "smoothness",
    "shift_invariant",  # of losses of groups
)
OUTPUTS = ("value", "gradient", "curvature")
MARKS = np.arange(-3.0, 4.0)
BLOCK = 4096
GROUP = 16  # rows of a group, on average
_SIDE = [
    np.logspace(-9, -2, 71),
    np.linspace(0.0, 40.0, 4001)[2:],
    np.logspace(2, 8, 121),
]
GRID = np.concatenate([-np.concatenate(_SIDE)[::-1], [0.0], *_SIDE])
NEARLY = 1.0 - 1e-9  # of a bound, which exponential tails reach without being there


@dataclass(frozen=True)
class Influence:
    """How hard one sample can pull: the size of the gradient along the axis.

    Attributes
    ----------
    bound : float
        The supremum of abs(gradient); inf if there is none.
    reached_at : float
        The x nearest to 0 where it is (nearly) reached; inf or -inf where it is only
        approached.
    redescending : bool
        Whether the gradient falls back to 0 for predictions that are far wrong.
    gross_error_sensitivity : float
        The most that one sample moves the estimate of a location, times their number,
        for normal residuals of standard deviation 1: bound / E[gradient']. nan unless
        the loss is a symmetric one of residuals.
    """

    bound: float
    reached_at: float
    redescending: bool
    gross_error_sensitivity: float


@dataclass(frozen=True)
class LossDescription:
    """What `describe` has found out; it prints as a few lines and a table.

    Attributes
    ----------
    loss : Loss
    traits : dict of str to object
        The traits of :class:`~sklearn_losses.losses.Loss`.
    axis : {"residual", "raw prediction", "margin", "lead", "pair", \
            "squared distance", "nearness"}
        What the numbers in landmarks["x"] are: raw_prediction - y_true, raw
        predictions, (2 y_true - 1) raw_prediction, the raw prediction of the true
        class where the others have 0, or that of the first of two rows of a group.
    y_true : float
        The target of the landmarks.
    landmarks : dict of str to ndarray of shape (7,)
        "x", "value", "gradient" and, if there is one, "curvature", along the axis.
    influence : Influence
    efficiency : float
        The asymptotic efficiency of the estimate of a location by this loss, relative
        to the mean, for normal residuals of standard deviation 1. nan unless the loss
        is a symmetric one of residuals: others do not estimate the mean.
    nanoseconds : float
        What the value and the gradient of one sample cost, in a block of 4096; in a
        loss of rows with three classes, in one of groups with 16 rows in a group.
    """

    loss: Loss
    traits: dict[str, Any]
    axis: str
    y_true: float
    landmarks: dict[str, Array]
    influence: Influence
    efficiency: float
    nanoseconds: float

    def __str__(self) -> str:
        lines = [str(self.loss)]
        lines += [f"  {name:<11} {text}" for name, text in self._facts()]
        lines += ["", f"  {self._axis_title()}"]
        table = dict(self._table())
        width = 1 + max(9, *(len(cell) for cells in table.values() for cell in cells))
        for name, cells in table.items():
            lines.append(f"  {name:<11}" + "".join(f"{c:>{width}}" for c in cells))
        return "\n".join(lines)

    def _repr_html_(self):
        def row(name, cells):
            inner = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
            return f"<tr><th>{escape(name)}</th>{inner}</tr>"

        facts = "".join(row(name, [text]) for name, text in self._facts())
        table = "".join(row(name, cells) for name, cells in self._table())
        return (
            f"<b>{escape(str(self.loss))}</b><table>{facts}</table>"
            f"<table><caption>{escape(self._axis_title())}</caption>{table}</table>"
        )

    def _axis_title(self):
        title = DESCRIPTIONS[self.axis]
        plain = "residual", "pair", "nearness"
        return title if self.axis in plain else f"{title}, y = {self.y_true:g}"

    def _table(self):
        for name, numbers in self.landmarks.items():
            yield name, [f"{number:.4g}" for number in numbers]

    def _facts(self):
        """Names and sentences."""
        traits = self.traits
        if traits["granularity"] == "group":
            yield "task", f"{traits['task']}, of groups of rows"
        elif traits["granularity"] == "tuple":
            yield "task", f"{traits['task']}, of {self.loss.of}"
        else:
            link, domain = traits["link"], traits["domain"]
            yield "task", f"{traits['task']}, {link!r}, y in {domain}"
        yield "estimates", traits["estimates"]
        yield "traits", ", ".join(self._adjectives())
        yield (
            "constants",
            f"lipschitz {traits['lipschitz']:.4g}, "
            f"smoothness {traits['smoothness']:.4g}",
        )
        yield "influence", self._influence_sentence()
        if not np.isnan(self.efficiency):
            yield "efficiency", f"{self.efficiency:.3f} for normal residuals"
        yield "cost", f"{self.nanoseconds:.1f} ns a sample"

    def _adjectives(self):
        traits = self.traits
        yield "convex" if traits["convex"] else "not convex"
        yield "differentiable" if traits["differentiable"] else "with kinks"
        for name in ("piecewise_linear", "symmetric", "bounded", "shift_invariant"):
            if traits.get(name):
                yield name.replace("_", " ")
        if traits["probabilistic"]:
            proper = traits["proper"]
            yield "proper probabilities" if proper else "uncalibrated probabilities"

    def _influence_sentence(self):
        influence = self.influence
        if np.isinf(influence.bound):
            return "unbounded"
        where = f"reached at {influence.reached_at:.4g}"
        if np.isinf(influence.reached_at):
            where = f"approached at {influence.reached_at}"
        text = f"at most {influence.bound:.4g}, {where}"
        if influence.redescending:
            text += ", redescending"
        if not np.isnan(influence.gross_error_sensitivity):
            text += f"; gross-error sensitivity {influence.gross_error_sensitivity:.4g}"
        return text


class Descriptions(list[LossDescription]):
    """What `describe` has found out about several losses, below each other."""

    def __str__(self) -> str:
        return "\n\n".join(map(str, self))

    def _repr_html_(self) -> str:
        return "<hr>".join(one._repr_html_() for one in self)


@overload
def describe(
    loss: list[Loss | str] | tuple[Loss | str, ...], y_true: float | None = None
) -> list[LossDescription]: ...
@overload
def describe(loss: Loss | str, y_true: float | None = None) -> LossDescription: ...
def describe(loss: Any, y_true: float | None = None) -> Any:
    """Describe a loss: traits, landmarks, influence, efficiency, cost.

    Parameters
    ----------
    loss : Loss, str, or a list of these
        An instance, or the name of one.
    y_true : float, default=None
        The target at which it is looked at, which matters for losses that do not
        depend on a residual or a margin alone. None: 1 or the valid target that is
        nearest to it; in a loss of rows the class 0.

    Returns
    -------
    LossDescription
        Of a list, a list of these, which prints as all of them.

    Raises
    ------
    TypeError
        If `loss` is neither a loss nor a name.
    ValueError
        If there is no loss of that name, or y_true is not in the domain of the loss.

    References
    ----------
    Huber and Ronchetti 2009, "Robust statistics", chapters 1 and 3; Hampel, Ronchetti,
    Rousseeuw and Stahel 1986, "Robust statistics", section 2.1, for the sensitivity.

    Examples
    --------
    >>> from sklearn_losses import TukeyBiweight, describe
    >>> description = describe(TukeyBiweight())
    >>> description.influence.redescending
    True
    >>> round(description.efficiency, 3)
    0.95
    """
    if isinstance(loss, (list, tuple)):
        return Descriptions(describe(one, y_true) for one in loss)
    loss = as_loss(loss, "describe")
    profile = Profile(loss, y_true)
    efficiency, slope = np.nan, np.nan
    if loss.symmetric and profile.label == "residual":
        slope, square = normal_moments(profile)
        efficiency = slope**2 / square
    outputs = OUTPUTS if profile.has_curvature else OUTPUTS[:2]
    return LossDescription(
        loss=loss,
        traits={name: getattr(loss, name) for name in TRAITS if hasattr(loss, name)},
        axis=profile.label,
        y_true=profile.y_true,
        landmarks={
            "x": MARKS,
            **{name: getattr(profile, name)(MARKS) for name in outputs},
        },
        influence=_influence(profile, slope),
        efficiency=float(efficiency),
        nanoseconds=_cost(loss),
    )


def normal_moments(profile):
    """E[r psi(r)] and E[psi(r)^2] for standard normal r, with psi the gradient.

    The first is E[psi'(r)] as well, by Stein, also where psi jumps. Gauss's rule of
    eight points is used on short intervals, whose ends are the jumps among others.

    Returns
    -------
    tuple of float
    """
    edges = GRID[np.abs(GRID) <= 10.0]
    edges = np.union1d(edges, profile.jumps("gradient", edges))
    nodes, weights = np.polynomial.legendre.leggauss(8)
    half = 0.5 * np.diff(edges)[:, np.newaxis]
    r = (edges[:-1, np.newaxis] + half * (1.0 + nodes)).ravel()
    mass = (half * weights).ravel() * np.exp(-0.5 * r * r) / np.sqrt(2.0 * np.pi)
    psi = profile.gradient(r)
    return float(np.sum(mass * r * psi)), float(np.sum(mass * psi * psi))


def _influence(profile, mean_slope):
    """The bound of the gradient along an axis, and what becomes of it far away."""
    far = profile.gradient([-1e8, -1e6, 1e6, 1e8])
    most, much, right_much, right_most = np.nan_to_num(np.abs(far), posinf=np.inf)
    if not max(most, right_most) <= 1.01 * max(much, right_much) < np.inf:
        return Influence(np.inf, np.inf, False, np.inf * mean_slope)
    bound, where = _peak(profile)
    wrong = max(most, right_most) if profile.label == "residual" else most
    if profile.label == "squared distance":  # what is wrong is far, or at 0
        wrong = right_most if profile.y_true else bound
    return Influence(bound, where, bool(wrong < 1e-3 * bound), bound / mean_slope)


def _peak(profile):
    """The largest size of the gradient, and the least wrong x where it is reached."""

    def size(x):
        return np.nan_to_num(np.abs(profile.gradient(np.atleast_1d(x))))

    sizes = size(GRID)
    bound = float(sizes.max())
    is_reached = sizes >= bound * NEARLY
    reached = np.flatnonzero(is_reached)[::-1]
    is_margin = profile.label in ("margin", "lead")
    i = reached[0] if is_margin else reached[np.argmin(np.abs(GRID[reached]))]
    x = float(GRID[i])
    if i in (0, len(GRID) - 1):
        return bound, float(np.copysign(np.inf, x))
    if not is_reached[[i - 1, i + 1]].any():  # a peak, here or beside
        peak = minimize_scalar(
            lambda x: -size(x)[0],
            bounds=(GRID[i - 1], GRID[i + 1]),
            method="bounded",
            options={"xatol": 1e-10},
        )
        is_higher = -peak.fun * NEARLY > bound
        return (float(-peak.fun), _rounded(peak.x)) if is_higher else (bound, x)
    # It is reached from x on, or already a little before.
    before = GRID[i + 1] if is_margin or x < 0 else GRID[i - 1]
    for _ in range(60):
        middle = 0.5 * (x + before)
        is_there = size(middle)[0] >= bound * NEARLY
        x, before = (middle, before) if is_there else (x, middle)
    if abs(x) > 1 and size(0.99 * x)[0] > bound * (1.0 - 1e-6):
        return bound, float(np.copysign(np.inf, x))  # it creeps up to it
    if abs(x) < 1e-4 and size(0.0)[0] >= bound * NEARLY:
        return bound, 0.0  # a peak at 0, which is flat on top
    return bound, _rounded(x)


def _rounded(x):
    """Six digits, which is more than what is known of it."""
    return float(f"{x:.6g}") if abs(x) > 1e-8 else 0.0


def _cost(loss):
    """Nanoseconds a sample of value_gradient, the best of several blocks."""
    if loss.granularity == "group":
        y, raw, groups = rows_of_groups(loss, BLOCK, BLOCK // GROUP)
        return _best_time(lambda: loss.value_gradient(y, raw, groups))
    if loss.granularity == "tuple":
        loss = with_numbers(loss)
        both = some_tuples(loss, n_tuples=BLOCK)
        return _best_time(lambda: loss.gradient(*both)) * BLOCK / both[1].size
    if loss.outputs and loss.granularity == "row":
        y, raw = loss.examples(np.random.default_rng(0), BLOCK)
    else:
        probe = Probe(loss)
        repeats = -(-BLOCK // len(probe.y))
        y = np.tile(probe.y, repeats)[:BLOCK]
        raw = np.tile(probe.raw, (repeats, 1) if probe.is_row else repeats)[:BLOCK]
    out = loss.value_gradient(y, raw)
    return _best_time(lambda: loss.value_gradient(y, raw, out=out))


def _best_time(call):
    """Nanoseconds a sample of a call for a block of them."""
    times = []
    for _ in range(7):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e9 * min(times) / BLOCK
