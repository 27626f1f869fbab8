"""LossSearchCV: which loss, with which of its parameters, and how much penalty.

>>> from sklearn.datasets import load_diabetes
>>> from sklearn_losses import AbsoluteError, Huber, LinearRegressor, LossSearchCV
>>> from sklearn_losses import SquaredError
>>> X, y = load_diabetes(return_X_y=True)
>>> losses = [SquaredError(), Huber(scale="mad")]
>>> search = LossSearchCV(LinearRegressor(), losses, scoring=AbsoluteError())
>>> search = search.fit(X, y)
>>> len(search.cv_results_["params"]), search.n_splits_
(32, 5)
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn import get_config
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GroupKFold, check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags, indexable
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from sklearn_losses._machine._params import (
    BOOLEAN,
    Interval,
    InvalidParameterError,
    Options,
    check_parameters,
)
from sklearn_losses._machine._typing import (
    Array,
    ArrayLike,
    BaseEstimator,
    Labels,
    Matrix,
    MetaEstimatorMixin,
    Seed,
    available_if,
)
from sklearn_losses.estimators._linear_model import LinearModel
from sklearn_losses.estimators._parameters import draw_seed
from sklearn_losses.estimators._validation import warn_caller
from sklearn_losses.estimators.blocks._blocks import blocks_of
from sklearn_losses.estimators.tasks._multitask import LinearMultiTask
from sklearn_losses.inspection._scorer import loss_scorer
from sklearn_losses.losses import Loss
from sklearn_losses.model_selection._approximate import Steps, search
from sklearn_losses.model_selection._block_folds import looked_at
from sklearn_losses.model_selection._block_newton import BlockSteps
from sklearn_losses.model_selection._candidates import (
    Group,
    checked_alphas,
    checked_losses,
    expanded,
    path,
    usual_losses,
)
from sklearn_losses.model_selection._folds import (
    Data,
    last_step,
    prefix_of,
    rows_of,
    steps_before,
)
from sklearn_losses.model_selection._metrics import ONE, Metric, Routed, metrics_of
from sklearn_losses.model_selection._race import SHARE, race
from sklearn_losses.model_selection._report import Standings
from sklearn_losses.model_selection._results import results_of, rules
from sklearn_losses.problem._blocks import RowBlocks

METADATA = "sample_weight", "offset", "groups"
USUAL = 1.0, 1e-6  # alphas, from which to which
JUDGES = {
    "ranking": "ndcg_scorer() or pairwise_accuracy_scorer()",
    "survival": "concordance_index_scorer() or integrated_brier_scorer()",
    "ordinal": "ordinal_mae_scorer() or ranked_probability_scorer()",
    "binary": "LogLoss() or 'accuracy'",
    "regression": (
        "AbsoluteError(), if a typical error counts, SquaredError(), if the mean has "
        "to be right, or crps_scorer(), for distributions"
    ),
}


def _has(name):
    """Whether the model, or the one to fit, has a method; it may say why not."""

    def check(search):
        if not search.refit:
            raise AttributeError(
                f"{name} of LossSearchCV needs a model that was fitted with the best "
                "parameters. Use refit=True."
            )
        getattr(getattr(search, "best_estimator_", search.estimator), name)
        return True

    return check


class LossSearchCV(MetaEstimatorMixin, BaseEstimator):
    """Cross-validated search over losses, their parameters and alphas.

    Each loss has a path of alphas of its own, relative to how steep it is: one alpha
    for all losses ranks those last whose slopes are bounded, where y is large.

    Parameters
    ----------
    estimator : estimator
        `LinearRegressor`, `LinearClassifier`, `SGDRegressor` or `SGDClassifier`, one of
        rankings, survival or ordered classes, such as `LinearRanker`, or a Pipeline
        that ends in one. It stays as it is.

    losses : list of Loss or str, default=None
        What is compared. None: a good set for the target, which `losses_` holds and
        `why_` explains.

    alphas : 'auto', int or array-like, default='auto'
        The strengths of the penalty. An int: as many of each loss, falling from one
        that leaves next to nothing of the coefficients ('auto': 16). An array: these,
        for all losses.

    l1_ratios : array-like, default=None
        Shares of the l1 norm, each of which is combined with all losses;
        ``penalty="elasticnet"`` is then set.

    params : dict of str to list, default=None
        Parameters of losses that are searched over, as in
        ``{"Huber__delta": [1, 2, 4]}``. A list of losses says the same:
        ``[Huber(1), Huber(2), Huber(4)]``.

    cv : int, splitter or iterable, default=None
        The folds, as in scikit-learn; None means 5. The queries of a `ranking_target`
        stay whole.

    scoring : Loss, str, callable, or a list or dict of these, default=None
        What candidates are compared by: a loss (the lower its mean the better), a
        scorer or its name. With several the first one decides, unless `refit` names
        another. It is required with more than one loss, for no loss can be the judge
        of the others; with one loss, None means that one.

    method : {'auto', 'newton', 'exact', 'loo'}, default='auto'
        How the scores of the folds are found.

        - 'exact': by fits, each of which starts from the one with the next larger
          alpha.
        - 'newton': by a Newton step from the fit of all rows [1]_, of convex losses,
          also with an l1 norm, bounds, balanced classes, scales that are "mad", and
          scalers in a Pipeline. The winner and its neighbours make further steps, until
          their duality gap is small; where there is none, as with an l1 norm or with
          kinks, which are smoothed, the winner is fitted. Other losses are fitted, with
          a warning.
        - 'loo': by the predictions of each row by the fit of all others [2]_, exact for
          the squared error; the folds then only say which rows are scored together.
        - 'auto': 'newton' where further steps change nothing that could be seen beside
          the spread of the scores, and otherwise 'exact'. Small data make further steps
          for all candidates.

        `cv_results_["method"]` says which.

    rule : {'best', '1se'}, default='best'
        'best': the best mean score. '1se': with the same loss, the largest alpha whose
        scores are not worse by more than the standard error of that difference.

    race : bool or float, default=False
        Whether all candidates are first compared on a random share of the rows (True:
        one in 20), and only those go on that are not worse by more than three standard
        errors of that difference, nor score as a larger alpha does. The others keep the
        scores that they have got, and rank last; `n_rows` of the results says so. With
        few rows there is no race.

    refit : bool, str or callable, default=True
        Whether to fit `best_estimator_` on all rows. A str is the name of the metric
        that decides, where `scoring` has several. A callable takes `cv_results_` and
        gives the index of the candidate to fit, in place of a rule; what it reads are
        approximate scores with the methods 'newton' and 'loo'.

    n_jobs : int, default=None
        The number of processes that share the fits; None means 1, and -1 all cores.

    random_state : int, RandomState instance or None, default=0
        Chooses the rows of a race.

    Attributes
    ----------
    cv_results_ : dict of str to ndarray
        As of GridSearchCV, and `n_rows`, how many rows a candidate was fitted with at
        the most, `gap`, the largest duality gap of its fits, and `method`.

    best_index_, best_params_, best_score_
        Of the candidate that the rule has chosen.

    best_estimator_ : estimator
        Fitted with all rows, if `refit`.

    rules_ : dict of str to int
        The candidates that the rules choose: "best", "1se", and "1se unpaired", whose
        score is within one standard error of the best score.

    losses_ : list of Loss
        What was compared.

    why_ : str
        Why these.

    scorer_ : callable, or dict of str to callable

    n_splits_ : int

    multimetric_ : bool

    refit_time_ : float

    classes_, n_features_in_, feature_names_in_
        Those of `best_estimator_`.

    See Also
    --------
    compare_losses : The same as one line.
    LossSearchDisplay : Pictures of it.
    sklearn.model_selection.GridSearchCV : The same for any parameters.

    References
    ----------
    .. [1] Wilson, Kasy and Mackey 2020, "Approximate cross-validation: guarantees for
       model assessment and selection", AISTATS.
    .. [2] Rad and Maleki 2020, "A scalable estimate of the out-of-sample prediction
       error via approximate leave-one-out cross-validation", JRSS B 82.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_losses import LinearClassifier, LogLoss, LossSearchCV, SquaredHinge
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), LinearClassifier())
    >>> losses = [LogLoss(), SquaredHinge()]
    >>> search = LossSearchCV(model, losses, scoring="roc_auc", alphas=5).fit(X, y)
    >>> bool(search.best_score_ > 0.99)
    True
    """

    cv_results_: dict[str, Any]
    best_index_: int
    best_params_: dict[str, Any]
    best_score_: float
    best_estimator_: Any
    rules_: dict[str, int]
    losses_: list[Loss]
    why_: str
    scorer_: Any
    n_splits_: int
    multimetric_: bool
    refit_time_: float

    _constraints = {
        "method": [Options("auto", "newton", "exact", "loo")],
        "rule": [Options("best", "1se")],
    }

    def __init__(
        self,
        estimator: Any,
        losses: Sequence[Loss | str] | None = None,
        *,
        alphas: ArrayLike = "auto",
        l1_ratios: ArrayLike | None = None,
        params: Mapping[str, Sequence[Any]] | None = None,
        cv: Any = None,
        scoring: Any = None,
        method: str = "auto",
        rule: str = "best",
        race: bool | float = False,
        refit: bool | str | Callable[[dict[str, Any]], int] = True,
        n_jobs: int | None = None,
        random_state: Seed = 0,
    ) -> None:
        self.estimator = estimator
        self.losses = losses
        self.alphas = alphas
        self.l1_ratios = l1_ratios
        self.params = params
        self.cv = cv
        self.scoring = scoring
        self.method = method
        self.rule = rule
        self.race = race
        self.refit = refit
        self.n_jobs = n_jobs
        self.random_state = random_state

    # --------------------------------------------------------------------------- fit
    def fit(
        self, X: Matrix | RowBlocks, y: ArrayLike | None = None, **params: Any
    ) -> Self:
        """Compare the losses, and fit the best.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or blocks
            Of a linear model also rows that lie elsewhere, as its `fit` takes them:
            dask collections, with the others as such, or `RowBlocks`. `cv` is then a
            number of folds, which are cut within each block.
        y : array-like of shape (n_samples,)
            Only `RowBlocks` have their own.
        **params : dict of str to array-like
            `sample_weight` and `offset`, for fits and scores, and `groups`, for the
            splitter. With metadata routing, what these have asked for.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If a parameter cannot be used, or all candidates have failed; it says why.
        """
        final, metrics = self._check_kind(), self._given_metrics()
        blocks = blocks_of("LossSearchCV", X, y, *map(params.get, METADATA[:2]))
        if blocks is None:
            X, y, labels = self._at_hand(X, y, final)
        else:
            data, splits = self._in_blocks(blocks, params, metrics)
            X, y, labels = blocks, None, data.sample.y
        losses, why = self._losses(labels, final, metrics)
        metrics = metrics or [Metric(ONE, loss_scorer(losses[0]))]
        decisive = self._decisive(metrics)
        if blocks is None:
            data, to_split = self._data(X, labels, params, metrics)
            splits = self._splits(data, to_split)
        groups = self._groups(losses, final, data.sample)
        names = [metric.name for metric in metrics]
        rows = self.estimator, data, splits
        rest = metrics, names.index(decisive), self.method, self.n_jobs
        share = self._share()
        if share:
            seed = draw_seed(self.random_state)
            outcomes, doubts = race(*rows, groups, *rest, share, seed)
        else:
            kind = Steps if blocks is None else BlockSteps
            outcomes, doubts = search(*rows, groups, *rest, kind)
        outcomes = [row for group in outcomes for row in group]
        if self.method == "newton" and doubts:
            self._warn_of_doubts(doubts)
        prefix = prefix_of(self.estimator)
        settings = [
            {prefix + k: v for k, v in one.items()}
            for g in groups
            for one in g.settings()
        ]
        self._report_failures(outcomes, settings)
        self.cv_results_ = results_of(outcomes, settings, metrics)
        self._report_undefined(outcomes, names.index(decisive), decisive)
        self.losses_, self.why_, self.n_splits_ = losses, why, len(splits)
        self.multimetric_ = metrics[0].name != ONE or len(metrics) > 1
        self.scorer_ = {m.name: m.scorer for m in metrics}
        self._metrics, self._groups_of_fit = metrics, groups
        self._decisive_name = decisive
        if not self.multimetric_:
            self.scorer_ = metrics[0].scorer
        self._choose(decisive, groups)
        if self.refit:
            self._refit(X, y, data)
        return self

    def _at_hand(self, X, y, final):
        """X and y as they came, and y as a checked array."""
        if y is None:
            raise ValueError(
                "This LossSearchCV estimator requires y to be passed, but the target "
                "y is None."
            )
        X, y = indexable(X, y)
        labels = column_or_1d(y, warn=True)
        if is_classifier(final):
            check_classification_targets(labels)
        return X, y, labels

    def _in_blocks(self, blocks, params, metrics):
        """Rows that lie elsewhere, and their folds."""
        left = [name for name, v in params.items() if v is not None]
        left = sorted(set(left) - set(METADATA[:2]))
        if left:
            raise TypeError(
                f"LossSearchCV.fit() got {left[0]!r} with rows in blocks. It takes "
                "sample_weight and offset there."
            )
        for metric in metrics:
            metric.check_is_mean()
        return looked_at(self, blocks)

    def _check_kind(self):
        check_parameters(
            self, {k: v for k, v in self._constraints.items() if k != "refit"}
        )
        final = last_step(self.estimator)
        if isinstance(final, LinearMultiTask):
            raise InvalidParameterError(
                "The 'estimator' parameter of LossSearchCV cannot be a "
                "LinearMultiTask, which has several losses. Search each task by "
                "itself, or use GridSearchCV."
            )
        if isinstance(final, LinearModel):
            return final
        what = "is"
        if isinstance(self.estimator, Pipeline):
            what = "is a Pipeline whose last step is"
        raise InvalidParameterError(
            "The 'estimator' parameter of LossSearchCV must be a linear model of "
            "sklearn_losses, such as LinearRegressor(), or a Pipeline that ends in "
            f"one: others have no loss that could be an object. It {what} {final!r}."
        )

    def _given_metrics(self):
        return [] if self.scoring is None else metrics_of(self.scoring)

    def _losses(self, y, final, metrics):
        """The candidates' losses, and why it is these."""
        if self.losses is None:
            if not metrics:
                raise self._no_scoring("the losses that suit the target")
            losses, why = usual_losses(y, is_classifier(final), metrics)
        else:
            losses, why = checked_losses(self.losses, final), "They were given."
        losses = expanded(losses, self.params)
        if not metrics and len(losses) > 1:
            raise self._no_scoring(f"{len(losses)} losses")
        if not metrics and losses[0].needs_scale:
            raise InvalidParameterError(
                f"LossSearchCV needs 'scoring' for {losses[0]}: each fit measures its "
                "scale, so its values are no measure of them all. Use what the "
                "predictions are for, such as AbsoluteError()."
            )
        return losses, why

    def _no_scoring(self, what):
        tasks = getattr(last_step(self.estimator), "_tasks", ())
        kinds = (example for task, example in JUDGES.items() if task in tasks)
        example = next(kinds, JUDGES["regression"])
        return InvalidParameterError(
            f"LossSearchCV needs 'scoring' to compare {what}: no loss can be the judge "
            f"of the others. Use what the predictions are for, such as {example}."
        )

    def _decisive(self, metrics):
        """The name of the metric that decides."""
        names = [metric.name for metric in metrics]
        if isinstance(self.refit, str):
            if self.refit in names:
                return self.refit
            raise InvalidParameterError(
                f"The 'refit' parameter of LossSearchCV must be a bool or one of the "
                f"metrics, {', '.join(map(repr, names))}. Got {self.refit!r} instead."
            )
        if callable(self.refit):
            if self.rule != "best":
                raise InvalidParameterError(
                    "The 'rule' parameter of LossSearchCV cannot be "
                    f"{self.rule!r} with a callable 'refit', which chooses in its "
                    "place. Use one of the two."
                )
            return names[0]
        check_parameters(self, {"refit": [BOOLEAN]})
        return names[0]

    def _data(self, X, y, params, metrics):
        """The rows, and what the splitter is given."""
        params = {k: v for k, v in params.items() if v is not None}
        if get_config()["enable_metadata_routing"]:
            routed = process_routing(self, "fit", **params)
            fit, holder = dict(routed.estimator.fit), Routed(metrics)
            each = process_routing(holder, "score", **routed.scorer.score)
            scores = [dict(each[m.name].score) for m in metrics]
            data = Data(X, y, fit=fit, score=scores)
            data.weight, data.offset = fit.get("sample_weight"), fit.get("offset")
            return data, dict(routed.splitter.split)
        unknown = params.keys() - set(METADATA)
        if unknown:
            raise TypeError(
                f"LossSearchCV.fit() got an unexpected argument {min(unknown)!r}. It "
                f"takes {', '.join(METADATA)}; others need metadata routing."
            )
        indexable(X, *(v for v in params.values() if np.ndim(v) > 0))
        data = Data(X, y, params.get("sample_weight"), params.get("offset"))
        return data, {"groups": params.get("groups")}

    def _splits(self, data, params):
        """The folds, each of which has rows of all classes to learn from."""
        classifies = is_classifier(self.estimator)
        splitter, params = self._splitter(data.y, classifies, params)
        splits = list(splitter.split(data.X, data.y, **params))
        if not splits:
            raise ValueError("The 'cv' parameter of LossSearchCV gives no folds.")
        for k, (train, test) in enumerate(splits):
            if len(train) == 0 or len(test) == 0:
                part = "train" if len(train) == 0 else "test"
                raise ValueError(f"Fold {k} of 'cv' has no row to {part} with.")
            if data.score is None:
                _check_weights(k, data.weight, test)
            if classifies:
                _check_classes(k, data.y, data.weight, np.arange(len(data.y))[train])
        return splits

    def _splitter(self, y, classifies, params):
        """The splitter and its arguments: queries that y names stay whole."""
        has_queries = set(y.dtype.names or ()) == {"relevance", "group"}
        is_number = self.cv is None or isinstance(self.cv, Integral)
        if not (has_queries and is_number):
            return check_cv(self.cv, y, classifier=classifies), params
        groups = params.get("groups")
        groups = y["group"] if groups is None else groups
        return GroupKFold(5 if self.cv is None else self.cv), {"groups": groups}

    def _groups(self, losses, final, data):
        alphas = checked_alphas(self.alphas)
        kinds = self._penalties(final)
        if not isinstance(self.alphas, (str, int)) and final.penalty is None:
            raise InvalidParameterError(
                "The 'alphas' parameter of LossSearchCV has no meaning for "
                f"{type(final).__name__}(penalty=None). Use alphas='auto', or a "
                "penalty."
            )
        X, before = data.X, steps_before(self.estimator)
        if before is not None and isinstance(alphas, int) and final.penalty is not None:
            X = before.fit_transform(X, data.y)
        seen = X, data.y, data.weight, data.offset
        return [
            Group(loss, settings, _path_or_usual(settings, final, alphas, seen))
            for loss in losses
            for settings in ({"loss": loss, **kind} for kind in kinds)
        ]

    def _penalties(self, final):
        """The parameters of penalties that are compared."""
        if self.l1_ratios is None:
            return [{}]
        ratios = np.ravel(np.asarray(self.l1_ratios, dtype=np.float64)).tolist()
        if not ratios or not all(0 <= ratio <= 1 for ratio in ratios):
            raise InvalidParameterError(
                "The 'l1_ratios' parameter of LossSearchCV must be numbers in [0, 1]. "
                f"Got {self.l1_ratios!r} instead."
            )
        if final.penalty not in ("l2", "l1", "elasticnet"):
            raise InvalidParameterError(
                "The 'l1_ratios' parameter of LossSearchCV needs "
                f"penalty='elasticnet'. Got {final.penalty!r}."
            )
        is_set = final.penalty == "elasticnet"
        more = {} if is_set else {"penalty": "elasticnet"}
        return [{**more, "l1_ratio": ratio} for ratio in ratios]

    def _report_failures(self, outcomes, settings):
        """Raise if all candidates have failed, and say so if some have."""
        reasons, n_failed = {}, 0
        for candidate, row in zip(settings, outcomes):
            found = [o.reason for o in row if o.reason]
            n_failed += bool(found)
            loss = next(v for k, v in candidate.items() if k.endswith("loss"))
            for reason in dict.fromkeys(found):
                reasons.setdefault(reason, {}).setdefault(str(loss), None)
        if not reasons:
            return
        lines = [
            f"- {_some(list(losses))}: {reason}" for reason, losses in reasons.items()
        ]
        text = "\n".join(lines[:10] + ["- ..."] * (len(lines) > 10))
        if n_failed == len(settings):
            if len(reasons) == 1:
                raise next(o.error for row in outcomes for o in row if o.error)
            raise ValueError(
                f"All {n_failed} candidates of LossSearchCV have failed:\n{text}"
            )
        warnings.warn(
            f"{n_failed} of {len(settings)} candidates of LossSearchCV have failed in "
            f"a fold, and have no score:\n{text}",
            UserWarning,
            stacklevel=3,
        )

    def _report_undefined(self, outcomes, i, name):
        """Raise if the metric that decides is nowhere defined, or say where it is not.

        As a correlation in a fold of one row.
        """
        scores = np.array([[o.scores[i] for o in row] for row in outcomes])
        is_lost = np.array([[o.error is None for o in row] for row in outcomes])
        is_lost &= ~np.isfinite(scores)
        if not is_lost.any():
            return
        fold = int(is_lost.sum(axis=0).argmax())
        what = "the score" if name == ONE else repr(name)
        text = f"{what} is not finite in fold {fold} of 'cv'"
        advice = "Use fewer folds, folds with rows of all kinds, or another metric."
        n_lost = int(is_lost.any(axis=1).sum())
        if self.refit and not np.isfinite(scores).all(axis=1).any():
            raise ValueError(
                f"LossSearchCV cannot choose, because {text}, for {n_lost} of "
                f"{len(outcomes)} candidates, and no candidate has a score in each "
                f"fold. {advice}"
            )
        warnings.warn(
            f"{n_lost} of {len(outcomes)} candidates of LossSearchCV cannot be "
            f"chosen, because {text}. {advice}",
            UserWarning,
            stacklevel=3,
        )

    def _share(self):
        """How many of the rows a race begins with, 0 if there is none."""
        check_parameters(self, {"race": [BOOLEAN, Interval(0, 1, "neither")]})
        return SHARE if self.race is True else float(self.race)

    def _warn_of_doubts(self, doubts):
        loss, why = next(iter(doubts.items()))
        others = f" and {len(doubts) - 1} others" if len(doubts) > 1 else ""
        warnings.warn(
            f"method='newton' of LossSearchCV is not for {loss}{others}, because "
            f"{why}: fits were made. method='auto' chooses without a word.",
            UserWarning,
            stacklevel=3,
        )

    def _choose(self, name, groups):
        self.rules_ = rules(self.cv_results_, name, groups)
        self.best_index_ = self.rules_[self.rule]
        if callable(self.refit):
            self.best_index_ = self._index_of(self.refit(self.cv_results_))
        self.best_score_ = self.cv_results_[f"mean_test_{name}"][self.best_index_]
        self.best_params_ = self.cv_results_["params"][self.best_index_]

    def _index_of(self, found):
        """What a callable `refit` has given, if it is a candidate."""
        n = len(self.cv_results_["params"])
        if isinstance(found, Integral) and 0 <= found < n:
            return int(found)
        raise ValueError(
            "The 'refit' parameter of LossSearchCV must give the index of a candidate, "
            f"an int from 0 to {n - 1}, when it is a callable. Got {found!r} instead."
        )

    def _refit(self, X, y, data):
        start = time.perf_counter()
        model = clone(self.estimator)
        model.set_params(**clone(self.best_params_, safe=False))
        extra = data.fit
        if extra is None:
            prefix = prefix_of(self.estimator)
            extra = {"sample_weight": data.weight, "offset": data.offset}
            extra = {prefix + k: v for k, v in extra.items() if v is not None}
        self.best_estimator_ = model.fit(X, y, **extra)
        self.refit_time_ = time.perf_counter() - start
        if hasattr(model, "feature_names_in_"):
            self.feature_names_in_ = model.feature_names_in_

    # ------------------------------------------------------------------ what it says
    def table(self) -> Any:
        """The best of each family of losses, the best family first.

        Returns
        -------
        pandas.DataFrame
            With the loss, alpha, what the loss estimates, the mean of each metric
            (errors are positive, and less is better) with its standard error over
            folds, and whether it is tied with the best: not behind by more than two
            standard errors of the difference in the same folds.
        """
        check_is_fitted(self, "cv_results_")
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                "LossSearchCV.table needs pandas. Install it: pip install pandas"
            ) from error
        return pd.DataFrame(Standings(self).rows()).set_index("family")

    def verdict(self) -> str:
        """What the search has found, in words.

        Returns
        -------
        str
        """
        check_is_fitted(self, "cv_results_")
        return Standings(self).verdict()

    def _html_repr(self):
        """For notebooks: verdict and table above the usual diagram."""
        diagram = super()._html_repr()
        if not hasattr(self, "cv_results_"):
            return diagram
        return Standings(self).html() + diagram

    # ------------------------------------------------------------------- predictions
    def _predict(self, name, X, params):
        check_is_fitted(self, "best_estimator_")
        params = {k: v for k, v in params.items() if v is not None}
        model = self.best_estimator_
        if params and isinstance(model, Pipeline):
            X, model = model[:-1].transform(X) if len(model) > 1 else X, model[-1]
        return getattr(model, name)(X, **params)

    @available_if(_has("predict"))
    def predict(self, X: Matrix, offset: ArrayLike | None = None) -> Labels:
        """`predict` of the best model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of the shape of raw predictions, or float, default=None
            What is added to them, as in `fit`.
        """
        return self._predict("predict", X, {"offset": offset})

    @available_if(_has("predict_proba"))
    def predict_proba(self, X: Matrix, offset: ArrayLike | None = None) -> Array:
        """`predict_proba` of the best model; see `predict`."""
        return self._predict("predict_proba", X, {"offset": offset})

    @available_if(_has("predict_log_proba"))
    def predict_log_proba(self, X: Matrix, offset: ArrayLike | None = None) -> Array:
        """`predict_log_proba` of the best model; see `predict`."""
        return self._predict("predict_log_proba", X, {"offset": offset})

    @available_if(_has("decision_function"))
    def decision_function(self, X: Matrix, offset: ArrayLike | None = None) -> Array:
        """`decision_function` of the best model; see `predict`."""
        return self._predict("decision_function", X, {"offset": offset})

    @available_if(_has("predict"))
    def score(
        self, X: Matrix | RowBlocks, y: ArrayLike | None = None, **params: Any
    ) -> float:
        """The score of the best model by the metric that has decided.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        **params : dict of str to array-like
            `sample_weight` and `offset`; with metadata routing, what the scorer has
            asked for.

        Returns
        -------
        float
        """
        check_is_fitted(self, "best_estimator_")
        metric = self._metric(self._decisive_name)
        if get_config()["enable_metadata_routing"]:
            routed = process_routing(self, "score", **params).scorer.score
            each = process_routing(Routed([metric]), "score", **routed)
            params = {"routed": dict(each[metric.name].score)}
        else:
            params = {
                "weight": params.pop("sample_weight", None),
                "offset": params.pop("offset", None),
                **params,
            }
        return metric(self.best_estimator_, X, y, **params)

    def _metric(self, name):
        return next(metric for metric in self._metrics if metric.name == name)

    @property
    def classes_(self) -> Labels:
        """The labels."""
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_.classes_

    @property
    def n_features_in_(self) -> int:
        """The number of features."""
        if not hasattr(self, "best_estimator_"):
            raise AttributeError(
                "LossSearchCV has no n_features_in_ before it is fitted with refit."
            )
        return self.best_estimator_.n_features_in_

    # ------------------------------------------------------------------ scikit-learn
    def get_metadata_routing(self) -> MetadataRouter:
        """What is passed to whom; see scikit-learn's user guide.

        Returns
        -------
        MetadataRouter
        """
        fit = MethodMapping().add(caller="fit", callee="fit")
        scored = MethodMapping().add(caller="score", callee="score")
        scored = scored.add(caller="fit", callee="score")
        split = MethodMapping().add(caller="fit", callee="split")
        splitter = check_cv(self.cv) if self.cv is None else self.cv
        metrics = self._given_metrics()
        if not metrics and self.losses is not None:
            losses = checked_losses(self.losses, last_step(self.estimator))
            metrics = [Metric(ONE, loss_scorer(losses[0]))]
        return (
            MetadataRouter(owner=self)
            .add(estimator=self.estimator, method_mapping=fit)
            .add(scorer=Routed(metrics), method_mapping=scored)
            .add(splitter=splitter, method_mapping=split)
        )

    def __sklearn_tags__(self):
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.estimator_type = inner.estimator_type
        tags.classifier_tags = deepcopy(inner.classifier_tags)
        if tags.classifier_tags is not None:
            tags.classifier_tags.multi_label = False  # a candidate has one target
        tags.regressor_tags = deepcopy(inner.regressor_tags)
        tags.target_tags = deepcopy(inner.target_tags)
        tags.input_tags.sparse = inner.input_tags.sparse
        return tags


def _path_or_usual(settings, final, alphas, seen):
    """A path, or a usual one where none is known, as for data that a loss refuses."""
    try:
        return path(settings, final, alphas, seen)
    except ValueError as error:
        found = np.geomspace(*USUAL, alphas).tolist() if alphas > 1 else [USUAL[0]]
        warn_caller(
            f"LossSearchCV knows no path of alphas for {settings['loss']}, and takes "
            f"{found[0]:g} to {found[-1]:g}. Pass alphas, or leave it out. {error}"
        )
        return found


def _check_weights(k, weight, test):
    """Refuse a fold whose test rows count for nothing."""
    if weight is None or np.ndim(weight) == 0 or np.any(rows_of(weight, test)):
        return
    raise ValueError(
        f"Fold {k} of 'cv' has no row with a sample_weight above 0 to test with. Use "
        "fewer folds, shuffled ones, or leave rows of weight 0 out."
    )


def _check_classes(k, y, weight, train):
    """Refuse a fold that cannot learn a class."""
    what = "row"
    if weight is not None and np.shape(weight) == y.shape:
        train, what = train[np.asarray(weight)[train] > 0], "row with a sample_weight"
    missing = np.setdiff1d(y, y[train])
    if len(missing):
        raise ValueError(
            f"Fold {k} of 'cv' has no {what} of the class {missing.tolist()[0]!r} to "
            "train with. Use fewer folds, StratifiedKFold(shuffle=True), or leave that "
            "class out."
        )


def _some(names):
    """The first few of them."""
    rest = f" and {len(names) - 3} others" if len(names) > 3 else ""
    return ", ".join(names[:3]) + rest
