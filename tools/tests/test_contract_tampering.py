"""Whatever is tampered with, the whole gate fails, and says what mends it."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from small_gate import CONSUMER, SmallGate

from service_testing.contracts import verification

# Each has runs of pytest within.
pytestmark = pytest.mark.slow

MEND = "Run `make contracts`, look at what it changes, and commit that if it is wanted."
LOST = "the interaction that was lost"


@pytest.fixture
def gate(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> SmallGate:
    return SmallGate(pytester, monkeypatch, capsys)


def test_gate_passes_what_nobody_tampered_with(
    gate: SmallGate, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gate.run() == 0
    assert "2 of 2 interactions are kept, by 1 provider." in capsys.readouterr().out


def renamed(gate: SmallGate) -> None:
    gate.pact.rename(gate.pact.with_name("example-shop.json"))


def orphaned(gate: SmallGate) -> None:
    gate.edit_pact(interactions=[*gate.interactions, {**gate.interactions[0], "description": LOST}])


def without_consumers_tests(gate: SmallGate) -> None:
    (gate.tests / "test_consumer.py").unlink()


FILES: dict[str, tuple[Callable[[SmallGate], Any], str]] = {
    "a deleted pact": (lambda gate: gate.pact.unlink(), "example-example.json: missing."),
    "an empty folder": (lambda gate: shutil.rmtree(gate.pact.parent), "json: missing."),
    "a renamed pact": (renamed, "example-shop.json: nobody says anything of it any more."),
    "another provider's name": (
        lambda gate: gate.edit_pact(provider={"name": "shop"}),
        "is the pact of example with shop.",
    ),
    "a deleted interaction": (
        lambda gate: gate.edit_pact(interactions=gate.interactions[1:]),
        "missing: `all notes`",
    ),
    "a renamed interaction": (
        lambda gate: gate.edit(gate.pact, '"all notes"', f'"{LOST}"'),
        f"orphan: no test says `{LOST}`\n  missing: `all notes`",
    ),
    "an interaction edited by hand": (
        lambda gate: gate.edit(gate.pact, '"milk"', '"bread"'),
        "changed: `all notes`",
    ),
    "an orphaned interaction": (orphaned, f"orphan: no test says `{LOST}`"),
    "an interaction that is there twice": (
        lambda gate: gate.edit_pact(interactions=gate.interactions * 2),
        "has `all notes` twice: only one of them would count.",
    ),
    "an interaction that two tests have": (
        lambda gate: gate.write(gate.tests / "test_again.py", CONSUMER),
        "is described by two tests, tests/contract/test_",
    ),
    "the versions of Pact's libraries": (
        lambda gate: gate.edit_pact(metadata={"pactRust": {"ffi": "0.5.12"}}),
        "is not what the code says now.",
    ),
    "another order and no last line": (
        lambda gate: gate.edit_pact(),
        "is not what the code says now.",
    ),
    "no consumer at all": (without_consumers_tests, "there are no contracts."),
}


@pytest.mark.parametrize(("tamper", "message"), FILES.values(), ids=FILES)
def test_gate_fails_for_files_that_were_tampered_with(
    gate: SmallGate, tamper: Callable[[SmallGate], Any], message: str
) -> None:
    tamper(gate)
    text = gate.fails("consumers")
    assert message in text
    assert any(
        mend in text for mend in (MEND, "Give each interaction a description", "no contracts")
    )


def with_provider(old: str, new: str) -> Callable[[SmallGate], None]:
    return lambda gate: gate.edit(gate.tests / "test_provider.py", old, new)


def with_state(old: str, new: str) -> Callable[[SmallGate], None]:
    return lambda gate: gate.edit(gate.tests / "conftest.py", old, new)


def with_catalogue(table: str) -> Callable[[SmallGate], None]:
    return lambda gate: gate.edit(
        gate.root / "contracts/states.toml", "[example.", f"{table}\n[example."
    )


def with_more(lines: str) -> Callable[[SmallGate], None]:
    def append(gate: SmallGate) -> None:
        path = gate.tests / "conftest.py"
        path.write_text(path.read_text() + lines)

    return append


BLIND = """
from service_testing.contracts.verification import Verifier

@pytest.fixture(autouse=True)
def blind(monkeypatch, request):
    interaction = getattr(request.node, "callspec", None)
    described = interaction.params["interaction"].description if interaction else ""
    looked = [{"description": described}]
    results = {"errors": [], "interactionResults": looked, "result": True}
    monkeypatch.setattr(Verifier, "results", results)
"""
DEAF = BLIND.replace("looked = [", "looked = [] and [")
HANDLER = "        self._session.add(Note(title=title))\n"
UNUSED = """
    @state_handler("a book")
    async def book(self):
        pass

@pytest.fixture
def provider_states"""
PROVIDERS: dict[str, tuple[Callable[[SmallGate], Any], str, str]] = {
    "no pacts": (
        lambda gate: gate.pact.unlink(),
        "has no interaction with the provider `example`. Nothing would be verified.",
        MEND,
    ),
    "a wrong provider's name": (
        with_provider('PROVIDER = "example"', 'PROVIDER = "exmaple"'),
        "has no provider `exmaple`; it has: example.",
        "states.toml",
    ),
    "an unhandled state": (
        with_catalogue('[example."a book"]'),
        "No handler of the state `a book`",
        "add a method with @state_handler to States",
    ),
    "an unused state": (
        lambda gate: (
            with_catalogue('[example."a book"]')(gate),
            with_state("\n@pytest.fixture\ndef provider_states", UNUSED)(gate),
        ),
        "No interaction uses the state `a book`",
        "delete it in ",
    ),
    "a state that isn't listed": (
        lambda gate: gate.edit(gate.root / "contracts/states.toml", "a note", "a book"),
        "States",
        "which isn't in ",
    ),
    "a handler that raises": (
        with_state(HANDLER, "        raise LookupError('no such shelf')\n"),
        "LookupError: no such shelf",
        "conftest.py",
    ),
    "a handler that isn't async": (
        with_state("async def note(self, title: str):", "def note(self, title: str):"),
        "SyntaxError",
        "conftest.py",
    ),
    "a verifier that always passes": (
        with_more(BLIND),
        "A broken copy of `example: all notes` passes",
        "so no result of it counts",
    ),
    "a verifier that doesn't look": (
        with_more(DEAF),
        "The verifier has not replayed `example: all notes` once",
        "Its result means nothing",
    ),
    "a provider that can't be built": (
        lambda gate: gate.edit(
            gate.root / "example/app.py",
            "    app = FastAPI(lifespan=lifespan)\n",
            "    raise RuntimeError('no settings')\n",
        ),
        "RuntimeError: no settings",
        "app.py",
    ),
    "a provider that doesn't start": (
        lambda gate: gate.edit(
            gate.root / "example/app.py",
            "        app.state.is_started = True\n",
            "        raise RuntimeError('no signing key')\n",
        ),
        "RuntimeError: no signing key",
        "app.py",
    ),
    "a provider that can't be imported": (
        lambda gate: gate.edit(
            gate.root / "example/app.py", "import structlog\n", "import nothing\n"
        ),
        "No module named 'nothing'",
        "app.py",
    ),
    "a promise that isn't kept": (
        lambda gate: gate.edit(
            gate.root / "example/app.py",
            "    async def list_notes(reads: Reads) -> list[str]:\n",
            "    async def list_notes(reads: Reads) -> list[str]:\n        return ['cream']\n",
        ),
        "example breaks example: all notes",
        "expected   by tests/contract/test_consumer.py::test_all_notes of example",
    ),
    "a test that is skipped": (
        with_provider("    await keeps(interaction)", "    pytest.skip()"),
        "2 of 2 interactions were not verified:\n  example -> example: all notes\n",
        "needs a test with @each_interaction (docs/contracts.md), and no skip.",
    ),
    "a test that doesn't verify": (
        with_provider("    await keeps(interaction)", "    pass"),
        "2 of 2 interactions were not verified",
        "@each_interaction",
    ),
    "a canary that is lost": (
        with_provider("async def test_canary", "async def no_canary"),
        "No canary ran for example",
        "@first_interactions (docs/contracts.md)",
    ),
}


@pytest.mark.parametrize(("tamper", "message", "mend"), PROVIDERS.values(), ids=PROVIDERS)
def test_gate_fails_for_a_provider_that_was_tampered_with(
    gate: SmallGate, tamper: Callable[[SmallGate], Any], message: str, mend: str
) -> None:
    tamper(gate)
    text = gate.fails("example")
    assert message in text
    assert mend in text
    assert "The contracts gate fails after" in text


HANGING = "        import asyncio\n        await asyncio.Event().wait()\n"
BLOCKING = "        import time\n        time.sleep(600)\n"


@pytest.mark.parametrize(
    ("handler", "mend", "where"),
    [
        (HANGING, "mend its method in States", "States"),
        (
            BLOCKING,
            "its method in States blocks the event loop. Let it await what it waits for.",
            "time.sleep(600)",
        ),
    ],
    ids=["hangs", "blocks"],
)
def test_gate_does_not_wait_for_a_state_handler(
    gate: SmallGate, monkeypatch: pytest.MonkeyPatch, handler: str, mend: str, where: str
) -> None:
    defaults = verification.verify.__kwdefaults__
    assert defaults
    monkeypatch.setitem(defaults, "state_seconds", 0.05)
    with_state(HANDLER, handler)(gate)
    text = gate.fails("example")
    assert "the state `a note` of `example: all notes` isn't there after 0.05 s" in text
    assert mend in text
    assert where in text
    assert "It isn't tried again for `example: all notes`." in text
    assert "The contracts gate fails after" in text
