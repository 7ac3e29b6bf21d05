"""Databases are restored from older backups with the commands of docs/operations.md."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

import workspace
from service_testing.assertions import assert_error_response, assert_status
from service_testing.databases import sqlite_url
from tests.e2e.clients import ApiClient, create_admin, register_user, sign_in
from tests.e2e.compose_project import NewComposeStack
from tests.e2e.processes import LocalStack
from tests.e2e.request_log import RequestLog
from tests.e2e.stack import Stack, wait_for
from tests.e2e.stash import STACK
from tests.e2e.workflows.items.actions import create_items, has_no_items, owner_is, rename_user
from tests.e2e.workflows.items.factories import create_item_data
from tests.e2e.workflows.items.helpers import assert_item_response

pytestmark = pytest.mark.slow


class Operator(Protocol):
    def back_up(self, service: str) -> None: ...

    def restore(self, service: str) -> None: ...


class ComposeOperator:
    def __init__(self, stack: NewComposeStack, folder: Path, *, over_broker: bool) -> None:
        self._stack, self._folder, self._over_broker = stack, folder, over_broker

    def back_up(self, service: str) -> None:
        self._run(*(line for line in blocks("Back up and restore")[0] if f"{service}-db" in line))

    def restore(self, service: str) -> None:
        lines = blocks(f"Restore {service}")[0]
        self._run(*with_each_subscriber(lines, over_broker=self._over_broker))

    def _run(self, *lines: str) -> None:
        run(lines, self._folder, self._stack.variables)


class SqliteOperator:
    """Runs the commands in a folder that looks like the repository, with its own `data/`."""

    def __init__(self, stack: LocalStack, folder: Path) -> None:
        self._stack, self._folder = stack, folder
        for service in stack.services:
            own = folder / "services" / service.name
            own.mkdir(parents=True)
            for name in ("app", "migrations", ".tox"):
                (own / name).symlink_to(service.service.folder / name)

    def back_up(self, service: str) -> None:
        self._run(*(line for line in blocks("SQLite")[0] if f"{service}.backup" in line))

    def restore(self, service: str) -> None:
        _, restore_items, restore_users, afterwards = blocks("SQLite")
        self._stack.stop()
        self._run(*with_each_subscriber(restore_items if service == "items" else restore_users))
        for each in self._stack.services:
            each.ensure_ready()
        self._run(*afterwards)

    def _run(self, *lines: str) -> None:
        variables: dict[str, str] = {}
        for each in self._stack.services:
            variables |= each.environment
        run(lines, self._folder, variables)


def blocks(heading: str) -> list[list[str]]:
    """The lines of each block of commands under a heading."""
    text = (workspace.ROOT / "docs/operations.md").read_text()
    (section,) = re.findall(rf"^##+ {heading}$(.*?)^##", text, re.MULTILINE | re.DOTALL)
    found = re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return [block.splitlines() for block in found]


def with_each_subscriber(lines: list[str], *, over_broker: bool = False) -> Iterator[str]:
    """The lines, and as the page says below them, what other subscribers know is added to the file."""
    if over_broker:
        lines = [
            line.replace("after-restore <", "after-restore --without broker <") for line in lines
        ]
    others = [each.name for each in workspace.services() if "users" in each.subscribes]
    others.remove("items")
    for line in lines:
        yield line
        if "subscriber-state" in line:
            yield from (line.replace("items", each).replace(" > ", " >> ") for each in others)


def run(lines: tuple[str, ...], folder: Path, variables: Mapping[str, str]) -> None:
    assert lines
    script = "\n".join(("set -eux", *lines))
    environment = {**os.environ, **variables}
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout, done.stderr)
    assert done.returncode == 0, done.stderr[-5000:]


@pytest.fixture
def local_stack(tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[LocalStack]:
    """A stack of its own on SQLite, in whatever database the other tests use."""
    (tmp_path / "data").mkdir()
    services = [each.name for each in workspace.services() if each.database]
    urls = {name: sqlite_url(tmp_path / f"data/{name}.db") for name in services}
    stack = LocalStack(tmp_path, urls)
    pytestconfig.stash[STACK] = stack
    stack.start()
    yield stack
    stack.stop()


@pytest.mark.only_on("local", "the files of SQLite")
def test_sqlite_is_restored_as_documented(
    local_stack: LocalStack, tmp_path: Path, request_log: RequestLog
) -> None:
    with closing(Story(local_stack, request_log)) as story:
        play(story, SqliteOperator(local_stack, tmp_path))


@pytest.mark.only_on("compose", "the containers of PostgreSQL")
def test_postgresql_is_restored_as_documented(
    stack: Stack, tmp_path: Path, request_log: RequestLog, events_transport: str
) -> None:
    if not isinstance(stack, NewComposeStack):
        pytest.skip("a given project stays as it is")
    try:
        with closing(Story(stack, request_log)) as story:
            play(story, ComposeOperator(stack, tmp_path, over_broker=events_transport == "nats"))
    finally:
        stack.start()  # with as many copies as before


def play(story: "Story", operator: Operator) -> None:
    operator.back_up("items")
    story.create_item()
    operator.back_up("users")
    story.go_on()
    operator.restore("users")
    story.assert_consistent()
    operator.restore("items")
    story.assert_consistent()


class Story:
    """What happens before and after the backups, and what must be true after a restore."""

    def __init__(self, stack: Stack, request_log: RequestLog) -> None:
        self._stack, self._request_log = stack, request_log
        self._clients = [sign_in(stack, request_log, create_admin(stack))]
        self._ada, self._eva = self._register(), self._register()
        self._location = create_items(self._ada)
        create_items(self._eva, 2)
        self._last_user_id = self._last_item_id = 0

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def _register(self) -> ApiClient:
        self._clients.append(register_user(self._stack, self._request_log))
        return self._clients[-1]

    def create_item(self) -> None:
        create_items(self._ada)

    def go_on(self) -> None:
        """A new name, deletions, and the newest ids, also those of a deleted account."""
        rename_user(self._ada, "Countess")
        self._joan, self._zoe = self._register(), self._register()
        create_items(self._joan)
        self._last_item_id = int(create_items(self._zoe).rpartition("/")[2])
        self._last_user_id = self._zoe.id
        for leaver in (self._eva, self._zoe):
            assert_status(leaver.users.delete("/users/me"), 204)
            wait_for(partial(has_no_items, self._ada, leaver.id), "the items to be deleted")
        wait_for(partial(owner_is, self._ada, self._location, "Countess"), "the new name in items")

    def assert_consistent(self) -> None:
        for leaver in (self._eva, self._joan, self._zoe):
            form = {"username": leaver.data["email"], "password": leaver.data["password"]}
            refused = leaver.users.post("/auth/token", data=form)
            assert_error_response(refused, 401, "invalid_credentials")
            wait_for(partial(has_no_items, self._ada, leaver.id), "the items to be deleted")
        self._ada.sign_in()
        assert owner_is(self._ada, self._location, self._ada.data["name"])
        newcomer = self._register()
        assert newcomer.id > self._last_user_id
        self._last_user_id = newcomer.id
        for owner in (self._ada, newcomer):
            created = owner.items.post("/items/", json=create_item_data())
            item_id = assert_item_response(created, status=201)["id"]
            assert item_id > self._last_item_id
            self._last_item_id = item_id
