"""What is tuned, and from where to where: parameters as numbers from 0 to 1.

>>> from sklearn_losses import Huber, LinearRegressor
>>> from sklearn_losses.model_selection._ranges import Range
>>> delta = Range("loss__delta", 0.1, 10.0, is_log=True, start=1.345)
>>> round(delta.value(0.5), 6), round(delta.unit(10.0), 6)
(1.0, 1.0)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real

import numpy as np

from sklearn_losses._machine._params import InvalidParameterError, check_parameters
from sklearn_losses.estimators._parameters import price_of
from sklearn_losses.model_selection._candidates import path
from sklearn_losses.penalties._base import weights_by_name

ENTRY = re.compile(r"(.*)\[(\d+)\]")
WIDE = 100.0  # times and parts of where it begins, of a range "log"
BEYOND = 1e-3  # of a range
AT_BOUND = 1e-6  # of its range is a parameter from its end
MATTER = "loss__", "penalty__", "alpha", "l1_ratio"
HALVINGS = 50  # to the end of what is allowed
ALPHAS = 10.0, 1e-2  # times the ends of a path of alphas


@dataclass
class Range:
    """A parameter and its range.

    Attributes
    ----------
    name : str
    low, high : float
    is_log : bool
        Whether factors count, and not differences.
    start : float
    """

    name: str
    low: float
    high: float
    is_log: bool
    start: float

    def value(self, x):
        """The parameter, of a number from 0 to 1."""
        low, high = self._ends()
        found = low + x * (high - low)
        if self.is_log:
            found = np.exp(found)
        return float(np.clip(found, self.low, self.high))

    def unit(self, value):
        """A number from 0 to 1, of the parameter."""
        low, high = self._ends()
        at = np.log(value) if self.is_log else value
        return float(np.clip((at - low) / (high - low), 0.0, 1.0))

    def error(self, error, value):
        """A standard error in units of the parameter, of one of the range."""
        low, high = self._ends()
        factor = value if self.is_log else 1.0
        return float(error * (high - low) * factor)

    def is_end(self, value):
        """Whether a value is an end of the range."""
        return not AT_BOUND < self.unit(value) < 1.0 - AT_BOUND

    def beyond(self, value):
        """A little further out than an end."""
        low, high = self._ends()
        out = (high - low) * (BEYOND if self.unit(value) > 0.5 else -BEYOND)
        return float(value * np.exp(out) if self.is_log else value + out)

    def _ends(self):
        ends = np.array([self.low, self.high])
        return np.log(ends) if self.is_log else ends


def numbers_of(model):
    """The parameters of a model by name, and entries of tuples as "name[0]"."""
    found = {}
    for name, value in model.get_params().items():
        found[name] = value
        if isinstance(value, (tuple, list)):
            found |= {f"{name}[{i}]": one for i, one in enumerate(value)}
    return found


def set_numbers(model, numbers):
    """Set parameters, and entries of tuples.

    Parameters
    ----------
    numbers : dict of str to float
    """
    plain, params = {}, model.get_params()
    for name, value in numbers.items():
        entry = ENTRY.fullmatch(name)
        if entry is None:
            plain[name] = value
        else:
            whole = list(plain.get(entry[1], params[entry[1]]))
            whole[int(entry[2])] = value
            plain[entry[1]] = tuple(whole)
    return model.set_params(**plain)


def by_index(model, names):
    """A model whose penalties have features by index, as arrays of folds have no names.

    Parameters
    ----------
    model : estimator
    names : sequence of str or None
    """
    place = {} if names is None else {name: j for j, name in enumerate(names)}
    for key, value in model.get_params().items() if place else ():
        short = key.rpartition("__")[2]
        if not key.startswith("penalty__"):
            continue
        if short == "weights" and isinstance(value, Mapping):
            owner = type(model.penalty).__name__
            model.set_params(**{key: weights_by_name(owner, value, names)})
        elif short == "groups" and _are_lists(value):
            groups = [[place.get(one, one) for one in group] for group in value]
            model.set_params(**{key: groups})
    return model


def _are_lists(groups):
    return all(isinstance(group, (list, tuple, np.ndarray)) for group in groups)


def checked_ranges(owner, tune, model, data):
    """The ranges that the parameter `tune` stands for.

    Parameters
    ----------
    owner : str
    tune : dict of str to "log", (low, high) or (low, high, "log")
    model : estimator
        Whose loss has numbers for parameters.
    data : tuple
        X, y, sample_weight and offset.

    Returns
    -------
    list of Range
    """
    if not isinstance(tune, dict) or not tune:
        raise InvalidParameterError(
            f"The 'tune' parameter of {owner} must be a dict with a range for each "
            "parameter that is tuned, such as {'loss__delta': (0.1, 10, 'log'), "
            f"'alpha': 'log'}}. Got {tune!r} instead."
        )
    if model.penalty is None and "alpha" in tune:
        raise InvalidParameterError(
            f"tune['alpha'] of {owner} has no meaning with penalty=None. Leave it "
            "out, or use a penalty."
        )
    known, found = numbers_of(model), []
    for name, given in tune.items():
        entries = [name]
        if isinstance(known.get(name), (tuple, list)):
            entries = [f"{name}[{i}]" for i in range(len(known[name]))]
        if given == "log" and len(entries) > 1:  # 0 stays 0
            entries = [entry for entry in entries if known[entry] > 0]
        found += [_range(owner, one, given, model, known, data) for one in entries]
    return found


def _range(owner, name, given, model, known, data):
    if name not in known:
        nested = sorted(k for k in known if isinstance(known[k], (int, float)))
        raise InvalidParameterError(
            f"tune[{name!r}] of {owner} is no parameter of {type(model).__name__} with "
            f"loss={model.loss!r}. Numbers are {', '.join(nested)}."
        )
    value = known[name]
    if not isinstance(value, Real) or isinstance(value, bool):
        raise InvalidParameterError(
            f"tune[{name!r}] of {owner} is no number, but {value!r}. Only numbers can "
            "be tuned by gradient; LossSearchCV compares others."
        )
    if not name.startswith(MATTER):
        raise InvalidParameterError(
            f"tune[{name!r}] of {owner} is no parameter of a loss or a penalty, of "
            "which alone gradients are known. Set it in the estimator."
        )
    if name == "l1_ratio" and model.penalty != "elasticnet":
        raise InvalidParameterError(
            f"tune['l1_ratio'] of {owner} has no meaning with penalty="
            f"{model.penalty!r}. Leave it out, or use penalty='elasticnet'."
        )
    if given == "log":
        low, high, start = _usual(owner, name, model, float(value), data)
        return Range(name, low, high, True, start)
    low, high, is_log = _ends(owner, name, given)
    for end in (low, high):
        error = refusal(model, name, end)
        if error is not None:
            raise InvalidParameterError(
                f"The range ({low:g}, {high:g}) of tune[{name!r}] of {owner} leaves "
                f"what is allowed: {error}"
            )
    middle = np.sqrt(low * high) if is_log else 0.5 * (low + high)
    start = float(value) if low <= value <= high else float(middle)
    return Range(name, low, high, is_log, start)


def _ends(owner, name, given):
    """Low, high and whether factors count."""
    parts = list(given) if isinstance(given, (tuple, list)) else []
    is_log = len(parts) == 3 and parts[2] == "log"
    ends = parts[:2] if is_log or len(parts) == 2 else []
    is_right = len(ends) == 2 and all(
        isinstance(end, Real) and np.isfinite(end) for end in ends
    )
    if not is_right or not ends[0] < ends[1] or (is_log and not ends[0] > 0):
        raise InvalidParameterError(
            f"tune[{name!r}] of {owner} must be (low, high), (low, high, 'log') with "
            f"0 < low, or 'log'; low < high. Got {given!r} instead."
        )
    return float(ends[0]), float(ends[1]), is_log


def _usual(owner, name, model, value, data):
    """The range that 'log' stands for: around what there is, or a path of alphas."""
    if name == "alpha":
        largest, least = path({}, model, 2, data)
        return least * ALPHAS[1], largest * ALPHAS[0], float(np.sqrt(largest * least))
    if not value > 0:
        raise InvalidParameterError(
            f"tune[{name!r}] of {owner} cannot be 'log', because it is {value:g}, and "
            "factors of it are the same. Use (low, high)."
        )
    ends = [_furthest(model, name, value, factor) for factor in (1.0 / WIDE, WIDE)]
    return *ends, value


def _furthest(model, name, value, factor):
    """The furthest value on the way to a multiple that is allowed."""
    if refusal(model, name, value * factor) is None:
        return value * factor
    near, far = 0.0, np.log(factor)
    for _ in range(HALVINGS):
        middle = 0.5 * (near + far)
        is_allowed = refusal(model, name, value * np.exp(middle)) is None
        near, far = (middle, far) if is_allowed else (near, middle)
    return float(value * np.exp(near))


def refusal(model, name, value):
    """Why a parameter may not have a value, or None."""
    before = numbers_of(model)[name]
    try:
        set_numbers(model, {name: float(value)})
        check_parameters(model, model._constraints)
        loss = model._usable_loss()
        loss.at_scale(1.0).compiled()
        price_of(model, getattr(model, "n_features_in_", 1), loss.granularity == "row")
    except ValueError as error:
        return error
    finally:
        set_numbers(model, {name: before})
    return None
