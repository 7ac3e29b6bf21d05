"""The pytest plugin: its option, its markers, and the modules with its hooks and fixtures."""

import gc

import pytest

from service_testing import categories, postgres
from service_testing.engines import EngineGuard
from service_testing.network import ALLOW_HOSTS_MARKER, NetworkGuard
from service_testing.run_server import RUN_SERVER, RunServer
from service_testing.time_limits import TimeLimits

_MARKERS = (
    "slow: takes seconds; set by hand.",
    "committed: the app really commits, on connections of its own; all rows are deleted afterwards.",
    ALLOW_HOSTS_MARKER,
)
_MODULES = (
    "categories",
    "properties",
    "fixtures.backend",
    "fixtures.database",
    "fixtures.app",
    "fixtures.data",
    "fixtures.observation",
    "fixtures.time",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("service-testing")
    group.addoption(
        "--database",
        choices=("sqlite", "postgres"),
        default="sqlite",
        help="the kind of database (default: %(default)s); the PostgreSQL server is the one that "
        f"{postgres.URL_VARIABLE} names, or one that is started for the run",
    )
    parser.addini(
        "block_network",
        "whether a test that tries to reach another machine fails (default: false)",
        type="bool",
        default=False,
    )


def pytest_configure(config: pytest.Config) -> None:
    for line in (*categories.MARKERS, *_MARKERS):
        config.addinivalue_line("markers", line)
    if config.option.anyio_mode is None:
        config.option.anyio_mode = "auto"
    config.stash[RUN_SERVER] = RunServer(config)
    config.pluginmanager.register(config.stash[RUN_SERVER])
    if config.getini("block_network"):
        config.pluginmanager.register(NetworkGuard())
    config.pluginmanager.register(EngineGuard(), "engine-guard")
    config.pluginmanager.register(TimeLimits())
    # A fixture of a plugin that is registered later overrides one of the same name. Now all installed plugins are
    # registered, so these override anyio's.
    for name in _MODULES:
        config.pluginmanager.import_plugin(f"service_testing.{name}")


def pytest_collection_finish() -> None:
    # What was imported and collected stays until the end. Otherwise each garbage collection would go through it.
    gc.freeze()
