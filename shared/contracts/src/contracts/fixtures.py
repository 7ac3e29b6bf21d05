"""The fixtures of the pytest plugin."""

from collections.abc import AsyncIterator, Callable

import pytest
from starlette.types import ASGIApp

from contracts.consumer.expected_provider import ExpectedProvider, require_committed
from contracts.errors import ContractError
from contracts.fakes.watch import committed_contracts
from contracts.pacts import Contracts, Interaction
from contracts.provider.harness import Exchange, Harness, serving_harness
from contracts.provider.marks import Verify
from contracts.provider.states import ProviderStates
from contracts.provider.verification import Outcome, report
from contracts.provider.verification import verify as verify_once

RECORDED = pytest.StashKey[list[Interaction]]()
VERIFIED = pytest.StashKey[bool]()
"""Whether the test has verified its interaction, or its canary was rejected."""


@pytest.fixture(scope="session")
def contracts(pytestconfig: pytest.Config) -> Contracts:
    """The folder that pytest's option `contracts` names."""
    found = committed_contracts(pytestconfig)
    if found is None:
        raise pytest.UsageError(
            "Set the folder of the contracts in pyproject.toml, in [tool.pytest.ini_options]: "
            'contracts = "../../contracts"'
        )
    return found


@pytest.fixture(scope="session")
def participant(pytestconfig: pytest.Config) -> str:
    """The name of this service in contracts. By default it is the name of its folder."""
    return pytestconfig.rootpath.name


@pytest.fixture
def expecting(
    request: pytest.FixtureRequest, participant: str, contracts: Contracts
) -> Callable[[str], ExpectedProvider]:
    """`expecting("catalog")` is the provider of that name, as this test expects it."""
    recorded = request.node.stash.setdefault(RECORDED, [])
    is_recording = request.config.getoption("--contracts-output") is not None

    def record(interaction: Interaction) -> None:
        recorded.append(interaction)
        if not is_recording:
            require_committed(contracts, interaction)

    def expect(provider: str) -> ExpectedProvider:
        return ExpectedProvider(
            contracts,
            consumer=participant,
            provider=provider,
            test=request.node.nodeid,
            record=record,
        )

    return expect


@pytest.fixture(scope="module")
async def _harness(provider_app: ASGIApp) -> AsyncIterator[Harness]:
    async with serving_harness(provider_app) as harness:
        yield harness


@pytest.fixture
def verify(
    request: pytest.FixtureRequest, _harness: Harness, provider_states: ProviderStates
) -> Verify:
    """A function that fails the test unless the real app satisfies the interaction.

    It also fails if the states that the catalogue lists, the handlers and the interactions differ.
    """
    mark = request.node.get_closest_marker("interactions")
    # A deployed pact may use older states.
    is_checked = mark and request.config.getoption("--contracts-pacts") is None
    is_in_gate = request.config.getoption("--contracts-verified") is not None

    async def run(interaction: Interaction) -> None:
        __tracebackhide__ = True
        if is_checked and (problems := _harness.problems(type(provider_states), *mark.args[:2])):
            pytest.fail(problems, pytrace=False)
        try:
            outcome = await verify_once(interaction, _harness, provider_states)
        except ContractError:
            raise
        except Exception as error:  # noqa: BLE001 - raised below, or reported
            outcome = Outcome([], Exchange(failure=error), "")
        if outcome.exchange.failure is not None and not is_in_gate:
            raise outcome.exchange.failure
        if outcome.mismatches or outcome.exchange.failure:
            pytest.fail(report(interaction, outcome), pytrace=False)
        request.node.stash[VERIFIED] = True

    return run


@pytest.fixture
def verify_canary(
    request: pytest.FixtureRequest, _harness: Harness, provider_states: ProviderStates
) -> Verify:
    """The canary: a function that fails the test if the interaction, a broken copy, passes."""

    async def run(interaction: Interaction) -> None:
        __tracebackhide__ = True
        outcome = await verify_once(interaction, _harness, provider_states)
        if not outcome.mismatches:
            pytest.fail(
                f"A broken copy of `{interaction}` passes: the verifier passes everything, so its "
                f"results are not valid.\n{outcome.output}",
                pytrace=False,
            )
        request.node.stash[VERIFIED] = True

    return run
