"""The PostgreSQL server of a test run, shared by its workers."""

from contextlib import ExitStack
from functools import cached_property
from typing import Any

import pytest

from service_testing import postgres


class RunServer:
    """Starts the server when the first worker or test needs it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._stack = ExitStack()

    @cached_property
    def url(self) -> str:
        """The URL of a server on which databases may be created. Without one the run ends."""
        if hasattr(self._config, "workerinput"):
            return str(self._config.workerinput["postgres_url"])
        try:
            return self._stack.enter_context(postgres.server())
        except postgres.PostgresUnavailable as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        if self._config.getoption("--database") == "postgres":
            node.workerinput["postgres_url"] = self.url

    def pytest_unconfigure(self) -> None:
        self._stack.close()


RUN_SERVER = pytest.StashKey[RunServer]()
