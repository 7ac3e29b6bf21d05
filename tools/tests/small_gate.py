"""The contracts gate on a project of one service, which is its own consumer and provider.

It is the real gate, pytest plugin and verifier. Only the processes are left out: their starts would take
most of the time.
"""

import importlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import check_contracts
import pytest
from contract_gate import deployed, deployment, published, services, verified

from service_testing.contracts.pact_files import canonical

# Each run within this process forgets what it imported: those that every run needs are here before.
for module in (
    *(
        "alembic.command",
        "alembic.context",
        "alembic.op",
        "chassis.db.migrations",
        "chassis.db.sessions",
    ),
    *("service_testing.fixtures.app", "service_testing.contracts.fixtures"),
    *(
        "sqlalchemy.dialects.sqlite.aiosqlite",
        "uvicorn.lifespan.off",
        "uvicorn.protocols.http.auto",
    ),
):
    importlib.import_module(module)

EXAMPLE = Path(__file__).parents[2] / "shared/testing/tests/example"
NAME = "example"
STATES = '[example."a note"]\ntitle = "str"\n'
CONFTEST = """
from pathlib import Path

import pytest
from example.app import Note, create_app
from service_testing.contracts.states import ProviderStates, state_handler
from service_testing.service import ServiceUnderTest

@pytest.fixture(scope="session")
def service():
    return ServiceUnderTest(
        name="example",
        create_app=create_app,
        migrations=Path(create_app.__code__.co_filename).parent / "migrations",
        keep_tables=["starts"],
    )

class States(ProviderStates):
    def __init__(self, session):
        self._session = session

    @state_handler("a note")
    async def note(self, title: str):
        self._session.add(Note(title=title))
        await self._session.commit()

@pytest.fixture
def provider_states(session):
    return States(session)
"""
CONSUMER = """
import httpx
from service_testing.contracts.catalogue import state
from service_testing.contracts.consumer import Request, Response

async def test_all_notes(expecting):
    with expecting("example").answers(
        "all notes",
        given=[state("a note", title="milk")],
        request=Request(method="GET", path="/notes/"),
        response=Response(status=200, body=["milk"]),
    ) as url:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            assert (await http.get("/notes/")).json() == ["milk"]

async def test_no_notes(expecting):
    with expecting("example").answers(
        "no notes",
        given=[],
        request=Request(method="GET", path="/notes/"),
        response=Response(status=200, body=[]),
    ) as url:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            assert (await http.get("/notes/")).json() == []
"""
PROVIDER = """
from pathlib import Path

import pytest
from conftest import States
from service_testing.contracts.fixtures import each_interaction, first_interactions
from service_testing.contracts.pact_files import Contracts
from service_testing.contracts.states import check_states

CONTRACTS = Contracts(Path(__file__).parents[4] / "contracts")
PROVIDER = "example"
pytestmark = pytest.mark.committed

@each_interaction(CONTRACTS, provider=PROVIDER)
async def test_interaction_is_kept(interaction, keeps):
    await keeps(interaction)

@first_interactions(CONTRACTS, provider=PROVIDER)
async def test_canary(interaction, notices_a_broken):
    await notices_a_broken(interaction)

def test_states():
    check_states(States, CONTRACTS, PROVIDER)
"""
_COMMITTED: dict[Path, str] = {}
INI = "[pytest]\ncontracts = ../../contracts\n"


class SmallGate:
    """In a folder of its own, with everything committed as it should be."""

    def __init__(
        self,
        pytester: pytest.Pytester,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self.root = pytester.path
        self._pytester, self._patch, self._capsys = pytester, monkeypatch, capsys
        self.tests = self.root / "services/example/tests/contract"
        self.pact = self.root / "contracts/pacts/example-example.json"
        shutil.copytree(EXAMPLE, self.root / "example")
        self.write(self.root / "contracts/states.toml", STATES)
        self.write(self.root / "contracts/bootstrap.toml", "example = 9999-12-31\n")
        self.write(self.root / "services/example/pytest.ini", INI)
        self.write(self.tests / "conftest.py", CONFTEST)
        self.write(self.tests / "test_consumer.py", CONSUMER)
        self.write(self.tests / "test_provider.py", PROVIDER)
        self._install()
        self._commit()

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def edit(self, path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def edit_pact(self, **changes: Any) -> None:
        self.pact.write_text(json.dumps({**json.loads(self.pact.read_text()), **changes}))

    @property
    def interactions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.pact.read_text())["interactions"]
        return found

    def run(self, *arguments: str) -> int:
        return check_contracts.main(list(arguments))

    def fails(self, *arguments: str) -> str:
        """What it writes; it has to fail."""
        self._capsys.readouterr()
        assert self.run(*arguments) == 1
        return self._capsys.readouterr().out

    def _commit(self) -> None:
        """What `make contracts` writes: the same in each folder, so once is enough."""
        if not _COMMITTED:
            assert self.run("--update") == 0
            contracts = self.root / "contracts"
            files = (self.pact, contracts / "openapi/example.json")
            _COMMITTED.update({path.relative_to(contracts): path.read_text() for path in files})
        for path, text in _COMMITTED.items():
            self.write(self.root / "contracts" / path, text)

    def _install(self) -> None:
        contracts = self.root / "contracts"
        values = {
            "ROOT": self.root,
            "PACTS": contracts / "pacts",
            "DESCRIPTIONS": contracts / "openapi",
            "BOOTSTRAP": contracts / "bootstrap.toml",
            "SERVICES": (NAME,),
            "PARTS": ("consumers", NAME, "deployment"),
            "run_contract_tests": self._run_contract_tests,
            "describe": self._describe,
        }
        for module in (check_contracts, services, verified, published, deployed, deployment):
            for name, value in values.items():
                if hasattr(module, name):
                    self._patch.setattr(module, name, value)
        self._pytester.syspathinsert(self.root)

    def _run_contract_tests(
        self, service: str, *options: str
    ) -> "subprocess.CompletedProcess[str]":
        before = Path.cwd()
        os.chdir(self.root / "services" / service)
        try:
            result = self._pytester.runpytest_inprocess(
                *("-q", "-p", "no:randomly", "-p", "no:cacheprovider"),
                *("--import-mode=importlib", "-o", "pythonpath=tests/contract"),
                *("tests/contract", *options),
            )
        finally:
            os.chdir(before)
        return subprocess.CompletedProcess([], int(result.ret), f"{result.stdout}\n{result.stderr}")

    def _describe(self, _: str) -> str:
        """Of the one route that is called, as FastAPI would have it."""
        schema = {"type": "array", "items": {"type": "string"}}
        answer = {"content": {"application/json": {"schema": schema}}}
        notes = {"get": {"responses": {"200": answer}}}
        return canonical({"openapi": "3.1.0", "paths": {"/notes/": notes}})
