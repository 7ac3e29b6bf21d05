"""What makes the services easy to copy."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("service", ["users", "items"])
def test_a_conftest_is_short_because_the_testing_package_has_the_fixtures(service: str) -> None:
    conftest = ROOT / "services" / service / "tests" / "conftest.py"
    assert len(conftest.read_text().splitlines()) < 30
