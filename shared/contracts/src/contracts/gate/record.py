"""What a run of the gate found. A step that did not run is never shown as passed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from contracts.errors import ContractError
from contracts.gate.deployment import Answer
from contracts.results import Result

STEPS = {
    "verified": "Each provider satisfies its consumers",
    "described": "Requests and responses conform to OpenAPI",
    "compatible": "No description removes what a consumer uses",
    "committed": "Pacts and descriptions are up to date",
    "deployable": "Each service can be deployed next to what is deployed",
}
Outcome = Literal["not reached", "not asked", "passed", "failed"]
NOT_REACHED: Outcome = "not reached"
NOT_ASKED: Outcome = "not asked"
PASSED: Outcome = "passed"
FAILED: Outcome = "failed"
INCOMPLETE = "incomplete"


@dataclass
class Step:
    title: str
    outcome: Outcome = NOT_REACHED
    text: str = ""


@dataclass
class Record:
    part: str = ""
    """Empty in a record of all parts."""
    commit: str = ""
    steps: dict[str, Step] = field(
        default_factory=lambda: {name: Step(title) for name, title in STEPS.items()}
    )
    results: list[Result] = field(default_factory=list)
    canaries: set[str] = field(default_factory=set)
    """The providers whose canary was rejected."""
    answers: list[Answer] = field(default_factory=list)
    """Whether each service can be deployed."""
    missing: list[str] = field(default_factory=list)
    """The parts without a record, in a record of several parts."""
    problems: list[str] = field(default_factory=list)
    """Why files of records are ignored."""

    def run(self, name: str, function: Callable[[Callable[[str], None]], None]) -> None:
        """Run the step. An exception is a failure; after a `ContractError` the next steps still run.

        The function gets one that prints a text and records it.
        """
        step = self.steps[name]

        def report(text: str) -> None:
            print(text, flush=True)
            step.text += f"{text}\n"

        try:
            function(report)
        except BaseException as error:
            step.outcome = FAILED
            step.text += str(error) or type(error).__name__
            if not isinstance(error, ContractError):
                raise
            print(f"\n{error}\n", flush=True)
        if step.outcome == NOT_REACHED:
            step.outcome = PASSED

    def skip(self, name: str, text: str) -> None:
        """The text says why the step isn't asked for."""
        self.steps[name].outcome, self.steps[name].text = NOT_ASKED, text

    @property
    def is_failed(self) -> bool:
        return any(step.outcome == FAILED for step in self.steps.values())

    @property
    def verdict(self) -> str:
        """Incomplete if no part failed but some have no record."""
        outcomes = {step.outcome for step in self.steps.values()}
        if outcomes <= {PASSED, NOT_ASKED}:
            return PASSED
        return INCOMPLETE if self.missing and FAILED not in outcomes else FAILED
