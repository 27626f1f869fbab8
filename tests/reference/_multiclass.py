"""Losses of rows. t holds the class probabilities: one-hot where y is a label."""

import mpmath
import numpy as np
from mpmath import mpf

from sklearn_losses.losses import (
    CrossEntropy,
    MulticlassHinge,
    MulticlassSquaredHinge,
    Sparsemax,
)


def class_probabilities(loss, y, n_classes):
    """The row t of the catalogue, for a label or for given probabilities."""
    if np.ndim(y):
        return [mpf(float(t)) for t in y]
    a = mpf(getattr(loss, "label_smoothing", 0))
    return [(1 - a) * (k == y) + a / n_classes for k in range(n_classes)]


# ---------------------------------------------------------------- cross-entropy
def _softmax(p):
    top = max(p)
    weights = [mpmath.exp(x - top) for x in p]
    total = mpmath.fsum(weights)
    return [w / total for w in weights]


def _others(q, k):
    """1 - q_k as the sum of the other probabilities."""
    return mpmath.fsum(q_j for j, q_j in enumerate(q) if j != k)


def _cross_entropy_value(loss, t, p):
    # logsumexp(p) - sum_k t_k p_k, where t sums to 1.
    k = p.index(max(p))
    return -mpmath.log1p(-_others(_softmax(p), k)) + mpmath.fsum(
        t_j * (p[k] - p_j) for t_j, p_j in zip(t, p)
    )


def _cross_entropy_gradient(loss, t, p):
    # softmax(p)_k - t_k, in terms of 1 - softmax(p)_k where that is the small one.
    q = _softmax(p)
    return [
        (1 - t_k) - _others(q, k) if q_k > 0.5 else q_k - t_k
        for k, (t_k, q_k) in enumerate(zip(t, q))
    ]


def _cross_entropy_curvature(loss, t, p):
    q = _softmax(p)
    return [q_k * _others(q, k) for k, q_k in enumerate(q)]


# ----------------------------------------------------------------------- hinges
def _excess(t, p):
    """The class y, and 1 + p_k - p_y for its rivals; 0 in its own place."""
    y = t.index(1)
    return y, [1 + p_k - p[y] if k != y else mpf(0) for k, p_k in enumerate(p)]


def _hinge_gradient(loss, t, p):
    y, excess = _excess(t, p)
    gradient = [mpf(0)] * len(p)
    if max(excess) > 0:
        gradient[y], gradient[excess.index(max(excess))] = mpf(-1), mpf(1)
    return gradient


def _squared_hinge_gradient(loss, t, p):
    y, excess = _excess(t, p)
    gradient = [2 * max(mpf(0), e) for e in excess]
    gradient[y] = -mpmath.fsum(gradient)
    return gradient


def _squared_hinge_curvature(loss, t, p):
    y, excess = _excess(t, p)
    curvature = [mpf(2 * (e > 0)) for e in excess]
    curvature[y] = mpmath.fsum(curvature)
    return curvature


# -------------------------------------------------------------------- sparsemax
def projection(p):
    """The point of the simplex nearest to p, and the threshold tau."""
    total = mpf(-1)
    for n, p_k in enumerate(sorted(p, reverse=True), start=1):
        if n * p_k <= total + p_k:
            break
        total += p_k
        tau = total / n
    return [max(mpf(0), p_k - tau) for p_k in p], tau


def _sparsemax_value(loss, t, p):
    q, tau = projection(p)
    half_square = mpmath.fsum((q_k - t_k) ** 2 for q_k, t_k in zip(q, t)) / 2
    return half_square + mpmath.fsum(
        t_k * (q_k + tau - p_k) for q_k, t_k, p_k in zip(q, t, p)
    )


def _sparsemax_gradient(loss, t, p):
    return [q_k - t_k for q_k, t_k in zip(projection(p)[0], t)]


def _sparsemax_curvature(loss, t, p):
    support = [q_k > 0 for q_k in projection(p)[0]]
    return [s * (1 - 1 / mpf(sum(support))) for s in support]


FORMULAS = {
    CrossEntropy: (
        _cross_entropy_value,
        _cross_entropy_gradient,
        _cross_entropy_curvature,
    ),
    MulticlassHinge: (
        lambda loss, t, p: max(_excess(t, p)[1]),
        _hinge_gradient,
        lambda loss, t, p: [mpf(0)] * len(p),
    ),
    MulticlassSquaredHinge: (
        lambda loss, t, p: mpmath.fsum(max(mpf(0), e) ** 2 for e in _excess(t, p)[1]),
        _squared_hinge_gradient,
        _squared_hinge_curvature,
    ),
    Sparsemax: (_sparsemax_value, _sparsemax_gradient, _sparsemax_curvature),
}


# ---------------------------------------------------------------------- Hessians
def _cross_entropy_hessian(loss, t, p):
    # The derivatives of softmax(p)_j by p_k.
    q = _softmax(p)
    return [
        [q_j * (_others(q, j) if j == k else -q_k) for k, q_k in enumerate(q)]
        for j, q_j in enumerate(q)
    ]


def _squared_hinge_hessian(loss, t, p):
    # That of a square of p_k - p_y, for each rival that is pushed.
    y, excess = _excess(t, p)
    hessian = [[mpf(0)] * len(p) for _ in p]
    for rival, e in enumerate(excess):
        if rival != y and e > 0:
            for j, sign_j in ((rival, 1), (y, -1)):
                for k, sign_k in ((rival, 1), (y, -1)):
                    hessian[j][k] += 2 * sign_j * sign_k
    return hessian


def _sparsemax_hessian(loss, t, p):
    # p_j - tau moves by 1 with p_j, and by -1/n with each of the n in the support.
    support = [q_k > 0 for q_k in projection(p)[0]]
    return [
        [
            s_j * s_k * ((j == k) - 1 / mpf(sum(support)))
            for k, s_k in enumerate(support)
        ]
        for j, s_j in enumerate(support)
    ]


HESSIANS = {
    CrossEntropy: _cross_entropy_hessian,
    MulticlassHinge: lambda loss, t, p: [[mpf(0)] * len(p) for _ in p],
    MulticlassSquaredHinge: _squared_hinge_hessian,
    Sparsemax: _sparsemax_hessian,
}


# --------------------------------------------- where the last sum itself cancels
def _cross_entropy_gradient_terms(loss, t, p):
    # e_k (1 - t_k) - t_k (Z - e_k), or the form for probabilities that are all close.
    if max(p) - min(p) >= 0.5:
        q = _softmax(p)
        return [
            [t_k * _others(q, k), (1 - t_k) * q_k]
            for k, (t_k, q_k) in enumerate(zip(t, q))
        ]
    x = [mpmath.expm1(p_k - max(p)) for p_k in p]
    total = mpmath.fsum(x)
    z = len(p) + total
    return [
        [(1 - len(p) * t_k) / z, x_k / z, t_k * total / z] for t_k, x_k in zip(t, x)
    ]


def _sparsemax_gradient_terms(loss, t, p):
    return [[q_k, t_k] if 0 < t_k < 1 else [] for q_k, t_k in zip(projection(p)[0], t)]


def _sparsemax_value_terms(loss, t, p):
    # Errors of q - t that are a rounding of q and t, in a sum of their squares.
    terms = zip(_sparsemax_gradient(loss, t, p), _sparsemax_gradient_terms(loss, t, p))
    return [e * max(pair) + max(pair) ** 2 * 1e-16 for e, pair in terms if pair]


TERMS = {
    # A prediction that hits a target which is neither a label nor uniform.
    CrossEntropy: (None, _cross_entropy_gradient_terms, None),
    # The same, with the uniform target too.
    Sparsemax: (_sparsemax_value_terms, _sparsemax_gradient_terms, None),
}
