"""The pytest plugin: options, the choice of tests, and the files that a run writes."""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from contracts.errors import ContractError
from contracts.fakes import watch
from contracts.fixtures import CANARIES, RECORDED, VERIFIED
from contracts.pacts import Interaction, pact_of
from contracts.results import write_result

OUTPUT, PACTS, VERIFIED_OUTPUT = (
    "--contracts-output",
    "--contracts-pacts",
    "--contracts-verified",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("contracts")
    parser.addini(
        watch.INI_OPTION,
        "the folder `contracts`, relative to pyproject.toml: fakes and mocks in unit and integration "
        "tests may answer only what its pacts cover",
    )
    group.addoption(
        OUTPUT,
        type=Path,
        metavar="FOLDER",
        help="record what consumer tests expect, one file for each test that passes, instead of "
        "comparing it with the committed pacts; runs no other tests",
    )
    group.addoption(
        PACTS,
        type=Path,
        metavar="FOLDER",
        help="verify these pacts, such as those of a deployed version, instead of the committed ones; "
        "runs no other tests",
    )
    group.addoption(
        VERIFIED_OUTPUT,
        type=Path,
        metavar="FOLDER",
        help="write a file for each verified interaction, each canary and each result",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "interactions: a test for each interaction of a provider; see `each_interaction`.",
    )
    if config.getoption(OUTPUT) or config.getoption(VERIFIED_OUTPUT):
        config.option.reportchars, config.option.disable_warnings = "N", True
    for name in ("contracts.fixtures", "contracts.fakes.watch"):
        config.pluginmanager.import_plugin(name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for mark in metafunc.definition.iter_markers("interactions"):
        contracts, provider, chosen = mark.args
        # While recording, what isn't recorded yet can't be verified.
        is_recording = metafunc.config.getoption(OUTPUT) is not None
        pacts = metafunc.config.getoption(PACTS)
        found = (
            [] if is_recording else chosen(contracts.interactions(provider=provider, pacts=pacts))
        )
        metafunc.parametrize("interaction", found, ids=str)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption(OUTPUT):
        chosen = [item for item in items if "expecting" in _fixtures_of(item)]
    elif config.getoption(PACTS):
        chosen = [item for item in items if item.get_closest_marker("interactions")]
    else:
        return
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    error = call.excinfo and call.excinfo.value
    if isinstance(error, ContractError) and not error.__cause__:
        report.longrepr = str(error)
    if isinstance(error, ContractError) or not getattr(error, "pytrace", True):
        report.sections.clear()  # the message is enough
    verified: Path | None = item.config.getoption(VERIFIED_OUTPUT)
    if verified and "verify" in _fixtures_of(item):
        _write_result(verified / "results", item, report)
    if report.when == "call" and report.passed:
        for option, key, name in (
            (OUTPUT, RECORDED, ""),
            (VERIFIED_OUTPUT, VERIFIED, "verified"),
            (VERIFIED_OUTPUT, CANARIES, "canaries"),
        ):
            folder: Path | None = item.config.getoption(option)
            if folder:
                _write_each(folder / name, item.stash.get(key, []))
    return report


def _write_result(folder: Path, item: pytest.Item, report: pytest.TestReport) -> None:
    # A skipped test has no result: it verified nothing.
    callspec: Any = getattr(item, "callspec", None)
    if callspec is None or not (report.failed or (report.when == "call" and report.passed)):
        return
    interaction: Interaction = callspec.params["interaction"]
    reason = report.longreprtext if report.failed else ""
    if not reason and interaction not in item.stash.get(VERIFIED, []):
        reason = f"{item.nodeid} passed without verifying the interaction."
    write_result(folder, interaction, reason=reason, seconds=report.duration)


def _fixtures_of(item: pytest.Item) -> Sequence[str]:
    names: Sequence[str] = getattr(item, "fixturenames", ())
    return names


def _write_each(folder: Path, interactions: list[Interaction]) -> None:
    for each in interactions:
        # One folder each, so that parallel workers don't overwrite each other's files.
        own = folder / uuid4().hex
        own.mkdir(parents=True)
        (own / each.file_name).write_text(pact_of([each]), encoding="utf-8")
