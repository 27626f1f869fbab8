"""predict and decision_function beside the product of X and the coefficients."""

from data import Data, make
from results import Quartiles, Result, Section, Target, table
from timing import in_turn, median_ms, seconds

from sklearn_losses import SGDClassifier, SGDRegressor

SHAPE = (1_000_000, 20)
NOT_SLOWER = Target(1.0)
# Of what is a target, by its name: why it is missed, if it is.
CHECKED = (
    "Both sides read X once, at two thirds of the rate at which it can be summed, and "
    "that the result is finite is seen while it is written. Tried: to ask for rows no "
    "nearer than the second cache (3% faster, but slower for 50 features and more), "
    "four rows at a time (nothing), other distances."
)
WHY_MISSED = {
    "SGDClassifier.decision_function": CHECKED,
    "SGDClassifier.predict": CHECKED,
    "SGDRegressor.predict": CHECKED,
}

GUIDE = """
- The ratio is the time of `X @ w`, where `w` is the coefficients as an array, over that
  of the method. The method also checks X, adds the intercept and makes sure that the
  result is finite; `predict` of a classifier looks up the labels. All on one thread:
  BLAS can use several for `X @ w`.
""".strip().splitlines()


def methods(X, y):
    """The methods of models fitted on a few rows, and what they are compared with."""
    classifier = SGDClassifier(random_state=0).fit(X[:1000], y[:1000])
    regressor = SGDRegressor(random_state=0).fit(X[:1000], y[:1000])
    w = classifier.coef_.ravel()
    return {
        "X @ w": lambda X: X @ w,
        "SGDClassifier.decision_function": classifier.decision_function,
        "SGDClassifier.predict": classifier.predict,
        "SGDRegressor.predict": regressor.predict,
    }


def run(quick):
    """Predictions beside a plain product; the target is for float64."""
    rows, results = [], []
    for dtype in ("float64", "float32"):
        data = Data(*SHAPE, dtype)
        data = data.shrunk() if quick else data
        X, y = make(data)
        named = methods(X, y)
        calls = [lambda _, f=f, X=X: seconds(f, X) for f in named.values()]
        product, *all_times = in_turn(calls, 3 if quick else 41)
        for name, times in zip(list(named)[1:], all_times):
            ratio = Quartiles.of(product / times)
            work = f"{name} against X @ w, {data}"
            print(f"{ratio.middle:8.2f}  {work}", flush=True)
            rows.append(
                (name, data, *ratio.cells, median_ms(times), median_ms(product))
            )
            if dtype == "float64":
                results.append(Result(work, NOT_SLOWER, ratio, WHY_MISSED[name]))
    columns = ("method", "data", "ratio:", "quartiles:", "ms:", "X @ w, ms:")
    return Section("Predictions", [*table(columns, rows), "", *GUIDE], results)
