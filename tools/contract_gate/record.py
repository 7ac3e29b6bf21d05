"""What one run of the gate found. What it hasn't come to is there as such, and never as passed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from contract_gate.deployment import Answer
from service_testing.contracts.pact_files import read_all
from service_testing.contracts.results import Result, read_results

STEPS = {
    "committed": "What is committed is what tests and services say",
    "kept": "Each provider keeps what its consumers need",
    "described": "Requests and answers are as described by OpenAPI",
    "published": "No description takes away what a consumer uses",
    "deployable": "Each service can be deployed beside what is deployed",
}
NOT_REACHED, NOT_ASKED, PASSED, FAILED = "not reached", "not asked", "passed", "failed"
INCOMPLETE = "incomplete"


@dataclass
class Step:
    title: str
    outcome: str = NOT_REACHED
    text: str = ""


@dataclass
class Record:
    steps: dict[str, Step] = field(
        default_factory=lambda: {name: Step(title) for name, title in STEPS.items()}
    )
    results: list[Result] = field(default_factory=list)
    canaries: set[str] = field(default_factory=set)
    """The providers that noticed a broken copy."""
    answers: list[Answer] = field(default_factory=list)
    """Whether each service can be deployed."""
    missing: list[str] = field(default_factory=list)
    """The parts that left no record, where it is made of several."""

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        """Gives a function that prints what was found, and keeps it. An exception is a failure."""
        step = self.steps[name]

        def say(text: str) -> None:
            print(text, flush=True)
            step.text += f"{text}\n"

        try:
            yield say
        except BaseException as error:
            step.outcome = FAILED
            step.text += str(error) or type(error).__name__
            raise
        if step.outcome == NOT_REACHED:
            step.outcome = PASSED

    def take(self, verified: Path) -> None:
        """Remember what `--contracts-verified` left in the folder."""
        self.results += read_results(verified / "results")
        self.canaries |= {each.provider for each in read_all(verified / "canaries")}

    @property
    def verdict(self) -> str:
        """Of a gate whose parts all pass, but not all were run, neither passed nor failed."""
        outcomes = {step.outcome for step in self.steps.values()}
        if outcomes <= {PASSED, NOT_ASKED}:
            return PASSED
        return INCOMPLETE if self.missing and FAILED not in outcomes else FAILED
