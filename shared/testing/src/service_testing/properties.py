"""Property tests of a service: Hypothesis with the app's fixtures."""

import hypothesis
import pytest

PROFILE = "service"
BRIEF_PROFILE = "brief"
"""A fifth of the examples, for quick runs: `--hypothesis-profile=brief`."""

hypothesis.settings.register_profile(
    PROFILE,
    # The time of an example depends on the machine more than on the service.
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
    """A share of the profile's examples, for a test whose examples are slow."""
    return max(1, round(hypothesis.settings().max_examples * share))
