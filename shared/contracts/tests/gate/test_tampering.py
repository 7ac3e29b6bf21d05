"""The gate fails if files or provider tests are tampered with, and names the fix."""

import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from gate.example import Example

from contracts.pacts import FIX

PACT = "contracts/pacts/shop-catalog.json"
SHOP_TEST = "shop/tests/contract/test_catalog.py"
PROVIDER_TEST = "catalog/tests/contract/test_consumers.py"
STATES = "catalog/tests/contract/states.py"
APP = "catalog/app/main.py"
ORPHAN = "an orphan"

Tamper = Callable[[Example], Any]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    return lambda: capsys.readouterr().out


def pact_of(example: Example) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(example.path(PACT).read_text())
    return document


def edit_pact(change: Callable[[dict[str, Any]], Any]) -> Tamper:
    def tamper(example: Example) -> None:
        document = pact_of(example)
        change(document)
        example.write(PACT, json.dumps(document))

    return tamper


def edit_interactions(change: Callable[[list[Any]], list[Any]]) -> Tamper:
    return edit_pact(lambda pact: pact.update(interactions=change(pact["interactions"])))


def edit(file: str, old: str, new: str) -> Tamper:
    return lambda example: example.edit(file, (old, new))


FILES: dict[str, tuple[Tamper, str]] = {
    "a deleted pact": (lambda example: example.path(PACT).unlink(), f"{PACT}: missing."),
    "an empty folder": (
        lambda example: shutil.rmtree(example.path("contracts/pacts")),
        f"{PACT}: missing.",
    ),
    "a renamed pact": (
        lambda example: example.path(PACT).rename(example.path("contracts/pacts/shop-depot.json")),
        "shop-depot.json: no test or service produces it any more.",
    ),
    "another provider's name": (
        edit_pact(lambda pact: pact.update(provider={"name": "depot"})),
        "is the pact of shop with depot.",
    ),
    "a deleted interaction": (
        edit_interactions(lambda each: each[1:]),
        "missing: `a book that is not available`",
    ),
    "a renamed interaction": (
        edit(PACT, '"no books"', f'"{ORPHAN}"'),
        f"orphan: no test records `{ORPHAN}`\n  missing: `no books`",
    ),
    "an edited interaction": (edit(PACT, '"Persuasion"', '"Persuasions"'), "changed: `the first"),
    "an orphan": (
        edit_interactions(lambda each: [*each, {**each[0], "description": ORPHAN}]),
        f"orphan: no test records `{ORPHAN}`",
    ),
    "a duplicate": (
        edit_interactions(lambda each: each * 2),
        "twice. Only one of them would count.",
    ),
    "two tests with one description": (
        edit(SHOP_TEST, '"a book that is not available"', '"an available book"'),
        "Two tests use the description `shop: an available book`",
    ),
    "versions of Pact's libraries": (
        edit_pact(lambda pact: pact.update(metadata={"pactRust": {"ffi": "0.5.12"}})),
        "differs from what the code gives now.",
    ),
    "another formatting": (edit_pact(lambda _: None), "differs from what the code gives now."),
    "a stale description": (
        edit(APP, "    title: str\n", "    title: str\n    pages: int = 1\n"),
        "contracts/openapi/catalog.json differs from what the code gives now.",
    ),
    "a deleted consumer test": (
        lambda example: example.path("mailer/tests/contract/test_catalog_events.py").unlink(),
        "mailer declares that it needs catalog, but no test records an interaction.",
    ),
}


@pytest.mark.parametrize(("tamper", "message"), FILES.values(), ids=FILES)
def test_changed_file_fails(
    example: Example, printed: Callable[[], str], tamper: Tamper, message: str
) -> None:
    tamper(example)
    assert not example.gate.check(["consumers"])
    output = printed()
    assert message in output
    fixes = (FIX, "its own description", "correct [tool.service]")
    assert any(fix in output for fix in fixes)


@pytest.mark.parametrize("mark", ["", "offered = true\n"])
def test_unused_state_fails_unless_it_is_offered(
    example: Example, printed: Callable[[], str], mark: str
) -> None:
    example.append("contracts/states.toml", f'\n[catalog."a shelf"]\n{mark}')
    assert example.gate.check(["consumers"]) is bool(mark)
    told = "No interaction uses the state `a shelf` of catalog: delete it in "
    assert (told in printed()) is not bool(mark)


BLIND = """

import pytest
from contracts.provider.verification import Verifier

@pytest.fixture(autouse=True)
def blind(monkeypatch, request):
    callspec = getattr(request.node, "callspec", None)
    described = callspec.params["interaction"].description if callspec else ""
    compared = [{"description": described}]
    results = {"errors": [], "interactionResults": compared, "result": True}
    monkeypatch.setattr(Verifier, "results", results)
"""
BLIND_TO_BODIES = """

import pytest
from contracts.provider import verification

@pytest.fixture(autouse=True)
def blind(monkeypatch):
    see = verification._mismatches
    monkeypatch.setattr(verification, "_mismatches", lambda results: [each for each in see(results) if "$" not in each])
    monkeypatch.setattr(verification, "_require_comparison", lambda *_: None)
"""
BLIND_TO_SCHEMAS = (
    BLIND_TO_BODIES[: BLIND_TO_BODIES.index("    see")]
    + """\
    monkeypatch.setattr(verification, "violations", lambda *_: [])
"""
)
UNUSED = '    @state_handler("a shelf")\n    async def shelf(self) -> None:\n        pass\n\n'
NO_BOOK = '    @state_handler("no book")\n'


VERIFY = "    await verify(interaction)\n"
PROVIDERS: dict[str, tuple[Tamper, str, str]] = {
    "no pacts": (
        lambda example: shutil.rmtree(example.path("contracts/pacts")),
        "has no interaction with the provider `catalog`. Nothing would be verified.",
        FIX,
    ),
    "a wrong provider's name": (
        edit(PROVIDER_TEST, 'PROVIDER = "catalog"', 'PROVIDER = "catalogue"'),
        "has no provider `catalogue`; it has: catalog.",
        "states.toml",
    ),
    "an unhandled state": (
        lambda example: example.append("contracts/states.toml", '\n[catalog."a shelf"]\n'),
        "No handler for the state `a shelf`",
        "add a method with @state_handler to CatalogStates",
    ),
    "a state that isn't listed": (
        edit(STATES, NO_BOOK, UNUSED + NO_BOOK),
        "handles the state `a shelf`",
        "add it there or delete the handler",
    ),
    "a handler that raises": (
        edit(
            STATES,
            "        assert id not in self._store.books",
            "        raise LookupError('shelf')",
        ),
        "LookupError: shelf",
        "states.py",
    ),
    "a verifier that passes everything": (
        lambda example: example.append(PROVIDER_TEST, BLIND),
        "A broken copy of `mailer: the event of a book that is sold out` passes",
        "its results are not valid",
    ),
    "a verifier that is blind to bodies": (
        lambda example: example.append(PROVIDER_TEST, BLIND_TO_BODIES),
        "A broken copy of `shop: a book that is not available` passes",
        "its results are not valid",
    ),
    "a verifier that ignores the schemas of models": (
        lambda example: example.append(PROVIDER_TEST, BLIND_TO_SCHEMAS),
        "A broken copy of `shop: a book that is not available` passes",
        "its results are not valid",
    ),
    "a verifier that compares nothing": (
        lambda example: example.append(
            PROVIDER_TEST, BLIND.replace("compared = [", "compared = [] and [")
        ),
        "The verifier did not replay `mailer: the event of a new book` exactly once",
        "Its result is not valid",
    ),
    "a provider that can't be built": (
        edit(
            APP, '    app = FastAPI(title="Catalog")\n', "    raise RuntimeError('no settings')\n"
        ),
        "RuntimeError: no settings",
        "main.py",
    ),
    "a provider that can't be imported": (
        edit(APP, "from dataclasses", "import nothing\nfrom dataclasses"),
        "No module named 'nothing'",
        "main.py",
    ),
    "a skipped test": (
        edit(PROVIDER_TEST, VERIFY, "    import pytest\n    pytest.skip()\n"),
        "14 of 14 interactions were not verified:\n  mailer -> catalog: the event of a book",
        "@each_interaction, which nothing skips",
    ),
    "a test that doesn't verify": (
        edit(PROVIDER_TEST, VERIFY, "    pass\n"),
        "14 of 14 interactions were not verified",
        "@each_interaction",
    ),
    "a lost canary": (
        edit(PROVIDER_TEST, "async def test_canary", "async def no_canary"),
        "No canary ran for catalog",
        "@first_interactions",
    ),
}


@pytest.mark.parametrize(("tamper", "message", "fix"), PROVIDERS.values(), ids=PROVIDERS)
def test_changed_provider_fails(
    example: Example, printed: Callable[[], str], tamper: Tamper, message: str, fix: str
) -> None:
    tamper(example)
    assert not example.gate.check(["catalog"])
    output = printed()
    assert message in output
    assert fix in output


def test_service_without_neighbours_passes(example: Example, printed: Callable[[], str]) -> None:
    for name in ("shop", "mailer"):
        shutil.rmtree(example.root / "services" / name)
        example.path(f"contracts/openapi/{name}.json").unlink()
    shutil.rmtree(example.path("contracts/pacts"))
    example.path("contracts/states.toml").unlink()
    assert example.gate.check(["consumers"]), printed()
    assert "0 pacts and 1 descriptions are up to date." in printed()
