"""Settings shared by all tests, and which combinations of parameters are run.

A test of a product, say of every loss with every penalty and dtype, is marked
`covering`: by default it runs on few combinations in which each value of each parameter
occurs, and the others are `thorough`.
"""

from collections import Counter, defaultdict
from itertools import combinations

import numpy as np
import pytest
import scipy.linalg  # noqa: F401  its BLAS has to be there to be limited
from hypothesis import settings
from threadpoolctl import threadpool_limits

from sklearn_losses.losses import _registry

# The same examples in every run, and no clock in any verdict.
settings.register_profile(
    "repeatable", deadline=None, derandomize=True, max_examples=60
)
settings.load_profile("repeatable")

# Several processes run tests side by side: threads of BLAS would wait for each other.
threadpool_limits(1, user_api="blas")


BEGIN = {}


@pytest.fixture(autouse=True)
def same_numbers(request):
    """What a test draws is the same whatever ran before it.

    That is from its module's RNG, or by estimators whose random_state is None.
    """
    np.random.seed(0)  # noqa: NPY002  it is scikit-learn's
    rng = getattr(request.module, "RNG", None)
    if rng is not None:
        state = BEGIN.setdefault(request.module, rng.bit_generator.state)
        rng.bit_generator.state = state


@pytest.fixture
def registry(monkeypatch):
    """The names of losses, which are afterwards what they were before."""
    monkeypatch.setattr(_registry, "_CLASSES", dict(_registry._CLASSES))


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    products = defaultdict(list)
    for item in items:
        if item.get_closest_marker("covering"):
            products[item.nodeid.partition("[")[0]].append(item)
    for product in products.values():
        for item in set(product).difference(sample(product)):
            item.add_marker(pytest.mark.thorough)


def sample(product):
    """Few of the items, in which all values occur, and pairs about equally often."""
    parts = {item: values_and_pairs(item) for item in product}
    missing = {part for item in product for part in parts[item] if len(part) == 1}
    times = Counter()
    while missing:
        best = max(
            product,
            key=lambda item: (
                len(missing.intersection(parts[item])),
                -sum(times[part] for part in parts[item]),
            ),
        )
        yield best
        missing.difference_update(parts[best])
        times.update(parts[best])


def values_and_pairs(item):
    values = sorted((name, id(value)) for name, value in item.callspec.params.items())
    return [*combinations(values, 1), *combinations(values, 2)]
