"""Optimizers: how a step of SGD follows from the gradients so far.

They are parameters of an estimator, with parameters of their own:

>>> from sklearn_losses import Adam, SGDRegressor
>>> model = SGDRegressor(optimizer=Adam(beta_1=0.8)).set_params(optimizer__beta_2=0.99)
>>> model.optimizer
Adam(beta_1=0.8, beta_2=0.99)

In their formulas g is the mean gradient of a step's rows, clipped if it is to be, plus
the gradient of the l2 norm; eta is the step size of `learning_rate`; sums and moments
begin at 0. The intercept is one more weight, without penalties. With an l1 norm each
weight is then moved to zero, at the most to zero, by l1 times its step size: what the
formula multiplies a constant gradient with. All weights move in every step, so a step
takes time proportional to n_features, also where X is sparse.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_losses._machine._params import Interval, check_parameters
from sklearn_losses._machine._typing import BaseEstimator

__all__ = ["AMSGrad", "AdaGrad", "Adam", "Momentum", "Nesterov", "RMSProp"]

_SHARE = [Interval(0, 1, "left")]
_POSITIVE = [Interval(0, None, "neither")]


class Optimizer(BaseEstimator):
    """Base of the optimizers.

    Attributes
    ----------
    name : str
        The string that stands for the optimizer, as in ``optimizer="adam"``.
    moments : tuple of str
        What it keeps of each weight: of "first", "second" and "largest".
    """

    name: str | None = None
    moments: tuple[str, ...] = ()
    _constraints: dict[str, list[Any]] = {}

    def check(self) -> None:
        """Raise unless all parameters may have their values.

        Raises
        ------
        InvalidParameterError
        """
        check_parameters(self, self._constraints)

    def params(self) -> tuple[float, ...]:
        """The parameters, in the order of the constructor."""
        return tuple(float(getattr(self, name)) for name in self._constraints)

    def keys(self) -> dict[str, str]:
        """What a state calls the moments, and the number of steps they are made of."""
        return {moment: f"{self.name}.{moment}" for moment in (*self.moments, "t")}

    def make_room(self, state: dict[str, Any]) -> None:
        """Add the moments that a state lacks, and drop those of other optimizers.

        Parameters
        ----------
        state : dict of str to ndarray
            It is changed, its arrays are not.
        """
        wanted = self.keys()
        drop_moments(state, wanted.values())
        n_outputs, n_features = state["v"].shape
        for moment, key in wanted.items():
            shape = n_outputs if moment == "t" else (n_outputs, n_features + 1)
            state.setdefault(key, np.zeros(shape))


def drop_moments(state, wanted=()):
    """Drop the moments of optimizers, but those of these keys.

    Parameters
    ----------
    state : dict of str to ndarray
        It is changed.
    wanted : collection of str, default=()
    """
    for key in [k for k in state if "." in k and k not in wanted]:
        del state[key]


class Plain(Optimizer):
    """w <- w - eta g: SGD, whose gradient may be clipped."""

    name = "sgd"


class Momentum(Optimizer):
    """Heavy ball: w <- w - eta m, with m <- momentum m + g.

    Parameters
    ----------
    momentum : float, default=0.9
        How much of m a step keeps, in [0, 1). Steps become longer by up to
        1 / (1 - momentum): use a smaller `eta0` than without.

    References
    ----------
    Polyak 1964, "Some methods of speeding up the convergence of iteration methods",
    USSR Computational Mathematics and Mathematical Physics 4.
    """

    name = "momentum"
    moments = ("first",)
    _constraints = {"momentum": _SHARE}

    def __init__(self, momentum: float = 0.9) -> None:
        self.momentum = momentum


class Nesterov(Momentum):
    """Nesterov's momentum: w <- w - eta (g + momentum m), with m <- momentum m + g.

    Parameters
    ----------
    momentum : float, default=0.9
        As in :class:`Momentum`.

    References
    ----------
    Sutskever, Martens, Dahl and Hinton 2013, "On the importance of initialization and
    momentum in deep learning", ICML.
    """

    name = "nesterov"


class AdaGrad(Optimizer):
    """w <- w - eta g / (sqrt(s) + epsilon), with s <- s + g^2.

    Parameters
    ----------
    epsilon : float, default=1e-10
        > 0, so that a weight without gradient stays where it is.

    References
    ----------
    Duchi, Hazan and Singer 2011, "Adaptive subgradient methods for online learning and
    stochastic optimization", JMLR 12.
    """

    name = "adagrad"
    moments = ("second",)
    _constraints = {"epsilon": _POSITIVE}

    def __init__(self, epsilon: float = 1e-10) -> None:
        self.epsilon = epsilon


class RMSProp(Optimizer):
    """w <- w - eta g / (sqrt(s) + epsilon), with s <- decay s + (1 - decay) g^2.

    Parameters
    ----------
    decay : float, default=0.99
        How much of s a step keeps, in [0, 1).
    epsilon : float, default=1e-8
        > 0.

    References
    ----------
    Tieleman and Hinton 2012, "Lecture 6.5: RMSProp", Neural Networks for Machine
    Learning.
    """

    name = "rmsprop"
    moments = ("second",)
    _constraints = {"decay": _SHARE, "epsilon": _POSITIVE}

    def __init__(self, decay: float = 0.99, epsilon: float = 1e-8) -> None:
        self.decay = decay
        self.epsilon = epsilon


class Adam(Optimizer):
    """w <- w - eta m' / (sqrt(s') + epsilon), with means m of g and s of g^2.

    m <- beta_1 m + (1 - beta_1) g and s <- beta_2 s + (1 - beta_2) g^2; in step t,
    m' = m / (1 - beta_1^t) and s' = s / (1 - beta_2^t).

    Parameters
    ----------
    beta_1 : float, default=0.9
        How much of m a step keeps, in [0, 1).
    beta_2 : float, default=0.999
        How much of s a step keeps, in [0, 1).
    epsilon : float, default=1e-8
        > 0.

    References
    ----------
    Kingma and Ba 2015, "Adam: a method for stochastic optimization", ICLR.
    """

    name = "adam"
    moments = ("first", "second")
    _constraints = {"beta_1": _SHARE, "beta_2": _SHARE, "epsilon": _POSITIVE}

    def __init__(
        self, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8
    ) -> None:
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon


class AMSGrad(Adam):
    """Adam with the largest s of all steps so far in place of s.

    Parameters
    ----------
    beta_1, beta_2, epsilon : float
        As in :class:`Adam`.

    References
    ----------
    Reddi, Kale and Kumar 2018, "On the convergence of Adam and beyond", ICLR.
    """

    name = "amsgrad"
    moments = ("first", "second", "largest")


OPTIMIZERS = {
    cls.name: cls
    for cls in (Plain, Momentum, Nesterov, AdaGrad, RMSProp, Adam, AMSGrad)
}
