"""To which parts of the repository a file belongs."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from affected.gates import ALWAYS, IMAGES, STACK
from affected.packages import PACKAGING, PYTHON, Package

EVERYTHING = "everything"
_ROOT_CONFIGURATION = (
    "constraints.txt",
    "pyproject.toml",
    "tox.ini",
    "tools/bootstrap.sh",
    ".gitlab-ci.yml",
    ".gitlab/*",
    ".github/*",
)
_DOCUMENTS = ("*.md", "docs/*", "LICENSE", ".editorconfig", ".gitignore")
# What belongs to one gate, or to the code that reads it, and where no import says so.
_SINGLE_FILES = {
    ".ci/run": "tools",
    "Makefile": "tools",
    ".secrets.baseline": "secrets",
    "constraints.in": "pipelines",
    "renovate.json": "pipelines",
    "schemathesis.toml": "schemathesis",
}
_SETS_OF_TESTS = ("docs", "pipelines", "stack", "alerts")
_PARTS = {
    IMAGES: (".dockerignore", "Dockerfile", "deploy/requirements/build.txt"),
    STACK: (".env.example", "docker-compose.yml", "deploy/[!r]*", "deploy/requirements/*.in"),
    "bench": ("bench/*",),
}
_BY_THEMSELVES = ("contracts/", "deploy/requirements/")


class Ownership:
    """Says of each file what it is part of; of a file that nothing owns, nothing."""

    def __init__(self, packages: Sequence[Package]) -> None:
        self._packages = packages

    def of(self, file: str) -> Iterator[tuple[str, str]]:
        """Its nodes, each with what it is there."""
        for node in self._nodes(file):
            yield node, _WORDS.get(node, f"part of {node}")

    def _nodes(self, file: str) -> Iterator[str]:
        if _matches(file, _DOCUMENTS):
            yield from (ALWAYS, file)
            return
        part = EVERYTHING if _matches(file, _ROOT_CONFIGURATION) else self._part(file)
        if part:
            yield from (part, ALWAYS, "pipelines")
        if file.endswith((".py", "/pyproject.toml")):
            yield PYTHON
        if file.startswith(("services/", "shared/")) and file.endswith("/pyproject.toml"):
            yield PACKAGING

    def _part(self, file: str) -> str | None:
        for package in self._packages:
            if file.startswith(f"{package.folder}/"):
                return package.part_of(file)
        for node, patterns in _PARTS.items():
            if _matches(file, patterns):
                return node
        top, _, rest = file.partition("/")
        if top == "tests" and "/" in rest:
            return f"tests/{rest.partition('/')[0]}"
        if top == "tools":
            return _tool(rest)
        return file if file.startswith(_BY_THEMSELVES) else _SINGLE_FILES.get(file)


def _tool(rest: str) -> str:
    """A module or a folder of modules, and apart from it the sets of tests that are gates."""
    parts = rest.split("/")
    if parts[0] == "tests" and parts[1] in _SETS_OF_TESTS:
        return f"tools/tests/{parts[1]}"
    return f"tools/{parts[0]}"


def _matches(file: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(file, pattern) for pattern in patterns)


_WORDS = {
    ALWAYS: "any file may be named by a document, and has to belong somewhere",
    EVERYTHING: "configuration of everything",
    PYTHON: "Python code, or its settings",
    "pipelines": "a job may be about it",
}
