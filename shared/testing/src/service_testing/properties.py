"""Property tests of a service: Hypothesis with the app's fixtures."""

import hypothesis
import pytest

PROFILE = "service"
BRIEF_PROFILE = "brief"
"""A fifth of the examples: `--hypothesis-profile=brief`, for whoever waits."""

hypothesis.settings.register_profile(
    PROFILE,
    # How long an example takes says something of the machine, and nothing of the service.
    deadline=None,
    suppress_health_check=[
        hypothesis.HealthCheck.too_slow,
        hypothesis.HealthCheck.function_scoped_fixture,
    ],
)
hypothesis.settings.register_profile(
    BRIEF_PROFILE, hypothesis.settings.get_profile(PROFILE), max_examples=20
)


def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("--hypothesis-profile", None):
        hypothesis.settings.load_profile(PROFILE)


def examples(share: float) -> int:
    """So many of the profile's examples: for a test whose examples cost more than others'."""
    return max(1, round(hypothesis.settings().max_examples * share))
