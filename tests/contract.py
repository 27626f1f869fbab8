"""scikit-learn's checks of its contract, as parameters of a test."""

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator


def each_check(estimators, known_failures=lambda estimator: {}):
    """A decorator: run the test for each check of each estimator.

    Parameters
    ----------
    estimators : list of estimators
        All checks of the first one of each class are run, and of the others each
        eighth, with and without metadata routing in turn. The rest is thorough.
    known_failures : callable
        The checks that an estimator does not pass, by name; they are left out.
    """
    seen, cases = set(), []
    for i, estimator in enumerate(estimators):
        every = 8 if type(estimator) in seen else 1
        seen.add(type(estimator))
        checks = estimator_checks_generator(estimator)
        for j, (_, check) in enumerate(checks):
            name = check.func.__name__
            for routing in (
                (False, True) if name not in known_failures(estimator) else ()
            ):
                chosen = (i + j) % every == 0 and routing == (i + j) // every % 2
                cases.append(
                    pytest.param(
                        *(estimator, check, routing),
                        id=f"{estimator}-{name}" + "-routing" * routing,
                        marks=() if chosen else pytest.mark.thorough,
                    )
                )
    return pytest.mark.parametrize(("estimator", "check", "routing"), cases)
