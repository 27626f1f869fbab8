"""Losses of tuples: values by the papers' formulas, slopes by differences, refusals."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone

from sklearn_losses import (
    NCA,
    AnchorLoss,
    Contrastive,
    Huber,
    InfoNCE,
    LogisticPair,
    PairLoss,
    SupCon,
    TripletLoss,
    TripletMargin,
    get_loss,
    loss_names,
)

RNG = np.random.default_rng(0)
N = 12
DISTANCE = RNG.uniform(0.1, 4.0, size=N)
SAME = RNG.integers(0, 2, size=N)
FAR = RNG.uniform(0.1, 4.0, size=N)
SCORE = RNG.normal(size=(5, N))
OWN = np.arange(5), np.arange(5)
SCORE[OWN] = -np.inf
CODES = RNG.integers(0, 3, size=N)
BELONGS = CODES[:5, None] == CODES
BELONGS[OWN] = False

PAIRS = [Contrastive(1.3), LogisticPair(2.0)]
TRIPLETS = [
    TripletMargin(0.5),
    TripletMargin(soft=True),
    TripletMargin(squared=False),
    TripletMargin(soft=True, squared=False),
]
ANCHORS = [NCA(), NCA(log=True), InfoNCE(), SupCon()]


def softplus(x):
    return np.logaddexp(0.0, x)


def test_pairs_are_as_in_the_papers():
    d = np.sqrt(DISTANCE)
    hadsell = np.where(SAME, d**2, np.maximum(0.0, 1.3 - d) ** 2)
    assert_allclose(Contrastive(1.3).value(SAME, DISTANCE), hadsell, rtol=1e-9)
    sign = 2 * SAME - 1
    ldml = softplus(sign * (DISTANCE - 2.0))
    assert_allclose(LogisticPair(2.0).value(SAME, DISTANCE), ldml, rtol=1e-12)


def test_triplets_are_as_in_the_papers():
    lmnn = np.maximum(0.0, 0.5 + DISTANCE - FAR)
    assert_allclose(TripletMargin(0.5).value(DISTANCE, FAR), lmnn)
    soft = softplus(1.0 + np.sqrt(DISTANCE) - np.sqrt(FAR))
    found = TripletMargin(soft=True, squared=False).value(DISTANCE, FAR)
    assert_allclose(found, soft, rtol=1e-9)


def test_anchors_are_as_in_the_papers():
    e = np.exp(SCORE)
    p = (e * BELONGS).sum(axis=1) / e.sum(axis=1)
    assert_allclose(NCA().value(BELONGS, SCORE), np.where(BELONGS.any(1), 1 - p, 0))
    for i in np.flatnonzero(BELONGS.any(axis=1)):
        others = e[i][~BELONGS[i]].sum()
        own = e[i][BELONGS[i]]
        n_pair = -np.log(own / (own + others)).mean()
        assert_allclose(InfoNCE().value(BELONGS, SCORE)[i], n_pair)
        out = -np.log(own / e[i].sum()).mean()
        assert_allclose(SupCon().value(BELONGS, SCORE)[i], out)
        assert_allclose(NCA(log=True).value(BELONGS, SCORE)[i], -np.log(p[i]))


@pytest.mark.parametrize("loss", PAIRS + TRIPLETS + ANCHORS, ids=str)
def test_slopes_are_those_of_the_values(loss):
    first = {"pairs": SAME, "triplets": DISTANCE, "anchors": BELONGS}[loss.of]
    second = {"pairs": DISTANCE, "triplets": FAR, "anchors": SCORE}[loss.of]
    found = loss.gradient(first, second)
    found = found[1] if loss.of == "triplets" else found
    step = 1e-6 * RNG.normal(size=second.shape)
    above = loss.value(first, second + step).sum()
    below = loss.value(first, second - step).sum()
    assert_allclose((found * step).sum(), 0.5 * (above - below), rtol=1e-5)


@pytest.mark.parametrize("spread", [1.0, 1e4])
def test_scores_that_are_far_apart_lose_nothing(spread):
    score = spread * np.array([[-np.inf, -1.0, 0.0]])
    same = [[0, 1, 0]]
    assert_allclose(NCA(log=True).value(same, score), softplus(spread))
    for loss in ANCHORS:
        assert np.isfinite(loss.gradient(same, score)).all()


def test_an_anchor_without_another_of_its_class_says_nothing():
    for loss in ANCHORS:
        assert loss.value([[0, 0]], [[-np.inf, 1.0]]) == 0.0
        assert not loss.gradient([[0, 0]], [[-np.inf, 1.0]]).any()


def test_a_smoothed_corner_is_below_it_and_near():
    hinge, smooth = TripletMargin(), TripletMargin().softened(0.1)
    gap = hinge.value(DISTANCE, FAR) - smooth.value(DISTANCE, FAR)
    assert (gap >= 0).all()
    assert gap.max() <= 0.05 + 1e-12


def test_they_have_names_and_parameters():
    names = loss_names("embedding")
    assert {get_loss(name).name for name in names} == set(names)
    assert not set(names) & set(loss_names())
    loss = clone(TripletMargin(margin=2.0)).set_params(n_neighbors=5)
    assert pickle.loads(pickle.dumps(loss)).get_params() == loss.get_params()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Contrastive().value([2], [1.0]), "needs 1 for rows that belong"),
        (lambda: Contrastive().value([1, 0], [1.0]), "two arrays of one shape"),
        (lambda: TripletMargin().value([-1.0], [1.0]), "must be >= 0"),
        (lambda: LogisticPair().value([1], [1.0]), "is no function yet"),
        (lambda: TripletMargin(margin=0).value([1.0], [1.0]), "'margin' parameter"),
        (lambda: PairLoss().value([1], [1.0]), "has no formula _value"),
        (lambda: AnchorLoss().value([[0, 1]], [[0.0, 1.0]]), "has no formulas"),
        (lambda: TripletLoss().value([1.0], [1.0]), "has no formula _value"),
        (lambda: NCA() + Huber(), "is a loss of anchors"),
        (lambda: NCA().curvature(0, 1), "is a loss of anchors"),
    ],
)
def test_refusals(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
