"""A SQLite file that is deleted, moved or replaced under a running service."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import make_url
from structlog.types import EventDict
from tests.example.app import MIGRATIONS, OpenDatabase, client_of, router

from chassis.db import migrations
from service_testing.assertions import assert_error_response
from service_testing.client import AppClient
from service_testing.databases import sqlite_url


def delete(file: Path) -> None:
    file.unlink()


def replace(file: Path) -> None:
    shutil.copy(file, away(file))
    away(file).replace(file)


def away(file: Path) -> Path:
    return file.with_suffix(".away")


def folder_of(file: Path) -> set[str]:
    return {each.name for each in file.parent.iterdir()}


@pytest.fixture
async def file(empty_database_url: str, on_sqlite: None) -> Path:
    await asyncio.to_thread(migrations.upgrade, empty_database_url, MIGRATIONS)
    return Path(make_url(empty_database_url).database or "")


@pytest.fixture
def client(open_database: OpenDatabase, file: Path) -> AppClient:
    return client_of(router, database=open_database(sqlite_url(file)))


async def write(client: AppClient) -> int:
    return (await client.post("/notes/", json={"title": "a"})).status_code


@pytest.mark.parametrize("change", [delete, replace])
async def test_service_whose_file_is_gone_acknowledges_nothing_and_is_not_ready(
    client: AppClient, file: Path, change: Callable[[Path], None], logs: list[EventDict]
) -> None:
    assert await write(client) == 201
    change(file)
    files = folder_of(file)
    for _ in range(2):  # the second one would open a new connection
        response = await client.post("/notes/", json={"title": "b"})
        assert_error_response(response, 503, "database_unavailable")
        assert_error_response(await client.get("/notes/1"), 503, "database_unavailable")
    assert (await client.get("/health/ready")).status_code == 503
    assert folder_of(file) <= files
    reasons = [line["exception"] for line in logs if line["event"] == "database_unavailable"]
    assert all("FileReplaced" in reason for reason in reasons)
    assert len(reasons) == 4
    not_ready = [line["reason"] for line in logs if line["event"] == "not_ready"]
    assert not_ready[0].startswith("FileReplaced: ")


async def test_service_goes_on_when_its_file_is_back(client: AppClient, file: Path) -> None:
    assert await write(client) == 201
    shutil.move(file, away(file))
    assert await write(client) == 503
    shutil.move(away(file), file)
    assert await write(client) == 201
    assert (await client.get("/health/ready")).status_code == 200
