"""The pytest plugin: options, the choice of tests, and the files that a run writes."""

import importlib.util
import traceback
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from contracts.errors import ContractError
from contracts.fakes import watch
from contracts.fixtures import RECORDED, VERIFIED
from contracts.pacts import canonical, pact_of
from contracts.results import write_result

OUTPUT, OPENAPI, ASYNCAPI = "--contracts-output", "--contracts-openapi", "--contracts-asyncapi"
PACTS, VERIFIED_OUTPUT = "--contracts-pacts", "--contracts-verified"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("contracts")
    parser.addini(
        watch.INI_OPTION,
        "the folder `contracts`, relative to pyproject.toml: fakes and mocks in unit and integration "
        "tests may answer only what its pacts cover",
    )
    for name, kind, metavar, told in (
        (OUTPUT, Path, "FOLDER", "record what consumer tests expect instead of comparing it"),
        (OPENAPI, str, "MODULE:NAME", "write the description of this app or function there, too"),
        (ASYNCAPI, str, "MODULE:NAME", "and what this function returns, if there is the module"),
        (
            PACTS,
            Path,
            "FOLDER",
            "verify these pacts, such as deployed ones, and run no other tests",
        ),
        (VERIFIED_OUTPUT, Path, "FOLDER", "write the result of each verification"),
    ):
        group.addoption(name, type=kind, metavar=metavar, help=told)


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
        pacts, found = metafunc.config.getoption(PACTS), []
        if _is_verifying(metafunc.config):  # what isn't recorded yet can't be verified
            found = [*chosen(contracts.interactions(provider=provider, pacts=pacts))]
        metafunc.parametrize("interaction", found, ids=str)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    is_recording, is_other = config.getoption(OUTPUT), config.getoption(PACTS)
    if not is_recording and not is_other:
        return
    chosen = [
        item
        for item in items
        if (is_recording and "expecting" in _fixtures_of(item))
        or (_is_verifying(config) and item.get_closest_marker("interactions"))
    ]
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
    if report.failed or (report.when == "call" and report.passed):
        _write(item, report)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the descriptions, after the tests have set up what the app needs."""
    output, app, events = map(session.config.getoption, (OUTPUT, OPENAPI, ASYNCAPI))
    if output and app:
        try:
            found = _imported(app)
            written = {"openapi": (found if hasattr(found, "openapi") else found()).openapi()}
            if events and _exists(events):
                written["asyncapi"] = _imported(events)()
        except Exception:  # noqa: BLE001 - the gate shows the output, and misses the files
            traceback.print_exc()
        else:
            output.mkdir(parents=True, exist_ok=True)
            for name, description in written.items():
                (output / f"{name}.json").write_text(canonical(description), encoding="utf-8")


def _imported(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def _exists(place: str) -> bool:
    try:
        return importlib.util.find_spec(place.partition(":")[0]) is not None
    except ModuleNotFoundError:  # of a package around it
        return False


def _is_verifying(config: pytest.Config) -> bool:
    return not config.getoption(OUTPUT) or bool(config.getoption(VERIFIED_OUTPUT))


def _write(item: pytest.Item, report: pytest.TestReport) -> None:
    """What the gate reads. A skipped test leaves nothing: it verified nothing."""
    recorded, verified = (item.config.getoption(each) for each in (OUTPUT, VERIFIED_OUTPUT))
    if recorded and "expecting" in _fixtures_of(item):
        # One folder each, so that parallel workers don't overwrite each other's files.
        files = [
            ("pacts", each.file_name, pact_of([each])) for each in item.stash.get(RECORDED, [])
        ]
        if report.failed:
            files = [("failed", "reason.txt", f"{item.nodeid}\n{report.longreprtext}")]
        for kind, name, text in files:
            own = recorded / kind / uuid4().hex
            own.mkdir(parents=True)
            (own / name).write_text(text, encoding="utf-8")
    if (
        verified
        and (callspec := getattr(item, "callspec", None))
        and {"verify", "verify_canary"} & {*_fixtures_of(item)}
    ):
        reason = report.longreprtext if report.failed else ""
        if not reason and not item.stash.get(VERIFIED, False):
            reason = f"{item.nodeid} passed without verifying the interaction."
        write_result(
            verified / "results",
            callspec.params["interaction"],
            reason=reason,
            seconds=report.duration,
            is_canary="verify_canary" in _fixtures_of(item),
        )


def _fixtures_of(item: pytest.Item) -> Sequence[str]:
    names: Sequence[str] = getattr(item, "fixturenames", ())
    return names
