"""`make new-service`: what it refuses, and what it renders. tests/new_service runs every gate on the result."""

import itertools
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import MadeUp
from stack import read_yaml

import new_service
import workspace
from new_service import NewService, answers, asked, mention, singular
from workspace import ROOT, Refused

OVERLAYS = (("local", "local"), ("production", "base"))
UP = "../../../../services"
AUTHOR = ("-c", "user.name=A", "-c", "user.email=a@example.org")


@pytest.fixture
def root(made_up: MadeUp) -> Path:
    """Accounts publishes events, stock doesn't, and orders offers nothing."""
    for name, files in {"accounts": ("client", "events"), "stock": ("client",)}.items():
        folder = made_up.root / "services" / name / new_service.OFFERS
        folder.mkdir()
        for each in files:
            (folder / f"{each}.py.jinja").touch()
    return made_up.root


class TestAsked:
    def test_service_has_what_was_asked_for(self, root: Path) -> None:
        given = {"CONSUMES": "stock, accounts", "SUBSCRIBES": "accounts", "PORT": "9999"}
        new = asked({"NAME": "parcels", **given}, root)
        assert (new.name, new.port) == ("parcels", 9999)
        assert (new.consumes, new.subscribes) == (["accounts", "stock"], ["accounts"])

    def test_names_in_the_stack_are_reserved(self) -> None:
        stack = read_yaml(ROOT / "docker-compose.yml")["services"]
        assert set(stack) <= new_service.RESERVED

    def test_port_is_by_default_the_first_that_no_service_has(
        self, root: Path, made_up: MadeUp
    ) -> None:
        port = asked({"NAME": "parcels"}, root).port
        assert port >= new_service.FIRST_PORT
        assert port not in made_up.ports.values()

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"NAME": ""}, "NAME must be 2 to 20 lower-case letters and digits, not ''."),
            ({"NAME": "Parcels"}, "NAME must be 2 to 20 lower-case"),
            ({"NAME": "2go"}, "NAME must be 2 to 20 lower-case"),
            ({"NAME": "a-b"}, "NAME must be 2 to 20 lower-case"),
            ({"NAME": "x" * 21}, "NAME must be 2 to 20 lower-case"),
            ({"NAME": "../x"}, "NAME must be 2 to 20 lower-case"),
            ({"NAME": "orders"}, "There is a service orders already."),
            ({"NAME": "chassis"}, "NAME can't be chassis: `chassis` is reserved."),
            ({"NAME": "import"}, "`import` is reserved."),
            ({"NAME": "imports"}, "NAME can't be imports: `import` is reserved."),
            ({"NAME": "lists"}, "NAME can't be lists: `list` is reserved."),
            ({"NAME": "movies", "SINGULAR": "Movie"}, "SINGULAR must be 2 to 20 lower-case"),
            ({"NAME": "movies", "SINGULAR": "list"}, "`list` is reserved."),
            (
                {"MAKEFLAGS": "s -- CONSUME=stock NAME=x"},
                "There is no variable CONSUME; there are:",
            ),
            ({"DATABASE": "false"}, "DATABASE must be yes or no, not 'false'."),
            (
                {"DATABASE": "no", "SUBSCRIBES": "accounts"},
                "SUBSCRIBES needs a database: received events are stored.",
            ),
            ({"PORT": "80"}, "PORT must be from 1024 to 65535, not '80'."),
            ({"PORT": "65536"}, "PORT must be from 1024 to 65535"),
            ({"PORT": "web"}, "PORT must be from 1024 to 65535, not 'web'."),
            ({"CONSUMES": "shop"}, "no service shop; there are: accounts, orders, stock."),
            ({"CONSUMES": "orders"}, "orders offers nothing to consumers"),
            ({"SUBSCRIBES": "shop"}, "There is no service shop"),
            ({"SUBSCRIBES": "stock"}, "SUBSCRIBES can't be stock: it publishes no events."),
        ],
    )
    def test_wrong_value_is_refused_with_one_sentence(
        self, root: Path, changes: dict[str, str], sentence: str
    ) -> None:
        with pytest.raises(Refused) as caught:
            asked({"NAME": "parcels", **changes}, root)
        assert sentence in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_port_of_another_service_is_refused(self, root: Path, made_up: MadeUp) -> None:
        port = made_up.ports["stock"]
        with pytest.raises(Refused, match=f"^PORT can't be {port}: stock has it.$"):
            asked({"NAME": "parcels", "PORT": str(port)}, root)


def test_singular_can_be_given_and_is_known_to_consumers(root: Path) -> None:
    movies = asked({"NAME": "movies", "SINGULAR": "movie"}, root)
    assert movies.one == "movie"
    (root / "services/stock/.copier-answers.yml").write_text('# made\n{"entity": "stocking"}\n')
    made = answers(asked({"NAME": "parcels", "CONSUMES": "stock"}, root), root)
    (providers,) = (each for each in made if each.startswith("--data=providers="))
    assert '"entity": "stocking"' in providers


@pytest.mark.parametrize(
    ("name", "one"),
    [
        *(("orders", "order"), ("stock", "stock"), ("companies", "company"), ("boxes", "box")),
        *(("addresses", "address"), ("access", "access"), ("as", "as"), ("branches", "branch")),
    ],
)
def test_singular_names_one_of_them(name: str, one: str) -> None:
    assert singular(name) == one


def test_changes_that_are_not_committed_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    subprocess.run(["/usr/bin/env", "git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "new.txt").touch()
    monkeypatch.setattr(new_service, "ROOT", tmp_path)
    monkeypatch.setenv("NAME", "parcels")
    with pytest.raises(Refused, match=r"^Commit your changes first \(new.txt\)"):
        new_service.main()


def test_what_was_made_in_the_clone_is_staged(
    monkeypatch: pytest.MonkeyPatch, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """tests/new_service makes services in a clone; here it is applied to the repository."""

    def make(new: NewService, copy: Path) -> None:
        (copy / f"services/{new.name}").mkdir()
        (copy / f"services/{new.name}/\u00e4 b.bin").write_bytes(b"\0\xff")
        (copy / "README.md").unlink()

    for command in (["init", "-q"], ["add", "."], [*AUTHOR, "commit", "-qm", "All"]):
        subprocess.run(["/usr/bin/env", "git", *command], cwd=root, check=True)
    monkeypatch.setattr(new_service, "ROOT", root)
    monkeypatch.setattr(new_service, "make", make)
    monkeypatch.setattr(new_service, "asked", lambda variables: asked(variables, root))
    monkeypatch.setenv("NAME", "parcels")
    new_service.main()
    assert "services/parcels: 1 files. Also changed:\n  README.md\n" in capsys.readouterr().out
    staged = new_service.run(root, "git", "diff", "--cached", "--name-status")
    assert staged == "D\tREADME.md\nA\tservices/parcels/\u00e4 b.bin\n"
    assert (root / "services/parcels/\u00e4 b.bin").read_bytes() == b"\0\xff"


@pytest.fixture(
    scope="module",
    params=[
        (consumes, subscribes, database)
        for consumes, subscribes, database in itertools.product((True, False), repeat=3)
        if database or not subscribes
    ],
    ids=lambda each: f"consumes={each[0]}, subscribes={each[1]}, database={each[2]}",
)
def folder(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A service without the files that other commands write, from the template as it is now."""
    consumes, subscribes, database = request.param
    issuer = next(each for each in workspace.services() if each.issues_tokens)
    root = tmp_path_factory.mktemp("root")
    new = NewService(
        name="parcels",
        one="parcel",
        database=database,
        folder=root,
        port=9999,
        consumes=[issuer.name] if consumes else [],
        subscribes=[issuer.name] if subscribes else [],
    )
    for name in ("copier.yml", "templates", f"services/{issuer.name}/{new_service.OFFERS}"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / "template" / name)
        else:
            (root / "template").mkdir()
            shutil.copy(ROOT / name, root / "template")
    command = [sys.executable, "-m", "copier", "copy", "--quiet", "--defaults"]
    target = root / "services/parcels"
    subprocess.run([*command, *answers(new), root / "template", target], check=True)
    return target


class TestRendering:
    def test_every_layer_has_its_files(self, folder: Path) -> None:
        python = {str(file.relative_to(folder)) for file in folder.rglob("*.py")}
        assert {
            "app/main.py",
            "app/routers/parcels.py",
            "app/services/parcels.py",
            "tests/integration/test_parcels.py",
        } <= python
        stored = {
            "app/models.py",
            "app/repositories/parcels.py",
            "migrations/versions/0001_parcels.py",
            "tests/contract/states.py",
        }
        (service,) = workspace.services(folder.parents[1])
        assert stored & python == (stored if service.database else set())
        assert ("app/events/inbox.py" in python) == ("app/routers/events.py" in python)
        assert list(folder.rglob(".py")) == []
        assert (folder / "deploy/parcels.rules.yml").exists()
        assert (folder / ".copier-answers.yml").exists()

    def test_nothing_of_the_template_is_left(self, folder: Path) -> None:
        texts = {file: file.read_text() for file in folder.rglob("*") if file.is_file()}
        assert [file for file, text in texts.items() if "{%" in text or "{{ " in text] == []

    def test_imported_modules_exist(self, folder: Path) -> None:
        texts = {file: file.read_text() for file in folder.rglob("*.py")}
        found = {
            module
            for text in texts.values()
            for package, names in re.findall(
                r"^from ((?:app|tests)[\w.]*) import (.+)", text, re.MULTILINE
            )
            for module in ([package] if package != "app" else names.split(", "))
        }
        paths = [each if each.startswith(("app.", "tests.")) else f"app.{each}" for each in found]
        files = [folder / each.replace(".", "/") for each in paths]
        assert [
            each for each in files if not (each.with_suffix(".py").exists() or each.is_dir())
        ] == []

    def test_code_has_no_findings(self, folder: Path) -> None:
        shutil.copy(ROOT / "pyproject.toml", folder.parents[1])
        command = [sys.executable, "-m", "ruff", "check", "--quiet", "--no-cache"]
        fixable = "--fix"  # the order of imports depends on names; make formats, too
        run = subprocess.run(
            [*command, fixable, folder], capture_output=True, text=True, check=False
        )
        assert run.stdout == ""


def test_service_is_mentioned_where_each_is(tmp_path: Path) -> None:
    texts = {
        "docker-compose.yml": "include:\n  - services/stock/deploy/compose.yml\n\nservices: {}\n",
        "a.code-workspace": '[\n  {"path": "shared/chassis"},\n  {"path": "services/stock"}\n]\n',
        "contracts/states.toml": '[stock."a book"]\n',
        **{
            f"deploy/kubernetes/overlays/{overlay}/kustomization.yaml": (
                f"resources:\n  - ../../services/stock/deploy/kubernetes/{objects}\n"
            )
            for overlay, objects in OVERLAYS
        },
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    mention(NewService(name="entries", one="entry", folder=tmp_path, port=1), tmp_path)
    found = {name: (tmp_path / name).read_text() for name in texts}
    line = "  - services/entries/deploy/compose.yml\n"
    assert found["docker-compose.yml"].count(line) == 1
    assert found["docker-compose.yml"].endswith(f"{line}\nservices: {{}}\n")
    for overlay, objects in OVERLAYS:
        text = found[f"deploy/kubernetes/overlays/{overlay}/kustomization.yaml"]
        assert text.endswith(
            f"/stock/deploy/kubernetes/{objects}\n  - {UP}/entries/deploy/kubernetes/{objects}\n"
        )
    assert '"chassis"},\n  {"path": "services/entries"},\n  {' in found["a.code-workspace"].replace(
        "shared/", ""
    )
    assert tomllib.loads(found["contracts/states.toml"])["entries"] == {
        "an entry": {"offered": True, "id": "int", "name": "str"},
        "no entry": {"offered": True, "id": "int"},
    }
