"""Expands a workflow of GitHub, as far as this repository's goes: conditions, matrix, steps."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recorded_calls import recorded_calls
from ruamel.yaml import YAML

Settings = dict[str, Any]
_EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}", re.DOTALL)
_CONTAINS = re.compile(r"contains\(fromJSON\((?P<list>[\w.]+)\), '(?P<word>[^']*)'\)")
_COMPARISON = re.compile(r"(?P<left>[\w.]+) (?P<operator>[!=]=) '(?P<right>[^']*)'")


@dataclass(frozen=True, kw_only=True)
class GithubJob:
    """One job of one run, after its matrix; `origin` is its key in the file."""

    name: str
    origin: str
    settings: Settings
    context: Settings

    def calls(self, root: Path) -> set[str]:
        """Every call of tox and docker, as `recorded_calls` gives them."""
        found: set[str] = set()
        for step in self.settings["steps"]:
            if "run" in step and holds(step.get("if", "always()"), self.context):
                folder = value(step.get("working-directory", "."), self.context)
                variables = {
                    name: value(text, self.context) for name, text in step.get("env", {}).items()
                }
                found |= recorded_calls(
                    f"cd {folder}\n{step['run']}",
                    root,
                    programs=("tox", "docker"),
                    variables=variables,
                )
        return found


class Workflow:
    """A file in .github/workflows."""

    def __init__(self, path: Path) -> None:
        # YAML 1.2: in 1.1, which GitHub doesn't speak, `on` is true.
        self.settings: Settings = YAML(typ="safe", pure=True).load(path.read_text("utf-8"))

    def jobs(self, outputs: Mapping[str, Any]) -> Iterator[GithubJob]:
        """The gates that run when the job `affected` has these outputs."""
        texts = {name: json.dumps(each) for name, each in outputs.items()}
        context = {"needs": {"affected": {"outputs": texts}}}
        for origin, settings in self.settings["jobs"].items():
            if "needs.affected" in settings.get("if", "") and holds(settings["if"], context):
                for matrix in _combinations(settings, context):
                    own = {**context, "matrix": matrix}
                    name = value(settings["name"], own)
                    yield GithubJob(name=name, origin=origin, settings=settings, context=own)


def holds(condition: str, context: Settings) -> bool:
    """Whether it is true; one that this can't read is an error."""
    if " && " in condition:
        # Each is read, also after one that is false.
        parts = [holds(each, context) for each in condition.split(" && ")]
        return all(parts)
    if condition == "always()":
        return True
    if found := _CONTAINS.fullmatch(condition):
        return found["word"] in json.loads(_looked_up(found["list"], context))
    if found := _COMPARISON.fullmatch(condition):
        is_equal: bool = _looked_up(found["left"], context) == found["right"]
        return is_equal == (found["operator"] == "==")
    raise AssertionError(f"{condition!r} can't be read")


def value(text: str, context: Settings) -> str:
    """The text, with what its expressions name."""
    return _EXPRESSION.sub(lambda found: str(_looked_up(found[1], context)), text)


def _combinations(settings: Settings, context: Settings) -> Iterator[Settings]:
    matrix = dict(settings.get("strategy", {}).get("matrix", {}))
    includes: list[Settings] = matrix.pop("include", [])
    lists = [_as_list(each, context) for each in matrix.values()]
    for values in itertools.product(*lists):
        combination = dict(zip(matrix, values, strict=True))
        for include in includes:
            shared = include.keys() & combination.keys()
            if all(include[name] == combination[name] for name in shared):
                combination |= include
        yield combination


def _as_list(entry: Any, context: Settings) -> list[Any]:
    if isinstance(entry, list):
        return entry
    found = re.fullmatch(r"\$\{\{ fromJSON\(([\w.]+)\) \}\}", entry)
    assert found, f"{entry!r} is no list"
    parsed: list[Any] = json.loads(_looked_up(found[1], context))
    return parsed


def _looked_up(path: str, context: Settings) -> Any:
    found: Any = context
    for key in path.split("."):
        found = found[key]
    return found
