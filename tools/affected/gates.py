"""The gates: what a pipeline runs, a job each, by the names that the pipelines use."""

from collections.abc import Sequence
from dataclasses import dataclass

from affected.packages import PYTHON, Package

ALWAYS = "docs"
"""Whatever changes, a document may name it, and every file has to belong somewhere."""

MEASURE = "tools/check_coverage.py"
"""A package's tests are measured on the newest Python."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One question to the repository, and the command that asks it at home."""

    name: str
    environment: str
    """Of tox, in `folder`."""
    folder: str = ""
    reads: tuple[str, ...] = ()
    """What no import and no setting of tox says."""

    @property
    def command(self) -> str:
        place = f"cd {self.folder} && " if self.folder else ""
        return f"{place}tox -e {self.environment}"


def all_gates(packages: Sequence[Package]) -> list[Gate]:
    """In the order of the stages."""
    services = [each for each in packages if each.is_service]
    return [
        _of_the_root("lint", PYTHON),
        # GitLab keeps the word `types` to itself.
        Gate(name="check types", environment="types", reads=(PYTHON,)),
        *(_of_the_root(name) for name in (ALWAYS, "pipelines", "tools")),
        _of_the_root("stack", "deploy"),
        *(
            Gate(
                name=f"test {package.name}",
                environment="py311",
                folder=package.folder,
                reads=(package.tests, MEASURE),
            )
            for package in packages
        ),
        _of_the_root("contracts", *(each.tests for each in services)),
        # It tries edits of whatever the gate above reads.
        _of_the_root("contract-drift", "contracts"),
        *(_of_the_root(name) for name in ("e2e-local", "schemathesis", "chaos")),
        _of_the_root("coverage", *(each.tests for each in packages)),
    ]


def _of_the_root(name: str, *reads: str) -> Gate:
    return Gate(name=name, environment=name, reads=reads)
