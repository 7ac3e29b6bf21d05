"""What the services are given."""

from pathlib import Path

import pytest
from runner.errors import RunError
from runner.services import Service, read_services

ROOT = Path("/repository")
DATA = Path("/data")


def services(**environ: str) -> tuple[Service, Service]:
    users, items = read_services(ROOT, environ, DATA)
    return users, items


def test_items_is_told_where_users_is() -> None:
    _, items = services(USERS_PORT="9001")

    assert items.environ["ITEMS_USERS_URL"] == "http://127.0.0.1:9001"


def test_users_is_told_where_its_events_go() -> None:
    users, _ = services(ITEMS_PORT="9002")

    assert users.environ["EVENTS_SINK_URL"] == "http://127.0.0.1:9002/events/"


def test_both_spellings_of_items_origin_may_call_users() -> None:
    users, _ = services(ITEMS_PORT="9002")

    origins = users.environ["USERS_CORS_ORIGINS"]
    assert origins == "http://localhost:9002,http://127.0.0.1:9002"


def test_an_empty_variable_counts_as_unset() -> None:
    users, _ = services(USERS_PORT="", USERS_DATABASE_URL="")

    assert users.port == 8001
    assert users.environ["USERS_DATABASE_URL"] == "sqlite:////data/users.db"


@pytest.mark.parametrize("port", ["0", "65536", "80a", "-1", "8001.0", "٣٤", "9" * 5000])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(RunError, match=r"^USERS_PORT must be a port from 1 to 65535, not '"):
        services(USERS_PORT=port)


def test_one_port_for_both_is_refused() -> None:
    with pytest.raises(RunError, match=r"^USERS_PORT and ITEMS_PORT are both 8002; "):
        services(USERS_PORT="8002")
