"""`.env`, which `make env` writes for docker-compose.yml, on a made-up workspace."""

import json
import shutil
import stat
from pathlib import Path

import pytest

import workspace


def add_service(root: Path, name: str, table: str, fragment: str) -> None:
    folder = root / "services" / name
    (folder / "deploy").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(f"[tool.service]\n{table}\n")
    (folder / "deploy/compose.yml").write_text(fragment)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".env.example").write_text("# EMPTY=\nPUBLISH_PORT=8080\n")
    (tmp_path / "docker-compose.yml").write_text(
        "${PUBLISH_PORT:-8080} $${NOT_ONE:?} ${SHARED:?}\n"
    )
    add_service(
        tmp_path,
        "accounts",
        'port = 9001\ntoken-audience = "accounts"\nissues-tokens = true',
        "${ACCOUNTS_PASSWORD:?run} ${ACCOUNTS_TOKEN_AUDIENCES:?run} ${ACCOUNTS_EVENTS_SUBSCRIBERS?run}",
    )
    add_service(
        tmp_path,
        "orders",
        'port = 9002\ntoken-audience = "orders"\nsubscribes = ["accounts"]\nconsumes = ["accounts"]',
        "${ORDERS_PASSWORD:?run} ${ORDERS_PASSWORD} ${ORDERS_EVENTS_SUBSCRIBERS?run}",
    )
    return tmp_path


def variables(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_required_variables_are_new_secrets(root: Path) -> None:
    found = variables(workspace.env_text(root=root))
    secrets = [found[name] for name in ("SHARED", "ACCOUNTS_PASSWORD", "ORDERS_PASSWORD")]
    assert found["PUBLISH_PORT"] == "8080"
    assert len(set(secrets)) == len(secrets)
    assert all(len(secret) >= 32 and secret.isalnum() for secret in secrets)


def test_variables_about_other_services_come_from_their_declarations(root: Path) -> None:
    found = variables(workspace.env_text(root=root))
    assert found["ACCOUNTS_TOKEN_AUDIENCES"] == "accounts,orders"
    assert found["ACCOUNTS_EVENTS_SUBSCRIBERS"] == "orders=http://orders:9002/events/"
    assert "NOT_ONE" not in found
    assert found["ORDERS_EVENTS_SUBSCRIBERS"] == ""  # nobody subscribes to orders
    assert "ORDERS_ACCOUNTS_URL" not in found  # no file asks for it


def test_existing_values_stay_and_a_new_service_is_added(root: Path) -> None:
    before = workspace.env_text(root=root).replace("PUBLISH_PORT=8080", "PUBLISH_PORT=9999")
    add_service(
        root,
        "stock",
        'port = 9003\ntoken-audience = "stock"\nsubscribes = ["accounts"]',
        "${STOCK_PASSWORD:?run}",
    )
    old, new = variables(before), variables(workspace.env_text(before, root))
    assert new.keys() - old.keys() == {"STOCK_PASSWORD"}
    changed = {name for name in old if old[name] != new[name]}
    assert changed == {"ACCOUNTS_TOKEN_AUDIENCES", "ACCOUNTS_EVENTS_SUBSCRIBERS"}
    assert new["ACCOUNTS_EVENTS_SUBSCRIBERS"].endswith(",stock=http://stock:9003/events/")


def test_secret_that_was_left_empty_is_new(root: Path) -> None:
    before = workspace.env_text(root=root)
    emptied = before.replace(f"SHARED={variables(before)['SHARED']}", "SHARED=")
    assert len(variables(workspace.env_text(emptied, root))["SHARED"]) >= 32


@pytest.mark.parametrize("line", ["garbage line", "PUBLISH_PORT = 9000", "export NAME=hunter2"])
def test_line_that_is_no_variable_is_refused(root: Path, line: str) -> None:
    with pytest.raises(
        workspace.Refused, match=r"^This line of \.env isn't NAME=value: "
    ) as caught:
        workspace.env_text(f"{line}\n", root)
    assert "hunter2" not in str(caught.value)


def test_removed_subscriber_is_no_longer_named(root: Path) -> None:
    before = workspace.env_text(root=root)
    shutil.rmtree(root / "services/orders")
    assert variables(workspace.env_text(before, root))["ACCOUNTS_EVENTS_SUBSCRIBERS"] == ""


def test_only_the_owner_can_read_the_file(root: Path) -> None:
    (root / ".env").write_text("SHARED=in use\n")
    workspace.write_env(root)
    assert stat.S_IMODE((root / ".env").stat().st_mode) == 0o600
    assert variables((root / ".env").read_text())["SHARED"] == "in use"
    assert not (root / ".env.new").exists()


def test_with_a_broker_events_go_through_it_and_each_service_gets_its_rights(root: Path) -> None:
    for name in ("accounts", "orders"):
        file = root / f"services/{name}/deploy/compose.yml"
        text = "${NAME_NATS_PASSWORD:?run} ${NAME_EVENTS_URL?run} ${NATS_ADMIN_PASSWORD:?run}"
        file.write_text(file.read_text() + text.replace("NAME", name.upper()))
    add_service(root, "quotes", "port = 9003", "services: {}")
    found = variables(workspace.env_text(root=root, nats=True))
    assert found["ACCOUNTS_EVENTS_SUBSCRIBERS"] == "broker=nats://accounts@nats:4222"
    assert found["ORDERS_EVENTS_URL"] == "nats://orders@nats:4222/accounts"
    assert found["ACCOUNTS_EVENTS_URL"] == ""
    users = {each["user"]: each for each in json.loads(found["NATS_USERS"].strip("'"))}
    assert users.keys() == {"admin", "accounts", "orders"}  # quotes has no events
    assert users["admin"]["password"] == found["NATS_ADMIN_PASSWORD"]
    assert users["orders"]["password"] == found["ORDERS_NATS_PASSWORD"]
    assert users["accounts"]["permissions"]["publish"] == ["accounts.>"]
    assert users["orders"]["permissions"] == {
        "publish": [
            "orders.>",
            "$JS.API.CONSUMER.INFO.accounts.orders",
            "$JS.API.CONSUMER.MSG.NEXT.accounts.orders",
            "$JS.ACK.accounts.orders.>",
        ],
        "subscribe": ["_INBOX_orders.>"],
    }


def test_without_a_broker_again_events_are_posted(root: Path) -> None:
    first = workspace.env_text(root=root, nats=False)
    assert "NATS_USERS" not in variables(first)
    assert variables(first)["ACCOUNTS_EVENTS_SUBSCRIBERS"].startswith("orders=http://")


def test_other_transport_is_refused() -> None:
    with pytest.raises(workspace.Refused, match="EVENTS must be http or nats, not 'kafka'"):
        workspace.uses_nats({"EVENTS": "kafka"})
