"""Runs steps at the same time where they don't get into each other's way."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import chain, groupby, repeat
from signal import SIGINT, SIGKILL, Signals
from threading import Event

from checks.results import Result
from checks.steps import Step

# Python may miss the wake-up of a signal that comes just as a wait begins, so no wait is long.
_WAIT_SECONDS = 0.2
_GRACE_SECONDS = 5.0

RunStep = Callable[[Step], Result]


def run_all(
    steps: Sequence[Step], run_step: RunStep, *, jobs: int, interrupt: Callable[[Signals], None]
) -> list[Result]:
    """The results of all steps, in their order; what `is_first` is started before the others.

    On Ctrl-C nothing more is started, and `interrupt` has to send a signal to what runs.
    """
    interrupted = Event()

    def run_lane(lane: Iterable[Step]) -> list[Result]:
        return [run_step(step) for step in lane if not interrupted.is_set()]

    with ThreadPoolExecutor(jobs) as pool:
        lanes = [pool.submit(run_lane, lane) for lane in _lanes(steps)]
        pending = set(lanes)
        try:
            while pending:
                _, pending = wait(pending, timeout=_WAIT_SECONDS)
        except KeyboardInterrupt:
            interrupted.set()
            for number in chain([SIGINT], repeat(SIGKILL)):
                interrupt(number)
                if not wait(pending, timeout=_GRACE_SECONDS).not_done:
                    raise
    results = {result.step: result for lane in lanes for result in lane.result()}
    return [results[step] for step in steps]


def _lanes(steps: Iterable[Step]) -> list[list[Step]]:
    """Groups of steps that have to run one after another."""
    lanes = [list(lane) for _, lane in groupby(steps, key=lambda step: step.lane)]
    return sorted(lanes, key=lambda lane: not lane[0].is_first)
