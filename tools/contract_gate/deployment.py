"""Can a service be deployed beside what is deployed? Asked of git, answered by verification.

As a provider it is verified against each deployed consumer's pact; as a consumer, its own pact against
each deployed provider, which is run from a worktree at its tag, in the environment that it pinned.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from contract_gate import deployed, services
from contract_gate.services import SERVICES, GateFailed, run_contract_tests
from service_testing.contracts.pact_files import Interaction, parsed, read_all

_MOST_SECONDS = 600


@dataclass(frozen=True)
class Answer:
    is_yes: bool
    sentence: str
    output: str = ""
    """Of the verification that said no."""


def answers(together: Collection[str]) -> Iterator[Answer]:
    """For each pair of one that is to be deployed and one that is, and stays.

    Raises:
        GateFailed: it isn't known what is deployed, or a deployed version can't be run.
    """
    others = [other for other in SERVICES if other not in together and deployed.is_deployed(other)]
    for service in sorted(together):
        for other in others:
            yield from _as_provider(service, consumer=other)
            yield from _as_consumer(service, provider=other)


def _as_provider(service: str, *, consumer: str) -> Iterator[Answer]:
    name = f"{consumer}-{service}.json"
    pact = deployed.file_at(consumer, f"contracts/pacts/{name}")
    if pact is None:
        return
    question = f"{service} as provider of the deployed {consumer}"
    if _text(services.PACTS / name) == pact:
        yield Answer(True, f"{question}: yes, it needs what was verified above.")
        return
    with TemporaryDirectory() as folder:
        run = run_contract_tests(service, *_options(Path(folder), name, pact))
        yield _answer(question, run, parsed(Path(name), pact), Path(folder))


def _as_consumer(service: str, *, provider: str) -> Iterator[Answer]:
    name = f"{service}-{provider}.json"
    pact = _text(services.PACTS / name)
    if pact is None:
        return
    question = f"{service} as consumer of the deployed {provider}"
    if deployed.file_at(provider, f"contracts/pacts/{name}") == pact:
        yield Answer(True, f"{question}: yes, the contract is the one that it was verified with.")
        return
    with TemporaryDirectory() as folder:
        run = _run_deployed(provider, _options(Path(folder), name, pact))
        yield _answer(question, run, parsed(Path(name), pact), Path(folder))


def _options(folder: Path, name: str, pact: str) -> list[str]:
    (folder / "pacts").mkdir()
    (folder / "pacts" / name).write_text(pact, encoding="utf-8")
    return [f"--contracts-pacts={folder / 'pacts'}", f"--contracts-verified={folder / 'verified'}"]


def _answer(
    question: str,
    run: "subprocess.CompletedProcess[str]",
    expected: list[Interaction],
    folder: Path,
) -> Answer:
    kept = {each.description for each in read_all(folder / "verified/kept")}
    lost = [each.description for each in expected if each.description not in kept]
    if run.returncode == 0 and not lost:
        return Answer(True, f"{question}: yes, {len(kept)} interactions are kept.")
    listed = ", ".join(f"`{each}`" for each in lost) or "the run itself"
    return Answer(False, f"{question}: NO. Not kept: {listed}.", run.stdout)


def _run_deployed(service: str, options: list[str]) -> "subprocess.CompletedProcess[str]":
    """The deployed version's own tests, in a worktree that is kept for the next time."""
    folder = services.ROOT / ".tox/deployed" / service
    deployed.check_out(service, folder)
    pins = hashlib.sha256((folder / "constraints.txt").read_bytes()).hexdigest()
    made_for = folder / ".tox/made-for"
    is_made = made_for.is_file() and made_for.read_text() == pins
    python = f"py{sys.version_info.major}{sys.version_info.minor}"
    command = [sys.executable, "-m", "tox", "-q", "-e", python]
    command += [] if is_made else ["--recreate"]
    command += ["--", "-q", "tests/contract", *options]
    # Those of the environment that this runs in would be taken for that one's.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TOX_", "VIRTUAL_ENV", "PYTEST_"))
    }
    try:
        run = subprocess.run(
            command,
            cwd=folder / "services" / service,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise GateFailed(f"The deployed {service}: not done after {error.timeout} s.") from None
    made_for.parent.mkdir(exist_ok=True)
    made_for.write_text(pins)
    return run


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
