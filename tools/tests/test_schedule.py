"""Which steps run at the same time."""

from pathlib import Path
from signal import Signals
from threading import Barrier, Lock

from checks.results import Outcome, Result
from checks.schedule import run_all
from checks.steps import Step


def step(name: str, database: str = "", *, is_first: bool = False) -> Step:
    return Step(name=name, folder=Path(), tox_env="py", database=database, is_first=is_first)


def never(_: Signals) -> None:
    raise AssertionError("Nobody interrupts.")


def test_two_packages_run_at_the_same_time() -> None:
    both_are_running = Barrier(2)

    def run_step(step: Step) -> Result:
        both_are_running.wait()
        return Result(step=step, outcome=Outcome.PASSED)

    run_all([step("users"), step("items")], run_step, jobs=2, interrupt=never)


def test_steps_of_one_package_run_one_after_another() -> None:
    alone = Lock()

    def run_step(step: Step) -> Result:
        assert alone.acquire(blocking=False)
        alone.release()
        return Result(step=step, outcome=Outcome.PASSED)

    steps = [step("users", "sqlite"), step("users", "postgres")]
    results = run_all(steps, run_step, jobs=2, interrupt=never)

    assert [result.step for result in results] == steps


def test_what_takes_longest_is_started_first_and_shown_in_its_place() -> None:
    started = []

    def run_step(step: Step) -> Result:
        started.append(step.name)
        return Result(step=step, outcome=Outcome.PASSED)

    steps = [step("lint"), step("users"), step("coverage", is_first=True)]
    results = run_all(steps, run_step, jobs=1, interrupt=never)

    assert started == ["coverage", "lint", "users"]
    assert [result.step for result in results] == steps
