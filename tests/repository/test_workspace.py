"""What workspace.py reads and derives, on a made-up workspace."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from stat import S_IMODE

import pytest
from conftest import MadeUp

import workspace


@pytest.fixture
def environ(made_up: MadeUp) -> dict[str, str]:
    """What `make run` gives the services if nothing but the folder of the data is set."""
    return workspace.development(made_up.services, {"DATA_DIR": str(made_up.root)})


def test_services_come_after_those_that_they_need(made_up: MadeUp) -> None:
    assert [each.name for each in made_up.services] == ["accounts", "stock", "orders"]


def test_services_that_need_each_other_are_found(made_up: MadeUp) -> None:
    table = '[tool.service]\nport = 1\nconsumes = ["orders"]\n'
    (made_up.root / "services/accounts/pyproject.toml").write_text(table)

    assert {each.name for each in made_up.services} == {"accounts", "orders", "stock"}


def test_connections_are_derived_from_the_tables(made_up: MadeUp) -> None:
    urls = {each.name: f"http://{each.name}" for each in made_up.services}

    assert workspace.connections(made_up.services, urls) == {
        "ACCOUNTS_TOKEN_AUDIENCES": "accounts,stock,orders",
        "ACCOUNTS_EVENTS_SUBSCRIBERS": "orders=http://orders/events/",
        "STOCK_ACCOUNTS_URL": "http://accounts",
        "STOCK_EVENTS_SUBSCRIBERS": "orders=http://orders/events/",
        "ORDERS_ACCOUNTS_URL": "http://accounts",
        "ORDERS_STOCK_URL": "http://stock",
    }


class TestDevelopment:
    def test_services_know_each_other_by_the_ports_that_are_set(self, made_up: MadeUp) -> None:
        given = {"ACCOUNTS_PORT": "9001", "DATA_DIR": str(made_up.root)}
        environ = workspace.development(made_up.services, given)

        assert environ["ORDERS_ACCOUNTS_URL"] == "http://127.0.0.1:9001"

    def test_documentation_pages_of_all_may_sign_in_where_tokens_are_issued(
        self, made_up: MadeUp, environ: dict[str, str]
    ) -> None:
        origins = environ["ACCOUNTS_CORS_ORIGINS"].split(",")
        port = made_up.ports["orders"]
        assert {f"http://127.0.0.1:{port}", f"http://localhost:{port}"} <= set(origins)
        assert "ORDERS_CORS_ORIGINS" not in environ

    def test_path_of_a_database_is_quoted(self, environ: dict[str, str]) -> None:
        assert environ["ORDERS_DATABASE_URL"].endswith("/a%20b%23c%2541d%3Fe/orders.db")
        assert "STOCK_DATABASE_URL" not in environ

    def test_given_variable_wins_and_an_empty_one_counts_as_unset(self, made_up: MadeUp) -> None:
        given = {"DATA_DIR": str(made_up.root), "ORDERS_STOCK_URL": "http://s", "STOCK_HOST": ""}
        environ = workspace.development(made_up.services, given)

        assert environ["ORDERS_STOCK_URL"] == "http://s"
        assert environ["STOCK_HOST"] == "127.0.0.1"

    def test_new_folder_can_be_read_by_its_owner_only(
        self, made_up: MadeUp, tmp_path: Path
    ) -> None:
        workspace.development(made_up.services, {"DATA_DIR": str(tmp_path / "data")})
        assert S_IMODE((tmp_path / "data").stat().st_mode) == 0o700

    def test_folder_that_cannot_be_written_is_refused(
        self, made_up: MadeUp, tmp_path: Path
    ) -> None:
        (tmp_path / "data").touch()

        with pytest.raises(workspace.Refused, match=r"set DATA_DIR to another\.$"):
            workspace.development(made_up.services, {"DATA_DIR": str(tmp_path / "data")})


@pytest.mark.parametrize("port", ["0x1", "65536", "-1", "", "9" * 5000])
def test_invalid_port_is_refused(made_up: MadeUp, port: str, environ: dict[str, str]) -> None:
    with pytest.raises(
        workspace.Refused, match=r"^ORDERS_PORT must be a port from 1 to 65535, not '"
    ):
        workspace.check_ports(made_up.services, environ | {"ORDERS_PORT": port})


def test_one_port_for_two_services_is_refused(made_up: MadeUp, environ: dict[str, str]) -> None:
    same = {"ORDERS_PORT": environ["STOCK_PORT"]}

    with pytest.raises(workspace.Refused, match=r"set ORDERS_PORT to another port"):
        workspace.check_ports(made_up.services, environ | same)


def test_port_of_the_broker_is_looked_at_too(made_up: MadeUp, environ: dict[str, str]) -> None:
    broker = {"EVENTS": "nats", "NATS_PORT": environ["STOCK_PORT"]}

    with pytest.raises(workspace.Refused, match=r"^nats can't listen .*; set NATS_PORT to another"):
        workspace.check_ports(made_up.services, environ | broker)


def test_environment_is_outdated_when_pins_change_and_not_when_times_do(
    made_up: MadeUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "ROOT", made_up.root)
    made, pins = made_up.root / ".tox/pyvenv.cfg", made_up.root / "constraints.txt"
    workspace.is_outdated(made.parent)
    made.touch()
    os.utime(made.with_name("inputs"), (1, 1))
    os.utime(made, (2, 2))
    pins.touch()
    assert not workspace.is_outdated(made.parent)

    pins.write_text("tox==4")
    assert workspace.is_outdated(made.parent)


class FakeUv:
    """Takes the place of `subprocess.run`: makes an environment, unless a signal ends it."""

    def __init__(self) -> None:
        self.killed_in: set[str] = set()
        """Services in whose folders it is killed, with half of the old environment deleted."""
        self.made_for: list[str] = []

    def __call__(
        self, command: Sequence[str], *, cwd: Path, check: bool
    ) -> subprocess.CompletedProcess[str]:
        made = cwd / ".tox/run/pyvenv.cfg"
        if cwd.name in self.killed_in:
            made.unlink(missing_ok=True)
            return subprocess.CompletedProcess(command, -9)
        if "venv" in command:
            made.touch()
            self.made_for.append(cwd.name)
        return subprocess.CompletedProcess(command, 0)


class TestInstall:
    @pytest.fixture
    def uv(self, made_up: MadeUp, monkeypatch: pytest.MonkeyPatch) -> FakeUv:
        fake, found = FakeUv(), made_up.services
        monkeypatch.setattr(workspace, "ROOT", made_up.root)
        monkeypatch.setattr(workspace, "services", lambda *_: found)
        monkeypatch.setattr(subprocess, "run", fake)
        return fake

    def test_environment_that_a_signal_ended_is_a_failure_and_made_again(self, uv: FakeUv) -> None:
        uv.killed_in = {"stock"}
        assert workspace.install() != 0

        uv.killed_in.clear()
        uv.made_for.clear()
        assert workspace.install() == 0
        assert uv.made_for == ["stock"]

    def test_environment_whose_renewal_was_interrupted_is_made_again(
        self, made_up: MadeUp, uv: FakeUv
    ) -> None:
        workspace.install()
        (made_up.root / "constraints.txt").write_text("tox==4")
        for each in made_up.services:
            os.utime(each.folder / ".tox/run/pyvenv.cfg", (1, 1))
        uv.killed_in = {"stock", "orders", "accounts"}
        workspace.install()

        uv.killed_in.clear()
        uv.made_for.clear()
        workspace.install()
        assert sorted(uv.made_for) == ["accounts", "orders", "stock"]
