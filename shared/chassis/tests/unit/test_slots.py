"""The number of simultaneous deliveries follows the subscriber."""

import asyncio

import pytest

from chassis.events.outbox.slots import Slots

pytestmark = pytest.mark.anyio


def late(slots: Slots, count_at_begin: int) -> int:
    slots.note(is_late=True, count_at_begin=count_at_begin)
    return slots.count


async def test_late_answers_of_one_round_halve_the_slots_once() -> None:
    slots = Slots(16)
    assert [late(slots, 16) for _ in range(16)] == [8] * 16
    assert [late(slots, 8), late(slots, 4), late(slots, 2), late(slots, 1)] == [4, 2, 1, 1]


async def test_as_many_answers_in_time_as_there_are_slots_add_one() -> None:
    slots = Slots(4)
    late(slots, 4)
    counts = []
    for _ in range(9):
        slots.note(is_late=False, count_at_begin=2)
        counts.append(slots.count)
    assert counts == [2, 3, 3, 3, 4, 4, 4, 4, 4]


async def test_no_more_deliveries_run_than_there_are_slots() -> None:
    slots = Slots(4)
    late(slots, 4)
    running, most = 0, 0

    async def deliver() -> None:
        nonlocal running, most
        async with slots.taken():
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(deliver() for _ in range(10)))
    assert most == 2
