"""Each container is killed, paused, cut off and restarted while people use the product.

What was acknowledged is there afterwards, both databases agree, and nobody sees another error than the documented 503.

tox -e e2e-faults -- --all-faults
"""

import asyncio
from collections.abc import Callable

import pytest
from catalogue import FAULTS, Fault
from compose import ComposeStack
from harm import restart_one_after_the_other, until_healthy
from judgement import assert_documented
from own_compose import OwnComposeStack
from people import Person
from selling import put_up
from trial import Outcome, Trial

NewTrial = Callable[[str], Trial]


@pytest.fixture
def new_trial(compose_stack: ComposeStack, seller: Person) -> NewTrial:
    """By the name of the fault; an item is up that nobody touches."""
    return lambda name: Trial(compose_stack, put_up(seller), name)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault, id=str(fault), marks=[] if fault.is_quick else [pytest.mark.slow])
        for fault in FAULTS
    ],
)
async def test_a_fault_loses_nothing_and_is_seen_as_a_503_at_most(
    fault: Fault,
    compose_stack: ComposeStack,
    new_trial: NewTrial,
    record: Callable[[Outcome], None],
) -> None:
    containers = fault.containers(compose_stack.project)

    async def harm() -> None:
        async with fault.harm(compose_stack.project, containers):
            await asyncio.sleep(fault.lasts_seconds)
        for container in containers:
            await until_healthy(container)

    outcome = await new_trial(str(fault)).run(harm)
    record(outcome)
    assert_documented(outcome)
    if fault.spares_reads:
        assert outcome.load.reads.failures == []


async def test_a_rolling_restart_is_noticed_by_nobody(
    compose_stack: ComposeStack, new_trial: NewTrial, record: Callable[[Outcome], None]
) -> None:
    async def harm() -> None:
        for service in compose_stack.services:
            await restart_one_after_the_other(service.copies)

    outcome = await new_trial("rolling restart").run(harm)
    record(outcome)
    assert_documented(outcome)
    assert outcome.figures.failed == 0, outcome.load.ledger.outcomes


@pytest.mark.slow
@pytest.mark.own_project
async def test_an_upgrade_is_noticed_by_nobody(
    compose_stack: ComposeStack, new_trial: NewTrial, record: Callable[[Outcome], None]
) -> None:
    assert isinstance(compose_stack, OwnComposeStack)
    before = {copy.id for service in compose_stack.services for copy in service.copies}

    async def harm() -> None:
        for service in compose_stack.services:
            await asyncio.to_thread(compose_stack.upgrade, service.name)

    outcome = await new_trial("upgrade").run(harm)
    record(outcome)
    after = {copy.id for service in compose_stack.services for copy in service.copies}
    assert len(after) == len(before)
    assert not after & before
    assert_documented(outcome)
    assert outcome.figures.failed == 0, outcome.load.ledger.outcomes
