"""A pytest plugin for the run without a mutant: how long each test takes, and what was imported."""

import json
import os
import sys
from pathlib import Path

import pytest

VARIABLE = "MUTATION_RECORD"


class _Recorder:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        libraries = [
            name
            for name, module in list(sys.modules.items())
            if "site-packages" in (getattr(module, "__file__", None) or "")
        ]
        record = {"seconds": self.seconds, "libraries": libraries}
        Path(os.environ[VARIABLE]).write_text(json.dumps(record))


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Recorder())
