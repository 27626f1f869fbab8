"""The estimators with a schedule of steps, scikit-learn's default, unless one is named.

For tests of stochastic gradient descent and of what does not depend on the solver.
"""

import sklearn_losses


def SGDRegressor(*args, **parameters):
    schedule = {"learning_rate": "invscaling"}
    return sklearn_losses.SGDRegressor(*args, **schedule | parameters)


def SGDClassifier(*args, **parameters):
    schedule = {"learning_rate": "optimal"}
    return sklearn_losses.SGDClassifier(*args, **schedule | parameters)
