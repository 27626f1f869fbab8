"""A program with all that is public: type checkers accept it, and it runs."""

import ctypes
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn import config_context
from sklearn.model_selection import GridSearchCV

import sklearn_losses as sl
from sklearn_losses import (
    CFunctionLoss,
    Huber,
    Interval,
    LinearClassifier,
    LinearRegressor,
    Loss,
    LossCurveDisplay,
    LossDisplay,
    NumpyLoss,
    Penalty,
    PointLoss,
    SGDClassifier,
    SGDRegressor,
)

Array = NDArray[np.float64]
matplotlib.use("Agg")

rng = np.random.default_rng(0)
X: Array = rng.normal(size=(60, 3))
y: Array = np.exp(X @ np.array([1.0, -1.0, 0.0]) / 4.0)
labels: list[str] = ["more" if t > 1.0 else "less" for t in y]
classes = np.arange(60) % 3

# --------------------------------------------------------------------------- losses
of_numbers: list[Loss] = [
    sl.SquaredError(),
    sl.AbsoluteError(),
    Huber(delta=2, scale="mad"),
    sl.SmoothL1(beta=0.5),
    sl.PseudoHuber(delta=0.5),
    sl.LogCosh(),
    sl.EpsilonInsensitive(epsilon=0.1),
    sl.SquaredEpsilonInsensitive(0.1),
    sl.Quantile(quantile=0.9),
    sl.SmoothQuantile(0.9, delta=0.1),
    sl.Expectile(0.3),
    sl.Linex(a=-1.0),
    sl.AbsolutePercentageError(floor=1e-3),
    sl.SquaredLogError(),
    sl.Fair(1.0),
    sl.Cauchy(scale="mad"),
    sl.StudentT(df=3.0),
    sl.GemanMcClure(),
    sl.Welsch(),
    sl.TukeyBiweight(scale=4.685),
    sl.Andrews(),
    sl.Hampel(a=1.0, b=2.0, c=4.0),
    sl.Barron(alpha=1.0, scale=0.5),
    sl.Poisson(),
    sl.Gamma(),
    sl.InverseGaussian(),
    sl.Tweedie(power=1.5),
    sl.NegativeBinomial(dispersion=0.5),
    sl.Asymmetric(Huber(), under=2.0),
    sl.Truncated(sl.LogCosh(), limit=2.0),
]
of_two_classes: list[Loss] = [
    sl.LogLoss(),
    sl.Probit(),
    sl.Cloglog(),
    sl.Loglog(),
    sl.Cauchit(),
    sl.Hinge(threshold=1.0),
    sl.Perceptron(),
    sl.SquaredHinge(),
    sl.SmoothHinge(gamma=0.5),
    sl.ModifiedHuber(),
    sl.Exponential(),
    sl.Focal(gamma=1.0),
    sl.PolyLoss(),
    sl.GeneralizedCrossEntropy(q=0.5),
    sl.Savage(),
    sl.Tangent(),
    sl.Sigmoid(),
    sl.LabelSmoothing(sl.LogLoss(), smoothing=0.2),
]
of_classes: list[sl.RowLoss] = [
    sl.CrossEntropy(label_smoothing=0.1),
    sl.MulticlassHinge(),
    sl.MulticlassSquaredHinge(),
    sl.Sparsemax(),
]
of_distributions: list[Loss] = [
    sl.GaussianDistribution(rule="crps"),
    sl.LaplaceDistribution(scale=2.0),
    sl.LogisticDistribution(),
    sl.StudentTDistribution(df=4.0),
    sl.GammaDistribution(),
    sl.Hurdle(sl.NegativeBinomial("mle")),
    sl.ZeroInflated(zero=0.2),
    sl.StudentT(df="mle", scale="mle"),
    sl.Barron(alpha="mle"),
    sl.Tweedie(power="mle"),
    sl.Beta(precision=3.0),
    sl.OrderedBeta(),
    sl.BinomialTrials(),
    sl.BetaBinomial(),
    sl.Quantiles([0.1, 0.9], crossing="parallel"),
    sl.Censored("normal", log=True),
    sl.WeibullAFT(),
    sl.LogNormalAFT(scale=1.0),
    sl.LogLogisticAFT(),
    sl.ExponentialAFT(),
]
of_ordered_classes: list[Loss] = [
    sl.CumulativeLogit(),
    sl.LabelRanking(sl.PairwiseHinge()),
    sl.GIoU(),
    sl.DIoU(),
    sl.CumulativeProbit(),
    sl.CumulativeCloglog(),
    sl.CumulativeLoglog(),
    sl.CumulativeCauchit(),
    sl.AllThreshold(sl.Hinge()),
    sl.ImmediateThreshold(),
]
of_groups: list[sl.GroupLoss] = [
    sl.PairwiseLogistic(per="pair"),
    sl.PairwiseExponential(),
    sl.PairwiseSquaredHinge(),
    sl.PairwiseHinge(pair_weight="gain"),
    sl.ListNet(temperature=2.0),
    sl.ListMLE(),
    sl.PlackettLuce(top_k=3),
    sl.LambdaRank(k=10),
    sl.ApproxNDCG(temperature=0.1),
    sl.BPR(n_draws=2),
    sl.WARP(max_draws=5),
    sl.CoxPH(ties="efron"),
]
of_tuples: list[Loss] = [
    sl.Contrastive(margin=2.0, mining="all"),
    sl.LogisticPair(threshold="mle"),
    sl.TripletMargin(soft=True, mining="semi_hard", n_neighbors=5),
    sl.NCA(log=True),
    sl.InfoNCE(temperature=0.2),
    sl.SupCon(similarity="dot"),
]


class OwnPairs(sl.PairLoss):
    """Of a user."""


of_tuples += [OwnPairs(mining="all")]
kinds_of_tuples = [sl.TripletLoss, sl.AnchorLoss]
total: Loss = 2 * Huber() + 0.1 * sl.AbsoluteError() * 0.5
total = sum(of_numbers[:2], start=total)
total = sl.Sum(sl.Scaled(Huber(), weight=2.0), Huber(), right_weight=0.5)

loss = sl.get_loss("huber", delta=2.0)
names: list[str] = sl.loss_names(task="regression")
value: Array = loss.value(y, X[:, 0], sample_weight=np.ones(60))
value = Huber().gradient([1.0, 2.0], [0.0, 3.0]) + sl.LogCosh().curvature(1.0, 2.0)
value, slope = loss.value_gradient(y, y)
value = of_classes[0].hessian(classes, X)
value = loss.conjugate(y, 0.1 * y) + loss.minimum(y)
value = sl.Poisson().inverse_link(X[:, 0])
mean: float = loss.mean(y, y) + loss(y, y, sample_weight=y) + loss.lipschitz
best = loss.optimal_constant(y)
is_safe: bool = loss.convex and loss.has_conjugate and not loss.needs_scale
relative: Loss | None = sl.TukeyBiweight().convex_relative()
measured: Loss = of_numbers[2].at_scale(2.0)
factor: float = total.split_weight()[1]
has_second: bool = loss.compiled().has_curvature
text: str = f"{loss} of {loss.task}, {loss.link!r} and {loss.domain & Interval(0, 1)}"
delta: float = Huber(delta=3.0).set_params(delta=2.0).delta
links: list[sl.Link] = [
    sl.IdentityLink(),
    sl.LogLink(),
    sl.Log1pLink(),
    sl.LogitLink(scale=2.0),
]
of_rows: list[sl.RowLink] = [sl.SoftmaxLink(), sl.SparsemaxLink()]
zero, one = sl.LogitLink().log_probabilities(y)
both: sl.ProbabilityLink = sl.LogitLink()
try:
    Huber(delta=-1.0).value(y, y)
except sl.InvalidParameterError as error:
    text = str(error)


def power_value(y_true: Array, raw_prediction: Array, power: float) -> Array:
    distance: Array = np.abs(raw_prediction - y_true)
    return distance**power / power


def power_gradient(y_true: Array, raw_prediction: Array, power: float) -> Array:
    r: Array = raw_prediction - y_true
    return np.sign(r) * np.abs(r) ** (power - 1.0)


own: Loss = NumpyLoss(
    power_value, power_gradient, domain=Interval(0, None, "left"), power=1.5
)
signature = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_double)
own = CFunctionLoss(
    signature(lambda y, p: 0.5 * (p - y) ** 2),
    signature(lambda y, p: p - y),
    convex=True,
    smoothness=1.0,
)


@sl.register_loss("quartic")
class Quartic(PointLoss):
    """A loss of one's own, with a name, parameters and traits."""

    symmetric = True
    _constraints = {"scale": [Interval(0, None)]}

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale

    def _value(self, y_true: Array, raw_prediction: Array) -> Array:
        fourth: Array = ((raw_prediction - y_true) / self.scale) ** 4
        return fourth

    def _gradient(self, y_true: Array, raw_prediction: Array) -> Array:
        cubed: Array = ((raw_prediction - y_true) / self.scale) ** 3
        return 4.0 / self.scale * cubed


scale: float = Quartic(scale=2.0).scale + Quartic().lipschitz


# ------------------------------------------------------------------------ penalties
penalties: list[Penalty] = [
    sl.L1(weights=[1.0, 1.0, 0.0]),
    sl.L2(weights=np.ones(3)),
    sl.ElasticNet(l1_ratio=0.5),
    sl.GroupLasso([[0, 1], [2]], weights="sqrt"),
    sl.SparseGroupLasso(np.array([0, 0, 1]), l1_ratio=0.5, weights=None),
    sl.MultiTask(),
    sl.MCP(gamma=3.0),
    sl.SCAD(),
    sl.SLOPE([3.0, 2.0, 1.0]),
    sl.Tikhonov(sparse.identity(3)),
    sl.L1() + 0.1 * sl.L2(weights={"age": 2.0}),
]
weighted: sl.WeightedPenalty = 2 * sl.L1()
summed: sl.PenaltySum = weighted + sl.L2()
cost: float = penalties[0].value([1.0, 2.0, 3.0], alpha=0.1)
moved: Array = penalties[0].prox(X, alpha=0.1)

# ----------------------------------------------------------------------- estimators
linear = LinearRegressor(
    Huber(), penalty=sl.L1(), alpha=0.01, bounds=(None, np.ones(3)), random_state=0
).fit(X, y, sample_weight=np.ones(60), offset=np.zeros(60))
coef: Array = linear.coef_ + linear.intercept_
gap: float = linear.gap_ + linear.objective_
fitted_loss: Loss = linear.loss_
how: str = f"{linear.solver_} in {linear.n_iter_:d}"
predicted: Array = linear.predict(X, offset=0.0) + linear.raw_prediction(X, offset=y)
score: float = linear.score(X, y, offset=np.zeros(60))
linear = linear.set_params(loss__delta=2.0, penalty="l2").sparsify().densify()
with config_context(enable_metadata_routing=True):
    linear = linear.set_fit_request(sample_weight=True)

classifier = LinearClassifier("log_loss", class_weight={"less": 2.0}, n_jobs=1)
classifier = classifier.fit(sparse.csr_array(X), labels)
probability: Array = classifier.predict_proba(X) + classifier.predict_log_proba(X)
found = classifier.predict(X).tolist()
decision: Array = classifier.decision_function(sparse.csr_matrix(X))
seen = classifier.classes_.tolist()
LinearClassifier(sl.CrossEntropy(), penalty=None, alpha=0).fit(X.tolist(), classes)

sgd = SGDRegressor(
    loss=sl.Quantile(0.9), penalty="elasticnet", early_stopping=True, scoring="r2"
).fit(X, y, X_val=X, y_val=y, coef_init=np.zeros(3))
curve: Array = sgd.loss_curve_
optimizers = [
    sl.Momentum(0.5),
    sl.Nesterov(),
    sl.AdaGrad(),
    sl.RMSProp(decay=0.9),
    sl.Adam(beta_1=0.8),
    sl.AMSGrad(),
]
for optimizer in optimizers:
    SGDRegressor(optimizer=optimizer, tol=1.0, average=10).fit(X, y)
sgd = SGDRegressor("huber").partial_fit(X, y).partial_fit(X, y, offset=0.0)
labelled = SGDClassifier(sl.Hinge(), class_weight="balanced", random_state=0)
labelled.fit(X, labels)
SGDClassifier().partial_fit(X, labels, classes=["less", "more"])
spread = LinearRegressor(sl.GaussianDistribution()).fit(X, y)
beliefs = sl.GaussianDistribution().frozen(**spread.predict_distribution(X))
score = sl.crps_score(y, beliefs) + sl.crps_scorer()(spread, X, y)
score += sl.interval_score(y, spread.predict_interval(X, 0.8), coverage=0.8)
score += sl.interval_scorer(coverage=0.8)(spread, X, y)
zeros: Array = (
    LinearRegressor(sl.Hurdle()).fit(X, np.floor(3 * y)).predict_proba_zero(X)
)
interval: Array = spread.predict_interval(X, coverage=0.8) + spread.predict_std(X[:1])
several = sl.LinearMultiTask({"a": Huber(), "b": "log_loss"}, weights={"a": 2.0})
shared = sl.LinearMultiTask(Huber(), rank=1).fit(X, np.column_stack([y, -y]))
order = sl.LinearOrdinalClassifier(class_weight="balanced").fit(X, classes)
lines: sl.ParallelLinesTest = sl.parallel_lines_test(order, X, classes)
mistakes = sl.ordinal_mae_score(classes, order.predict(X)) + lines.pvalue
mistakes += sl.ranked_probability_score(classes, order.predict_proba(X))
mistakes += sl.quadratic_weighted_kappa_score(classes, classes, categories=[0, 1, 2])
mistakes += sl.mean_pinball_score(y, np.column_stack([y, y]), levels=[0.1, 0.9])
for rate in (
    sl.ordinal_mae_scorer(),
    sl.ranked_probability_scorer(),
    sl.quadratic_weighted_kappa_scorer(),
    sl.mean_pinball_scorer([0.5]),
):
    mistakes += rate(order, X, classes)
several.fit(X, np.column_stack([y, classes > 0]), sample_weight={"a": np.ones(60)})
of_b: Array = several.predict_proba(X)["b"] + several.raw_prediction(X)[:, :1]
queries = np.arange(60) // 6
embedding = sl.LinearEmbedding(2, loss=sl.TripletMargin(), alpha=0.1).fit(X, classes)
places: NDArray[np.float64] = embedding.transform(X)
pairs = np.stack([X[:-1], X[1:]], axis=1)
far: NDArray[np.float64] = embedding.pair_distance(pairs)
metric = embedding.get_mahalanobis_matrix()
shares = sl.knn_accuracy_score(classes, places, n_neighbors=3)
shares += sl.pair_auc_score(np.arange(len(far)) % 2, far)
shares += sl.knn_accuracy_scorer(3)(embedding, X, classes)
shares += sl.pair_auc_scorer()(embedding, X, classes)
batched = sl.SGDEmbedding(2, loss="sup_con").partial_fit(X, classes).predict(pairs)
ranker = sl.LinearRanker(sl.PairwiseLogistic(), alpha=0.1).fit(
    X, classes, groups=queries
)
ranks = ranker.rank(X, groups=queries).tolist()
by_steps = sl.SGDRanker("list_net", learning_rate="constant", scoring=sl.ndcg_scorer())
by_steps.fit(X, classes, groups=queries, X_val=X, y_val=classes, groups_val=queries)
ranks += by_steps.partial_fit(X, classes, groups=queries + 99).rank(X).tolist()
score = sl.ndcg_score(classes, ranker.predict(X), groups=queries, k=3)
watched = sl.SGDSurvival(sl.CoxPH("efron"), batch_size=9, optimizer=sl.Adam())
watched.fit(X, sl.survival_target(y > 0, y**2), strata=queries, strata_val=None)
score += watched.partial_fit(X, sl.survival_target(y > 0, y**2)).score(X, y**2)
score += sl.pairwise_accuracy_score(classes, ranker.predict(X), groups=queries)
target = sl.ranking_target(classes, queries)
score += sl.ndcg_scorer(k=3)(ranker, X, target) + ranker.score(X, target)
score += sl.pairwise_accuracy_scorer(per="pair")(ranker, X, target)
score += sl.average_precision_by_group_score(classes, y, groups=queries, empty=0)
score += sl.reciprocal_rank_score(classes, y, groups=queries, k=3)
score += sl.average_precision_by_group_scorer()(ranker, X, target)
score += sl.reciprocal_rank_scorer(k=3)(ranker, X, target)
times = sl.survival_target(event=classes > 0, time=y)
survival = sl.LinearSurvival("cox", alpha=0.1).fit(X, times)
curves: Array = survival.predict_survival_function(X, times=[0.5, 1.0])
score += sl.concordance_index_score(times, survival.predict(X))
score += sl.concordance_index_scorer()(survival, X, times)
known = survival.censoring_
score += sl.integrated_brier_score(times, curves, times=[0.5, 1.0], censoring=known)
score += sl.cumulative_dynamic_auc_score(times, y, times=[1.0], censoring=times)
score += sl.concordance_index_ipcw_score(times, survival.predict(X), tau=1.0)
score += sl.integrated_brier_scorer(times=[0.5, 1.0])(survival, X, times)
score += sl.cumulative_dynamic_auc_scorer()(survival, X, times)
score += sl.concordance_index_ipcw_scorer(tau=1.0)(survival, X, times)
ordinal = sl.LinearOrdinalClassifier(categories=[0, 1, 2]).fit(X, classes)
tasks = sl.SGDMultiTask({"a": "huber"}, trace=True).fit(X, y)
tasks = sl.SGDMultiTask(weights={"y": 2.0}).partial_fit(X, y, sample_weight=np.ones(60))
stream = sl.SGDOrdinalClassifier(alpha=0.1).partial_fit(X, classes, classes=[0, 1, 2])
latent: Array = stream.predict_latent(X)
latent = ordinal.predict_latent(X, offset=0.0) + ordinal.predict_proba(X)[:, 0]
losses = sl.LossSearchCV(
    LinearRegressor(), [Huber(), "squared_error"], alphas=2, scoring="r2", cv=2
)
label: str = losses.fit(X, y, sample_weight=np.ones(60)).why_
compared = sl.compare_losses(X, y, [Huber(), "squared_error"], alphas=2, scoring="r2")
label = compared.verdict() + Huber().estimates
sl.LossSearchDisplay.from_estimator(compared, kind="losses")
score += sl.d2_score(compared, X, y, "huber")
best_loss: Loss = losses.losses_[losses.best_index_ // 2]
tuned = sl.TunedRegressor(sl.PseudoHuber(), {"alpha": "log"}, cv=3, max_fits=4).fit(
    X, y
)
label = tuned.verdict() + str(tuned.best_params_["alpha"] + tuned.alpha_)
best_loss = sl.TunedClassifier("log_loss", max_fits=4).fit(X, labels).loss_
families = {Huber(): {"loss__delta": (0.1, 9.0)}}
ranked: sl.LossSearch = sl.search_loss(X, y, "huber", families=families, max_fits=10)
spline: list[Loss] = [sl.SplineLoss((1.0,), (1.0, 0.5)), sl.LearnedLink(n_knots=4)]
search = GridSearchCV(
    SGDRegressor(Huber()), {"loss__delta": [1.0, 2.0]}, scoring=sl.loss_scorer("huber")
).fit(X, y)

# ---------------------------------------------------------------------------- tools
largest: float = sl.alpha_max(LinearRegressor(penalty="l1"), X, y)
path = sl.regularization_path(LinearRegressor(penalty="l1"), X, y, n_alphas=3)
steps = path.alphas.tolist()
errors = sl.standard_errors(LinearRegressor(penalty=None).fit(X, y), X, y)
waits = sl.survival_target(classes > 0, 1.0 + queries % 5)
survival = sl.LinearSurvival(penalty=None).fit(X, waits, strata=queries % 2)
errors = sl.standard_errors(survival, X, waits, strata=queries % 2, clusters=queries)
errors = sl.standard_errors(survival, X, waits, strata=queries % 2, kind="sandwich")
survival = sl.LinearSurvival(penalty=None).fit(X, waits)
bands = sl.survival_bands(survival, X, waits, X[:2], times=[1.0, 2.0], coverage=0.9)
curves = bands.upper - bands.lower
between = sl.survival_target(lower=queries % 5, upper=1.0 + queries % 5)
survival = sl.LinearSurvival(sl.WeibullAFT(), features={"scale": [0]}).fit(X, between)
curves = survival.predict_quantile(X, 0.9) + survival.predict_median(X)
curves = survival.predict_interval(X, coverage=0.5)
causes = sl.survival_target(event=queries % 3, time=1.0 + queries % 5)
curves = sl.LinearSurvival().fit(X, causes).predict_cumulative_incidence(X, times=[2.0])
report: sl.LossReport = sl.check_loss(Huber(), on_fail=None, random_state=1)
results: list[sl.CheckResult] = [result for result in report if not result.passed]
status: str = report["gradient"].status
smooth = LinearRegressor("pseudo_huber").fit(X, y)
influences = sl.influence(smooth, X, y, X_val=X[:9], y_val=y[:9], top=5)
sl.InfluenceDisplay.from_influence(influences).plot(n_named=1)
sl.InfluenceDisplay.from_estimator(smooth, X, y, levels=[0.1], s=9)
parts = sl.contributions(smooth, X, y)
sl.ContributionsDisplay.from_estimator(smooth, X, y, kind="row", n_bars=3)
description: sl.LossDescription = sl.describe("huber")
influence: sl.Influence = description.influence
bound: float = influence.bound + description.efficiency
scorer: sl.LossScorer = sl.loss_scorer(Huber(), d2=True)
score = scorer(linear.fit(X, y), X, y) + sl.d2_loss_score(y, predicted, "huber")
display = LossDisplay.from_losses({"Huber": Huber(), "SE": "squared_error"})
display = LossDisplay.from_losses([Huber(), "log_cosh"], kind="gradient", alpha=0.5)
display = display.plot(linewidth=2)
verdict: str = LossCurveDisplay.from_estimator(
    SGDRegressor(learning_rate="invscaling", max_iter=20, tol=1e-9, trace=True).fit(
        X, y
    )
).verdict
bands = sl.LinearRegressor(sl.Quantiles([0.1, 0.9])).fit(X, y)
counted = sl.BandsDisplay.from_estimator(bands, X, y, feature=0, levels=[0.1]).below
sl.BandsDisplay.from_predictions(y, bands.predict(X), levels=[0.1, 0.9]).plot()
build: str = sl.instruction_set()


class Lists(sl.RowBlocks):
    def __init__(self, blocks: list[tuple[Any, ...]]) -> None:
        self.blocks = blocks

    def __len__(self) -> int:
        return len(self.blocks)

    def map(self, task: Callable[..., Any], *args: Any) -> list[Any]:
        return [task(block, *args) for block in self.blocks]


of_blocks: sl.LinearRegressor = sl.LinearRegressor().fit(Lists([(X, y)]))
stored: sl.StoredBlocks = sl.StoredBlocks([lambda: (X, y)])
of_stored: sl.LinearClassifier = sl.LinearClassifier().fit(
    sl.StoredBlocks.arrays(X, np.array(labels), n_rows=20)
)
merged: sl.SGDRegressor = sl.merge_streams([sl.SGDRegressor().partial_fit(X, y)])
