"""What a search scores by: losses, scorers and their names, the larger the better.

>>> from sklearn_losses.losses import Quantile
>>> from sklearn_losses.model_selection._metrics import metrics_of
>>> [metric.name for metric in metrics_of(["r2", Quantile(0.9)])]
['r2', 'Quantile(quantile=0.9)']
"""

from collections.abc import Mapping

from sklearn.metrics import get_scorer
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from sklearn_losses._machine._params import InvalidParameterError
from sklearn_losses.estimators._watching import _takes
from sklearn_losses.estimators.blocks._blocks import blocks_of
from sklearn_losses.estimators.blocks._lazy import Score, mean_of_blocks
from sklearn_losses.inspection._raw_prediction import _WithOffset
from sklearn_losses.inspection._scorer import LossScorer, loss_scorer
from sklearn_losses.losses import Loss, get_loss
from sklearn_losses.model_selection._folds import last_step

MEANS = {
    "accuracy_score",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_gamma_deviance",
    "mean_poisson_deviance",
    "mean_squared_error",
    "mean_squared_log_error",
}
ONE = "score"  # what scikit-learn calls the only metric


class Metric:
    """A scorer and its name.

    Parameters
    ----------
    name : str
    scorer : callable
        (estimator, X, y) -> float, the larger the better.

    Attributes
    ----------
    is_error : bool
        Whether its scores are the negative of an error, which people read.
    loss : Loss or None
        Of which the score is minus the mean.
    """

    def __init__(self, name, scorer):
        self.name, self.scorer = name, scorer
        is_loss = isinstance(scorer, LossScorer)
        self.loss = scorer.loss if is_loss else None
        self.is_error = (is_loss and not scorer.d2) or getattr(scorer, "_sign", 1) < 0

    @property
    def title(self):
        """What people call it."""
        if self.name != ONE:
            return self.name
        if isinstance(self.scorer, LossScorer):
            return f"d2 of {self.loss}" if self.scorer.d2 else str(self.loss)
        function = getattr(self.scorer, "_score_func", self.scorer)
        return getattr(function, "__name__", repr(function))

    @property
    def sees_predictions_alone(self):
        """Whether it asks a model for predictions, and looks at nothing else."""
        is_made = hasattr(self.scorer, "_score_func")
        return is_made or isinstance(self.scorer, LossScorer)

    @property
    def needs_probabilities(self):
        if self.loss is not None:
            return self.loss.probabilistic
        method = getattr(self.scorer, "_response_method", None)
        return method == "predict_proba"

    def __call__(self, model, X, y, weight=None, offset=None, routed=None):
        """The score of a fitted model.

        Parameters
        ----------
        weight, offset : of these rows, or None
        routed : dict of str to array, or None
            With metadata routing: what this scorer has asked for.
        """
        blocks = blocks_of("LossSearchCV", X, y, weight, offset)
        if blocks is not None:
            return self._of_blocks(model, blocks)
        self._check_probabilities(model)
        if routed is not None:
            return _number(self, self.scorer(model, X, y, **routed))
        extra = {}
        if weight is not None and _takes(self.scorer, "sample_weight"):
            extra["sample_weight"] = weight
        if offset is not None and isinstance(self.scorer, LossScorer):
            extra["offset"] = offset
        elif offset is not None:
            model = _WithOffset(model, offset)
        return _number(self, self.scorer(model, X, y, **extra))

    def _check_probabilities(self, model):
        """Say of which loss a model is that has none; a loss says so by itself."""
        is_own = self.loss is None and self.needs_probabilities
        if is_own and not hasattr(model, "predict_proba"):
            raise ValueError(
                f"The scoring {self.title!r} needs probabilities, and "
                f"{last_step(model).loss!r} gives none. Compare losses such as "
                "LogLoss(), or score by one that takes decisions, as 'roc_auc'."
            )

    def _of_blocks(self, model, blocks):
        self.check_is_mean()
        return mean_of_blocks(blocks, Score(self, "__call__", model))

    def check_is_mean(self):
        """Refuse a scorer of which blocks do not say that of all rows.

        Raises
        ------
        InvalidParameterError
            If it is no mean over rows.
        """
        name = getattr(getattr(self.scorer, "_score_func", None), "__name__", None)
        is_loss = self.loss is not None and not self.scorer.d2
        if not is_loss and name not in MEANS:
            raise InvalidParameterError(
                f"The 'scoring' parameter of LossSearchCV cannot be {self.title!r} "
                "with rows in blocks, because it is no mean over rows. Use a loss, "
                "'accuracy', or 'neg_mean_squared_error'."
            )


def _number(metric, score):
    try:
        return float(score)
    except (TypeError, ValueError):
        advice = ""
        if isinstance(score, Mapping):
            keys = ", ".join(f"{name!r}: ..." for name in score)
            advice = f" For several metrics write a dict of callables: {{{keys}}}."
        raise ValueError(
            f"The scoring {metric.title!r} must give a single number. Got {score!r}."
            f"{advice}"
        ) from None


def metrics_of(scoring):
    """The metrics that the parameter `scoring` stands for.

    Parameters
    ----------
    scoring : Loss, str, callable, or a list, tuple or dict of these

    Returns
    -------
    list of Metric

    Raises
    ------
    InvalidParameterError
        If one of them is neither a loss, a scorer nor the name of one.
    """
    if isinstance(scoring, Mapping):
        named = dict(scoring)
    elif isinstance(scoring, (list, tuple, set)):
        named = {_name_of(one): one for one in scoring}
    else:
        return [Metric(ONE, scorer_of(scoring))]
    if not named:
        raise InvalidParameterError(
            "The 'scoring' parameter of LossSearchCV must name a metric. Got none: "
            "use a loss, such as AbsoluteError(), or a scorer such as 'r2'."
        )
    return [Metric(str(name), scorer_of(one)) for name, one in named.items()]


def _name_of(scoring):
    if isinstance(scoring, (str, Loss)):
        return str(scoring)
    return getattr(scoring, "__name__", None) or repr(scoring)


def scorer_of(scoring):
    """The scorer that a loss, a name or a scorer stands for."""
    if isinstance(scoring, Loss):
        return loss_scorer(scoring)
    if isinstance(scoring, str):
        return _of_name(scoring)
    if isinstance(scoring, type) or not callable(scoring):
        hint = ""
        if isinstance(scoring, type) and issubclass(scoring, Loss):
            hint = f": write {scoring.__name__}()"
        raise InvalidParameterError(
            "The 'scoring' parameter of LossSearchCV must be a loss such as "
            "AbsoluteError(), the name of a scorer, a scorer, or a list or dict of "
            f"these. Got {scoring!r}{hint}."
        )
    return scoring


def _of_name(name):
    try:
        return get_scorer(name)
    except ValueError:
        pass
    try:
        return loss_scorer(get_loss(name))
    except ValueError as error:
        raise InvalidParameterError(
            f"The 'scoring' parameter of LossSearchCV cannot be {name!r}: neither "
            "scikit-learn has a scorer of that name (see "
            f"sklearn.metrics.get_scorer_names()) nor is it a loss. {error}"
        ) from error


class Routed:
    """All metrics together, as metadata routing sees them."""

    def __init__(self, metrics):
        self.metrics = metrics

    def get_metadata_routing(self):
        router = MetadataRouter(owner="scoring")
        mapping = MethodMapping().add(caller="score", callee="score")
        named = {metric.name: metric.scorer for metric in self.metrics}
        return router.add(method_mapping=mapping, **named)
