from pathlib import Path

import pytest
from example.app import create_app

from service_testing.service import ServiceUnderTest


@pytest.fixture(scope="session")
def token_audience() -> list[str]:
    return ["example", "other"]


@pytest.fixture(scope="session")
def service() -> ServiceUnderTest:
    return ServiceUnderTest(
        name="example",
        create_app=create_app,
        migrations=Path(__file__).parent / "example" / "migrations",
        keep_tables=["starts"],
    )
