"""Property tests of a service: Hypothesis with the app's fixtures."""

import hypothesis
import pytest

_PROFILE = "service"


def pytest_configure(config: pytest.Config) -> None:
    hypothesis.settings.register_profile(
        _PROFILE,
        # How long an example takes says something of the machine, and nothing of the service.
        deadline=None,
        suppress_health_check=[
            hypothesis.HealthCheck.too_slow,
            hypothesis.HealthCheck.function_scoped_fixture,
        ],
    )
    if not config.getoption("--hypothesis-profile", None):
        hypothesis.settings.load_profile(_PROFILE)
