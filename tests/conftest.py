"""Settings shared by all tests, and which combinations of parameters are run.

A test of a product, say of every loss with every penalty and dtype, is marked
`covering`: by default it runs on few combinations in which each value of each parameter
occurs, and the others are `thorough`.
"""

from collections import Counter, defaultdict

import pytest
from hypothesis import settings

# The same examples in every run, and no clock in any verdict.
settings.register_profile(
    "repeatable", deadline=None, derandomize=True, max_examples=60
)
settings.load_profile("repeatable")


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
    """Few of the items, in which all values occur, about equally often."""
    values = {item: set(item.callspec.indices.items()) for item in product}
    times = Counter()
    missing = set().union(*values.values())
    while missing:
        best = max(
            product,
            key=lambda item: (
                len(values[item] & missing),
                -sum(times[value] for value in values[item]),
            ),
        )
        yield best
        missing -= values[best]
        times.update(values[best])
