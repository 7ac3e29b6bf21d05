"""The gates: what a pipeline runs, a job each, by the names that the pipelines use."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from affected.packages import PACKAGING, PYTHON, Package

ALWAYS = "docs"
"""Whatever changes, a document may name it, and every file has to belong somewhere."""

IMAGES = "images"
"""What is the same in the images of all services."""
STACK = "deploy"
"""What docker-compose.yml says, and what it starts beside the services."""
CONTRACTS = "contracts"
"""The environment of the gates that are parts of the contracts gate."""
CONSUMERS = "contract consumers"
PROVIDER = "contract provider "
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
    arguments: str = ""
    installs_more: bool = False
    """Its environment needs more than it looks at."""

    @property
    def command(self) -> str:
        place = f"cd {self.folder} && " if self.folder else ""
        options = f" -- {self.arguments}" if self.arguments else ""
        return f"{place}tox -e {self.environment}{options}"


def all_gates(packages: Sequence[Package]) -> list[Gate]:
    """In the order of the stages."""
    services = [each for each in packages if each.is_service]
    return [
        Gate(name="lint", environment="lint", reads=(PYTHON,), installs_more=True),
        # GitLab keeps the word `types` to itself.
        Gate(name="check types", environment="types", reads=(PYTHON,), installs_more=True),
        *(_of_the_root(name) for name in (ALWAYS, "pipelines", "tools")),
        # Whatever every file is to the documents, it is to the scan too.
        _of_the_root("secrets", ALWAYS),
        Gate(name="licences", environment="licences", reads=(PACKAGING,), installs_more=True),
        _of_the_root("audit", IMAGES, *(each.pins for each in services)),
        _of_the_root("stack", STACK, IMAGES, *(each.pins for each in services)),
        _of_the_root("alerts", STACK),
        *(
            Gate(
                name=f"test {package.name}",
                environment="py311",
                folder=package.folder,
                reads=(package.tests, MEASURE),
            )
            for package in packages
        ),
        *_of_contracts(services),
        *(_image(service) for service in services),
        *_of_the_stack(packages),
        *(_of_the_root(name) for name in ("e2e-local", "schemathesis", "chaos")),
        _of_the_root("coverage", *(each.tests for each in packages)),
    ]


def _image(service: Package) -> Gate:
    return Gate(
        name=f"image {service.name}",
        environment="image",
        arguments=service.name,
        reads=(service.code, service.pins, IMAGES),
    )


def _of_contracts(services: Sequence[Package]) -> Iterator[Gate]:
    consumers = Gate(
        name=CONSUMERS,
        environment=CONTRACTS,
        arguments="consumers",
        reads=tuple(each.tests for each in services),
    )
    providers = [_provider(service) for service in services]
    whole = (consumers.name, *(each.name for each in providers))
    yield from (consumers, *providers)
    yield Gate(
        name="contract report",
        environment=CONTRACTS,
        arguments="--report=contract-report.html",
        reads=whole,
    )
    # It tries edits of whatever the gate reads.
    yield _of_the_root("contract-drift", *whole)
    # It is in a document, which shows what the gate says.
    yield _of_the_root("contract-example", *whole, "docs/contracts.md")


def _provider(service: Package) -> Gate:
    """It runs the contract tests of one service, in an environment with what all of them need."""
    return Gate(
        name=f"{PROVIDER}{service.name}",
        environment=CONTRACTS,
        arguments=f"{service.name} deployment",
        reads=(service.tests, PACKAGING),
        installs_more=True,
    )


def _of_the_stack(packages: Sequence[Package]) -> Iterator[Gate]:
    """Gates in which the containers of docker-compose.yml run."""
    images = [f"image {each.name}" for each in packages if each.is_service]
    shared = [each.code for each in packages if not each.is_service]
    for tests in ("e2e", "faults"):
        yield Gate(
            name={"faults": "e2e-faults"}.get(tests, tests),
            environment="e2e-beside",
            arguments=tests,
            reads=(f"tests/{tests}", "tests/e2e", STACK, *images, *shared),
        )


def _of_the_root(name: str, *reads: str) -> Gate:
    return Gate(name=name, environment=name, reads=reads)
