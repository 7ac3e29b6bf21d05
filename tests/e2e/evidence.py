"""What a failed test leaves behind: the services' logs and states, their databases, the test's requests.

A pytest plugin. The folder is named in the test's report; nothing in it is a secret.
"""

import re
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from calls import CallLog
from keys import CALLS, STACK
from stack import ROOT, Stack


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--evidence",
        type=Path,
        default=ROOT / "e2e-failures",
        metavar="FOLDER",
        help="where each failed test leaves logs, states, databases and its requests' ids",
    )


@pytest.fixture
def calls(request: pytest.FixtureRequest) -> CallLog:
    """Makes clients whose requests are in the evidence, should this test fail."""
    log = request.node.stash[CALLS] = CallLog()
    return log


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        folder = leave_evidence(item)
        report.sections.append(("left behind", f"{folder}: {', '.join(_names_in(folder))}"))
    return report


def leave_evidence(item: pytest.Item) -> Path:
    """Write all that can be had to a folder of the test's own."""
    folder: Path = item.config.getoption("--evidence") / _folder_name(item)
    shutil.rmtree(folder, ignore_errors=True)  # of an earlier run
    folder.mkdir(parents=True)
    (folder / "requests.txt").write_text(str(item.stash.get(CALLS, "")))
    if stack := item.config.stash.get(STACK, None):
        for name, content in _described(stack).items():
            (folder / name).write_text(content)
    return folder


def _described(stack: Stack) -> dict[str, str]:
    try:
        return stack.describe()
    except Exception as error:  # noqa: BLE001 - the test's own failure is the one to be shown
        return {"description-failed.txt": f"{type(error).__name__}: {error}"}


def _folder_name(item: pytest.Item) -> str:
    worker = getattr(item.config, "workerinput", {}).get("workerid", "")
    return re.sub(r"[^\w.-]+", "-", f"{item.path.stem}-{item.name}{worker and '-'}{worker}")[:120]


def _names_in(folder: Path) -> Iterator[str]:
    return (path.name for path in sorted(folder.iterdir()))
