"""Expands `.gitlab-ci.yml` as GitLab does: includes with inputs, extends, !reference, matrix, rules."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitlab_rules import Event, applied_rule
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor

Settings = dict[str, Any]
KEYWORDS = ("default", "image", "services", "stages", "variables", "workflow")
"""At the top of a file, and no jobs."""
_MOST_REFERENCES = 10
_INPUT = re.compile(r"\$\[\[ inputs\.(\w+) \]\]")


@dataclass(frozen=True)
class Reference:
    """`!reference [job, key, …]`."""

    path: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job of one pipeline; `origin` is its name before `parallel: matrix`."""

    name: str
    origin: str
    settings: Settings
    when: str

    @property
    def stage(self) -> str:
        return str(self.settings["stage"])

    @property
    def script(self) -> str:
        lines = [*self.settings.get("before_script", []), *self.settings["script"]]
        return "\n".join(lines)


class Pipeline:
    """What the file says, before any event."""

    def __init__(self, root: Path, file: str = ".gitlab-ci.yml") -> None:
        self.settings = _load(root, file, {})
        names = [name for name in self.settings if not name.startswith(".")]
        self.templates = {name: self._resolved(name) for name in names if name not in KEYWORDS}

    def jobs(self, event: Event) -> dict[str, Job]:
        """The jobs for this event, by their full names; none when there is no pipeline for it."""
        workflow = self.settings.get("workflow", {}).get("rules")
        if workflow and applied_rule(workflow, event) is None:
            return {}
        return {job.name: job for job in self._all_jobs(event)}

    def _all_jobs(self, event: Event) -> Iterator[Job]:
        for origin, settings in self.templates.items():
            rules = settings.get("rules", [{}])
            if (rule := applied_rule(rules, event)) is None:
                continue
            when = rule.get("when", settings.get("when", "on_success"))
            for values in _combinations(settings.get("parallel", {})):
                set_here = {name: str(each) for name, each in settings.get("variables", {}).items()}
                own = {**settings, "variables": {**set_here, **values}}
                name = f"{origin}: [{', '.join(values.values())}]" if values else origin
                yield Job(name=name, origin=origin, settings=own, when=when)

    def _resolved(self, name: str) -> Settings:
        settings = self._extended(name)
        for _ in range(_MOST_REFERENCES):
            settings = self._dereferenced(settings)
        return settings

    def _extended(self, name: str) -> Settings:
        own = self.settings[name]
        parents = own.get("extends", [])
        merged: Settings = {}
        for parent in [parents] if isinstance(parents, str) else parents:
            merged = _merged(merged, self._extended(parent))
        return _merged(merged, {key: value for key, value in own.items() if key != "extends"})

    def _dereferenced(self, value: Any) -> Any:
        match value:
            case Reference():
                found: Any = self._extended(value.path[0])
                for key in value.path[1:]:
                    found = found[key]
                return found
            case dict():
                return {key: self._dereferenced(each) for key, each in value.items()}
            case list():
                return [piece for each in value for piece in self._pieces(each)]
        return value

    def _pieces(self, value: Any) -> list[Any]:
        """A list inside a list is its members: where GitLab allows one, it flattens it."""
        found = self._dereferenced(value)
        return found if isinstance(value, Reference) and isinstance(found, list) else [found]


def dangling_needs(jobs: Mapping[str, Job]) -> list[str]:
    """What a job waits for that isn't in the pipeline: GitLab refuses to create it."""
    origins = {job.origin for job in jobs.values()}
    return [
        f"{job.name} needs {need}"
        for job in jobs.values()
        for need, is_optional in needs(job).items()
        if not is_optional and need not in origins
    ]


def needs(job: Job) -> dict[str, bool]:
    """The names of what it waits for, and whether it does without."""
    entries: list[str | Settings] = job.settings.get("needs", [])
    named: list[Settings] = [{"job": each} if isinstance(each, str) else each for each in entries]
    return {each["job"]: each.get("optional", False) for each in named}


def _combinations(parallel: Any) -> Iterator[dict[str, str]]:
    if not isinstance(parallel, dict) or "matrix" not in parallel:
        yield {}
        return
    for entry in parallel["matrix"]:
        values = [each if isinstance(each, list) else [each] for each in entry.values()]
        for combination in itertools.product(*values):
            yield dict(zip(entry, combination, strict=True))


def _load(root: Path, file: str, inputs: Mapping[str, str]) -> Settings:
    *header, settings = _parse(root / file)
    declared: Settings = header[0]["spec"]["inputs"] if header else {}
    defaults = {
        name: each["default"] for name, each in declared.items() if "default" in (each or {})
    }
    given = defaults | dict(inputs)
    assert given.keys() == declared.keys(), f"{file} takes {[*declared]}, and is given {[*inputs]}"
    settings = _filled_in(settings, given)
    merged: Settings = {}
    for include in settings.get("include", []):
        merged = _merged(merged, _load(root, include["local"], include.get("inputs", {})))
    return _merged(merged, {key: value for key, value in settings.items() if key != "include"})


def _filled_in(value: Any, inputs: Mapping[str, str]) -> Any:
    """With the inputs in place of `$[[ inputs.name ]]`, wherever in a text that stands."""
    match value:
        case str():
            return _INPUT.sub(lambda found: str(inputs[found[1]]), value)
        case Reference():
            return Reference(tuple(_filled_in(each, inputs) for each in value.path))
        case dict():
            return {
                _filled_in(key, inputs): _filled_in(each, inputs) for key, each in value.items()
            }
        case list():
            return [_filled_in(each, inputs) for each in value]
    return value


def _parse(path: Path) -> list[Settings]:
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    return list(yaml.load_all(path.read_text(encoding="utf-8")))


class _Constructor(SafeConstructor):
    """Knows the tag `!reference`."""


_Constructor.add_constructor(
    "!reference",
    lambda constructor, node: Reference(tuple(constructor.construct_sequence(node))),
)


def _merged(one: Settings, other: Settings) -> Settings:
    """Mappings are merged, and whatever else stands in both is the other's."""
    both = {
        key: _merged(one[key], value)
        for key, value in other.items()
        if isinstance(value, dict) and isinstance(one.get(key), dict)
    }
    return {**one, **other, **both}
