"""Settings shared by all tests."""

from hypothesis import settings

# The same examples in every run, and no clock in any verdict.
settings.register_profile(
    "repeatable", deadline=None, derandomize=True, max_examples=60
)
settings.load_profile("repeatable")
