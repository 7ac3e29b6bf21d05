"""What a failed test leaves: the services' logs and states, their databases, the test's requests.

A pytest plugin. The test's report names the folder; no secret is in it.
"""

import re
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

import workspace
from tests.e2e.request_log import RequestLog
from tests.e2e.stack import Stack
from tests.e2e.stash import REQUESTS, STACK


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--evidence",
        type=Path,
        default=workspace.ROOT / "e2e-failures",
        metavar="FOLDER",
        help="where each failed test leaves logs, states, databases and the ids of its requests",
    )


@pytest.fixture
def request_log(request: pytest.FixtureRequest) -> RequestLog:
    """Makes clients whose requests are written to the evidence if this test fails."""
    log = request.node.stash[REQUESTS] = RequestLog()
    return log


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        folder = save_evidence(item)
        names = sorted(path.name for path in folder.iterdir())
        report.sections.append(("evidence", f"{folder}: {', '.join(names)}"))
    return report


def save_evidence(item: pytest.Item) -> Path:
    """Write all that can be read to a folder of this test."""
    folder: Path = item.config.getoption("--evidence") / _folder_name(item)
    shutil.rmtree(folder, ignore_errors=True)  # of an earlier run
    folder.mkdir(parents=True)
    (folder / "requests.txt").write_text(str(item.stash.get(REQUESTS, "")))
    if stack := item.config.stash.get(STACK, None):
        for name, content in _description(stack).items():
            (folder / name).write_text(content)
    return folder


def _description(stack: Stack) -> dict[str, str]:
    try:
        return stack.describe()
    except Exception as error:  # noqa: BLE001 - it must not hide the test's own failure
        return {"description-failed.txt": f"{type(error).__name__}: {error}"}


def _folder_name(item: pytest.Item) -> str:
    worker = getattr(item.config, "workerinput", {}).get("workerid", "")
    return re.sub(r"[^\w.-]+", "-", f"{item.path.stem}-{item.name}{worker and '-'}{worker}")[:120]
