"""Scorers of orders, and `loss_scorer` of losses of groups."""

import pickle

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score

from sklearn_losses import (
    CoxPH,
    LinearRanker,
    LinearSurvival,
    PairwiseLogistic,
    average_precision_by_group_score,
    average_precision_by_group_scorer,
    concordance_index_ipcw_scorer,
    concordance_index_scorer,
    d2_loss_score,
    integrated_brier_scorer,
    loss_scorer,
    ndcg_score,
    ndcg_scorer,
    pairwise_accuracy_scorer,
    ranking_target,
    reciprocal_rank_score,
    reciprocal_rank_scorer,
)


def test_scorers_are_parameters():
    for scorer, text in (
        (ndcg_scorer(k=5, empty=1), "ndcg_scorer(k=5, empty=1)"),
        (pairwise_accuracy_scorer(), "pairwise_accuracy_scorer()"),
        (average_precision_by_group_scorer(), "average_precision_by_group_scorer()"),
        (reciprocal_rank_scorer(k=2), "reciprocal_rank_scorer(k=2)"),
        (concordance_index_ipcw_scorer(2.0), "concordance_index_ipcw_scorer(tau=2.0)"),
        (
            integrated_brier_scorer(np.array([1, 2])),
            "integrated_brier_scorer(times=array([1, 2]))",
        ),
        (concordance_index_scorer(), "concordance_index_scorer()"),
    ):
        for copy in (clone(scorer), pickle.loads(pickle.dumps(scorer))):
            assert repr(copy) == repr(scorer) == scorer.__name__ == text


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (ndcg_scorer, {"gain": "sqr"}),
        (ndcg_scorer, {"k": 0}),
        (pairwise_accuracy_scorer, {"per": "row"}),
        (average_precision_by_group_scorer, {"empty": 2}),
        (reciprocal_rank_scorer, {"k": 1.5}),
    ],
)
def test_parameters_are_refused_where_they_are_given(make, wrong):
    name = next(iter(wrong))
    with pytest.raises(ValueError, match=f"'{name}' parameter of {make.__name__} must"):
        make(**wrong)
    scorer, y = make().set_params(**wrong), ranking_target([0, 1, 0], [0, 0, 0])
    with pytest.raises(ValueError, match=f"'{name}' parameter of "):
        scorer(LinearRanker().fit(np.eye(3), y), np.eye(3), y)


def test_a_classifier_orders_rows():
    rng = np.random.default_rng(0)
    X, q = rng.normal(size=(60, 2)), rng.integers(6, size=60)
    y = (X[:, 0] > 0) * 1.0
    model = LogisticRegression().fit(X, y)
    expected = ndcg_score(y, X @ model.coef_[0], groups=q)
    assert ndcg_scorer()(model, X, y, groups=q) == expected
    settings = dict(groups=q, sample_weight=1.0 + q)
    for score, scorer in (
        (average_precision_by_group_score, average_precision_by_group_scorer()),
        (reciprocal_rank_score, reciprocal_rank_scorer()),
    ):
        expected = score(y, X @ model.coef_[0], **settings)
        assert scorer(model, X, y, **settings) == expected


def test_losses_of_groups():
    rng = np.random.default_rng(0)
    X, q = rng.normal(size=(60, 2)), rng.integers(6, size=60)
    y = rng.integers(3, size=60).astype(float)
    loss, scorer = PairwiseLogistic(), loss_scorer(PairwiseLogistic())
    model = LinearRanker().fit(X, y, groups=q)
    expected = -loss.mean(y, model.predict(X), q)
    assert scorer(model, X, y, groups=q) == expected
    assert scorer(model, X, ranking_target(y, q)) == expected
    with sklearn.config_context(enable_metadata_routing=True):
        routed = cross_val_score(
            LinearRanker(), X, y, scoring=scorer, cv=GroupKFold(3), params={"groups": q}
        )
    structured = cross_val_score(
        LinearRanker(),
        X,
        ranking_target(y, q),
        scoring=scorer,
        cv=GroupKFold(3),
        groups=q,
    )
    np.testing.assert_array_equal(routed, structured)
    for call in (
        lambda: d2_loss_score(y, y, loss),
        lambda: loss_scorer(loss, d2=True)(model, X, y),
    ):
        with pytest.raises(ValueError, match="because it is a loss of groups, whose"):
            call()
    time = rng.exponential(size=60)
    survival = LinearSurvival().fit(X, time, strata=q)
    found = loss_scorer("cox")(survival, X, time, strata=q)
    assert found == pytest.approx(-CoxPH().mean(time, survival.predict(X), q))
