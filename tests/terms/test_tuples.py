"""Terms of tuples: sums over all tuples by force, slopes by differences, mining."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_losses import (
    NCA,
    AnchorLoss,
    Contrastive,
    InfoNCE,
    LogisticPair,
    SupCon,
    TripletMargin,
)
from sklearn_losses.terms import _tuples
from sklearn_losses.terms._mining import Mining, nearest_of_class
from sklearn_losses.terms._tuples import AnchorTerm

RNG = np.random.default_rng(0)
N = 30
Z = RNG.normal(size=(N, 3))
CODES = np.append(RNG.integers(0, 3, size=N - 1), 3)  # the last has no other
D2 = ((Z[:, None] - Z) ** 2).sum(axis=2)
SAME = (CODES[:, None] == CODES) & ~np.eye(N, dtype=bool)
OTHER = CODES[:, None] != CODES


class Choice(AnchorLoss):
    """NCA, in numpy."""

    convex = False

    def _share(self, score):
        e = np.exp(score - score.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def _value(self, same, score):
        return 1.0 - (same * self._share(score)).sum(axis=1)

    def _gradient(self, same, score):
        share = self._share(score)
        return share * ((same * share).sum(axis=1, keepdims=True) - same)


OF_ALL = [
    NCA(),
    NCA(log=True),
    Choice(),
    InfoNCE(0.5),
    InfoNCE(0.5, "dot"),
    SupCon(0.5),
    SupCon(0.5, "distance"),
    Contrastive(mining="all"),
    LogisticPair(2.0, mining="all"),
    TripletMargin(mining="all"),
    TripletMargin(soft=True, squared=False, mining="all"),
]


@pytest.mark.parametrize("loss", OF_ALL, ids=str)
@pytest.mark.parametrize("block", [1, 1 << 15])
def test_products_are_slopes(loss, block, monkeypatch):
    monkeypatch.setattr(_tuples, "BLOCK", block)
    term, direction, h = AnchorTerm(loss, CODES), RNG.normal(size=Z.shape), 1e-6
    product = term.sums(Z)[1]
    up, down = (term.sums(Z + s * direction)[0] for s in (h, -h))
    expected = (up - down) / (2 * h)
    assert_allclose(2.0 * (product * direction).sum(), expected, rtol=1e-5, atol=1e-8)


def test_sums_over_all_triplets_and_pairs():
    triplets = [
        [
            np.maximum(0.0, 0.7 + D2[a, p] - D2[a, n])
            for p, n in itertools.product(*map(np.flatnonzero, (SAME[a], OTHER[a])))
        ]
        for a in range(N - 1)
    ]
    expected = np.mean([np.mean(one) for one in triplets])
    term = AnchorTerm(TripletMargin(0.7, mining="all"), CODES)
    assert_allclose(term.sums(Z)[0], expected)
    loss = Contrastive(mining="all")
    near = loss.value(np.ones(SAME.sum()), D2[SAME]).mean()
    far = loss.value(np.zeros(OTHER.sum()), D2[OTHER]).mean()
    assert_allclose(AnchorTerm(loss, CODES).sums(Z)[0], 0.5 * (near + far))


def test_a_product_with_rows_is_that_of_the_graph():
    term, V = AnchorTerm(NCA(), CODES), RNG.normal(size=(N, 4))
    A = term.sums(Z, np.eye(N))[1]
    assert_allclose(A, A.T, atol=1e-14)
    assert_allclose(A.sum(axis=0), 0.0, atol=1e-12)
    assert_allclose(term.sums(Z, V)[1], A @ V, atol=1e-12)
    assert_allclose(term.sums(Z)[1], A @ Z, atol=1e-12)


def test_the_order_of_rows_does_not_matter():
    order = RNG.permutation(N)
    there = AnchorTerm(SupCon(), CODES).sums(Z)
    here = AnchorTerm(SupCon(), CODES[order]).sums(Z[order])
    assert_allclose(here[0], there[0])
    assert_allclose(here[1], there[1][order], atol=1e-12)


def test_targets_are_the_nearest_of_the_class():
    anchor, target = nearest_of_class(Z, CODES, 3)
    for a in range(N):
        expected = np.argsort(np.where(SAME[a], D2[a], np.inf))[: min(3, SAME[a].sum())]
        assert set(target[anchor == a]) == set(expected)


@pytest.mark.parametrize(
    "loss", [TripletMargin(0.7), TripletMargin(soft=True)], ids=str
)
def test_mined_triplets(loss):
    mining = Mining(loss, CODES, Z)
    term, is_new = mining.term(Z)
    assert is_new
    assert not mining.term(Z)[1]
    near, far = term.tuples.T
    assert_array_equal(term.left[near], term.left[far])
    assert SAME[term.left[near], term.right[near]].all()
    assert OTHER[term.left[far], term.right[far]].all()
    value = loss.value(*D2[term.left[term.tuples], term.right[term.tuples]].T)
    assert_allclose(term.sums(Z)[0], value.sum() / len(mining.anchor))
    direction, h = RNG.normal(size=Z.shape), 1e-6
    up, down = (term.sums(Z + s * direction)[0] for s in (h, -h))
    found = 2.0 * (term.sums(Z)[1] * direction).sum()
    assert_allclose(found, (up - down) / (2 * h), rtol=1e-5)


def test_a_semi_hard_row_is_the_nearest_beyond_the_target():
    mining = Mining(TripletMargin(mining="semi_hard", n_neighbors=2), CODES, Z)
    term, _ = mining.term(Z)
    near, far = term.tuples.T
    for a, p, n in zip(term.left[near], term.right[near], term.right[far]):
        beyond = np.where(OTHER[a] & (D2[a] > D2[a, p]), D2[a], np.inf)
        furthest = np.where(OTHER[a], D2[a], -1.0).argmax()
        assert n == (beyond.argmin() if np.isfinite(beyond).any() else furthest)
