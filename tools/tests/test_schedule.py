"""Which steps run at the same time."""

from pathlib import Path
from signal import Signals
from threading import Barrier, Lock

from checks.results import Outcome, Result
from checks.schedule import run_all
from checks.steps import Step


def step(name: str, database: str = "") -> Step:
    return Step(name=name, folder=Path(), tox_env="py", database=database)


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
