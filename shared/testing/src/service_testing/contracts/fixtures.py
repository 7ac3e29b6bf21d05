"""The pytest side of contracts: its option, its fixtures, and what a run leaves behind."""

from collections.abc import AsyncIterator, Callable, Generator, Sequence
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import httpx
import pytest

from service_testing.contracts.consumer import ExpectedProvider, require_committed
from service_testing.contracts.harness import Harness, serving_harness
from service_testing.contracts.pact_files import Contracts, Interaction, pact_of
from service_testing.contracts.results import leave_result
from service_testing.contracts.stand_ins import committed_contracts
from service_testing.contracts.states import ProviderStates
from service_testing.contracts.verification import broken, report, verify
from service_testing.isolation import IsolatedDatabase
from service_testing.service import ServiceUnderTest

_RECORDED = pytest.StashKey[list[Interaction]]()
_VERIFIED = pytest.StashKey[list[Interaction]]()
_CANARIES = pytest.StashKey[list[Interaction]]()
# They are declared in `service_testing.plugin`.
_OPTION = "--contracts-output"
_VERIFIED_OPTION = "--contracts-verified"
_PACTS_OPTION = "--contracts-pacts"


def each_interaction(contracts: Contracts, *, provider: str) -> pytest.MarkDecorator:
    """A test for each of the provider's interactions, with the argument `interaction`.

    The collection of the tests ends with a `ContractError` when there is none.
    """
    return pytest.mark.interactions(contracts, provider, _all)


def first_interactions(contracts: Contracts, *, provider: str) -> pytest.MarkDecorator:
    """As `each_interaction`, with one of each consumer and kind: for the canary."""
    return pytest.mark.interactions(contracts, provider, _first)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for mark in metafunc.definition.iter_markers("interactions"):
        contracts, provider, chosen = mark.args
        # What isn't recorded yet can't be verified, and mustn't keep it from being recorded.
        is_recording = metafunc.config.getoption(_OPTION) is not None
        pacts = metafunc.config.getoption(_PACTS_OPTION)
        found = (
            [] if is_recording else chosen(contracts.interactions(provider=provider, pacts=pacts))
        )
        metafunc.parametrize("interaction", found, ids=str)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption(_OPTION):
        kept = [item for item in items if "expecting" in _fixtures_of(item)]
    elif config.getoption(_PACTS_OPTION):
        kept = [item for item in items if item.get_closest_marker("interactions")]
    else:
        return
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    verified: Path | None = item.config.getoption(_VERIFIED_OPTION)
    if verified and "keeps" in _fixtures_of(item):
        _leave_result(verified / "results", item, report)
    if report.when == "call" and report.passed:
        for option, key, name in (
            (_OPTION, _RECORDED, ""),
            (_VERIFIED_OPTION, _VERIFIED, "kept"),
            (_VERIFIED_OPTION, _CANARIES, "canaries"),
        ):
            folder: Path | None = item.config.getoption(option)
            if folder:
                _leave(folder / name, item.stash.get(key, []))
    return report


def _leave_result(folder: Path, item: pytest.Item, report: pytest.TestReport) -> None:
    # A skip leaves none: nobody has looked.
    callspec: Any = getattr(item, "callspec", None)
    if callspec is None or not (report.failed or (report.when == "call" and report.passed)):
        return
    interaction: Interaction = callspec.params["interaction"]
    reason = report.longreprtext if report.failed else ""
    if not reason and interaction not in item.stash.get(_VERIFIED, []):
        reason = f"{item.nodeid} passes, and has not verified it."
    leave_result(folder, interaction, reason=reason, seconds=report.duration)


def _fixtures_of(item: pytest.Item) -> Sequence[str]:
    names: Sequence[str] = getattr(item, "fixturenames", ())
    return names


def _leave(folder: Path, interactions: list[Interaction]) -> None:
    for each in interactions:
        # A folder for each, so that workers don't overwrite each other's.
        own = folder / uuid4().hex
        own.mkdir(parents=True)
        (own / each.file_name).write_text(pact_of([each]), encoding="utf-8")


@pytest.fixture(scope="session")
def contracts(pytestconfig: pytest.Config) -> Contracts:
    """The folder `contracts` that pytest's option of that name says."""
    found = committed_contracts(pytestconfig)
    if found is None:
        raise pytest.UsageError(
            "Say where the folder `contracts` is, in pyproject.toml below [tool.pytest.ini_options]: "
            'contracts = "../../contracts"'
        )
    return found


@pytest.fixture
def expecting(
    request: pytest.FixtureRequest, service: ServiceUnderTest, contracts: Contracts
) -> Callable[[str], ExpectedProvider]:
    """`expecting("users")` is the provider of that name as this test expects it to be."""
    recorded = request.node.stash.setdefault(_RECORDED, [])
    is_recording = request.config.getoption(_OPTION) is not None

    def record(interaction: Interaction) -> None:
        recorded.append(interaction)
        if not is_recording:
            require_committed(contracts, interaction)

    def expect(provider: str) -> ExpectedProvider:
        return ExpectedProvider(
            contracts,
            consumer=service.name,
            provider=provider,
            test=request.node.nodeid,
            record=record,
        )

    return expect


@pytest.fixture
def provider_states() -> ProviderStates:
    """The states of the provider. A service with consumers overrides this fixture."""
    raise pytest.UsageError(
        "Define the fixture `provider_states` in tests/contract/conftest.py; "
        "it returns the service's ProviderStates."
    )


@pytest.fixture(scope="session")
async def _harness(transport: httpx.ASGITransport) -> AsyncIterator[Harness]:
    async with serving_harness(transport.app) as harness:
        yield harness


def _all(interactions: list[Interaction]) -> list[Interaction]:
    return interactions


def _first(interactions: list[Interaction]) -> list[Interaction]:
    first: dict[tuple[str, bool], Interaction] = {}
    for each in interactions:
        first.setdefault((each.consumer, each.is_message), each)
    return list(first.values())


class HoldsTo(Protocol):
    async def __call__(self, interaction: Interaction) -> None: ...


@pytest.fixture
def keeps(
    request: pytest.FixtureRequest,
    _harness: Harness,
    provider_states: ProviderStates,
    database: IsolatedDatabase,
) -> HoldsTo:
    """A function that fails the test unless the real app keeps the interaction's promise."""

    async def hold(interaction: Interaction) -> None:
        __tracebackhide__ = True
        verdict = await verify(interaction, _harness, provider_states)
        if verdict.exchange.failure is not None:
            raise verdict.exchange.failure
        if verdict.mismatches:
            pytest.fail(report(interaction, verdict), pytrace=False)
        request.node.stash.setdefault(_VERIFIED, []).append(interaction)

    return hold


@pytest.fixture
def notices_a_broken(
    request: pytest.FixtureRequest,
    _harness: Harness,
    provider_states: ProviderStates,
    database: IsolatedDatabase,
) -> HoldsTo:
    """The canary: a function that fails the test when a broken copy of the interaction passes."""

    async def notice(interaction: Interaction) -> None:
        __tracebackhide__ = True
        verdict = await verify(broken(interaction), _harness, provider_states)
        if not verdict.mismatches:
            pytest.fail(
                f"A broken copy of `{interaction}` passes: the verifier passes anything, so no "
                f"result of it counts.\n{verdict.output}",
                pytrace=False,
            )
        request.node.stash.setdefault(_CANARIES, []).append(interaction)

    return notice
