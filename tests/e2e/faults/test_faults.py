"""Each container is killed, paused, disconnected and restarted under load.

Everything acknowledged exists afterwards, the databases agree, and the only error is the documented 503.

tox -e e2e-faults -- --all-faults
tox -e e2e-faults -- --all-faults --events=nats
"""

import asyncio
from collections.abc import Callable

import pytest

from tests.e2e.chaos.parts import parts
from tests.e2e.clients import ApiClient
from tests.e2e.compose import ComposeStack
from tests.e2e.compose_project import NewComposeStack
from tests.e2e.faults.assertions import assert_documented
from tests.e2e.faults.catalogue import FAULTS, READ, Fault
from tests.e2e.faults.impacts import rolling_restart, until_healthy
from tests.e2e.faults.trial import Outcome, Trial

NewTrial = Callable[[str], Trial]


@pytest.fixture
def new_trial(compose_stack: ComposeStack, owner: ApiClient) -> NewTrial:
    """Makes a trial by the name of its fault."""
    return lambda name: Trial(compose_stack, parts()[READ].reads(owner), name)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            fault, id=str(fault), marks=[getattr(pytest.mark, each) for each in fault.marks]
        )
        for fault in FAULTS
    ],
)
async def test_fault_loses_nothing_and_causes_no_error_but_503(
    fault: Fault,
    compose_stack: ComposeStack,
    new_trial: NewTrial,
    record: Callable[[Outcome], None],
) -> None:
    containers = fault.containers(compose_stack.project)

    async def cause_fault() -> None:
        async with fault.impact(compose_stack, containers):
            await asyncio.sleep(fault.duration_seconds)
        for container in containers:
            await until_healthy(container)

    outcome = await new_trial(str(fault)).run(cause_fault)
    record(outcome)
    assert_documented(outcome)
    if fault.leaves_reads_working:
        assert outcome.load.reads.failures == []
    if fault.is_of_broker:
        assert outcome.figures.failed == 0, outcome.load.ledger.outcomes
    assert outcome.figures.duplicates or not fault.redelivers


async def test_rolling_restart_fails_no_request(
    compose_stack: ComposeStack, new_trial: NewTrial, record: Callable[[Outcome], None]
) -> None:
    async def cause_fault() -> None:
        for service in compose_stack.services:
            await rolling_restart(service.copies)

    outcome = await new_trial("rolling restart").run(cause_fault)
    record(outcome)
    assert_documented(outcome)
    assert outcome.figures.failed == 0, outcome.load.ledger.outcomes


@pytest.mark.slow
@pytest.mark.new_project
async def test_upgrade_fails_no_request(
    compose_stack: ComposeStack, new_trial: NewTrial, record: Callable[[Outcome], None]
) -> None:
    assert isinstance(compose_stack, NewComposeStack)
    before = {copy.id for service in compose_stack.services for copy in service.copies}

    async def cause_fault() -> None:
        for service in compose_stack.services:
            await asyncio.to_thread(compose_stack.upgrade, service.name)

    outcome = await new_trial("upgrade").run(cause_fault)
    record(outcome)
    after = {copy.id for service in compose_stack.services for copy in service.copies}
    assert len(after) == len(before)
    assert not after & before
    assert_documented(outcome)
    assert outcome.figures.failed == 0, outcome.load.ledger.outcomes
