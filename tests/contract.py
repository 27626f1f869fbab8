"""scikit-learn's checks of its contract, as parameters of a test."""

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator


def each_check(estimators, known_failures=lambda estimator: {}):
    """A decorator: run the test for each check of each estimator.

    Parameters
    ----------
    estimators : list of estimators
        All checks of the first one of each class are run, and of the others each
        eighth, with and without metadata routing in turn. The other checks of these
        are thorough, and so is the other half of the first one's: whether routing is
        on does not depend on the parameters of an estimator.
    known_failures : callable
        The checks that an estimator does not pass, by name; they are left out.
    """
    seen, cases = set(), []
    for i, estimator in enumerate(estimators):
        is_first = type(estimator) not in seen
        every = 1 if is_first else 8
        seen.add(type(estimator))
        checks = estimator_checks_generator(estimator)
        for j, (_, check) in enumerate(checks):
            name = check.func.__name__
            for routing in (
                (False, True) if name not in known_failures(estimator) else ()
            ):
                in_turn = routing == (i + j) // every % 2
                if not (in_turn or is_first):
                    continue
                chosen = in_turn and (i + j) % every == 0
                cases.append(
                    pytest.param(
                        *(estimator, check, routing),
                        id=f"{estimator}-{name}" + "-routing" * routing,
                        marks=() if chosen else pytest.mark.thorough,
                    )
                )
    return pytest.mark.parametrize(("estimator", "check", "routing"), cases)
