"""Each service ends as an operator ends it."""

import pytest

import workspace
from tests.e2e.stack import Service, Stack


@pytest.mark.slow
@pytest.mark.parametrize("name", [each.name for each in workspace.services()])
def test_sigterm_ends_a_service_with_exit_code_0(stack: Stack, name: str) -> None:
    service: Service = getattr(stack, name)
    assert service.stop() == 0
    service.ensure_ready()
