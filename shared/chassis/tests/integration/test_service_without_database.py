"""A service without a database: what it has, and what it lacks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from chassis.ops.cli import service_cli
from chassis.ops.settings import ServiceSettings
from chassis.web.application import build_app
from chassis.web.state import ServiceState, get_database
from service_testing.client import AppClient
from service_testing.lifespan import running

SETTINGS = ServiceSettings(environment="development")


def create_app(settings: ServiceSettings = SETTINGS) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[ServiceState]:
        yield ServiceState(settings=settings)

    return build_app(
        name="quotes",
        title="Quotes",
        description="",
        settings=settings,
        routers=[],
        lifespan=lifespan,
    )


@pytest.fixture
async def client() -> AsyncIterator[AppClient]:
    async with running(create_app()) as client:
        yield client


async def test_service_without_database_is_ready(client: AppClient) -> None:
    response = await client.get("/health/ready")
    assert (response.status_code, response.json()) == (200, {"status": "ok", "checks": {}})


async def test_service_without_database_measures_no_connections(client: AppClient) -> None:
    text = (await client.get("/metrics")).text
    assert "\nservice_ready 1.0\n" in text
    assert "database" not in text


def test_service_without_database_has_no_migrations() -> None:
    cli = service_cli("quotes", ServiceSettings, create_app)
    assert "Usage: python -m app serve" in CliRunner().invoke(cli, ["serve", "--help"]).output
    assert "No such command 'migrate'" in CliRunner().invoke(cli, ["migrate"]).output


def test_state_without_database_is_refused_where_one_is_needed() -> None:
    with pytest.raises(TypeError, match="ServiceState has no database"):
        get_database(ServiceState(settings=SETTINGS))
