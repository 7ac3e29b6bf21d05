"""The Compose stack as its files describe it: docker-compose.yml with the fragments of the services."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import workspace

ROOT = workspace.ROOT
PROGRAMS = Path(sys.executable).parent
SERVICES = workspace.services()
FILE = ROOT / "docker-compose.yml"
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?P<rest>[^}]*)\}")


def read_yaml(file: Path) -> Any:
    return YAML(typ="safe").load(file.read_text(encoding="utf-8"))


def merged_stack(file: Path = FILE) -> dict[str, dict[str, Any]]:
    """`services`, `networks` and `volumes` of a Compose file and of what it includes."""
    settings = read_yaml(file)
    stack: dict[str, dict[str, Any]] = {"services": {}, "networks": {}, "volumes": {}}
    for included in settings.get("include", ()):
        for section, entries in merged_stack(file.parent / included).items():
            stack[section] |= entries
    for name, service in settings.get("services", {}).items():
        stack["services"][name] = extended(service, file.parent)
    for section in ("networks", "volumes"):
        stack[section] |= settings.get(section, {})
    return stack


def extended(service: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The service with what it `extends` from another file."""
    if "extends" not in service:
        return service
    base_file = folder / service["extends"]["file"]
    base = read_yaml(base_file)["services"][service["extends"]["service"]]
    own = {key: value for key, value in service.items() if key != "extends"}
    return merged(extended(base, base_file.parent), own)


def merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in own.items():
        old = result.get(key)
        both_are_mappings = isinstance(old, dict) and isinstance(value, dict)
        result[key] = merged(old, value) if both_are_mappings and old else value
    return result


STACK = merged_stack()
CONTAINERS: dict[str, dict[str, Any]] = STACK["services"]
COMPOSE_TEXT = "\n".join(file.read_text(encoding="utf-8") for file in workspace.compose_files())


each_service = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)


def program_errors(*command: str | Path) -> str:
    """What a program reports, or nothing if it is satisfied."""
    words = [str(word) for word in command]
    run = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    return run.stdout + run.stderr if run.returncode else ""


def schema_errors(schema: str, *options: str | Path) -> str:
    """What violates a schema of check-jsonschema, such as `vendor.compose-spec`."""
    return program_errors(PROGRAMS / "check-jsonschema", "--builtin-schema", schema, *options)


def depends_on(container: Mapping[str, Any]) -> dict[str, str]:
    """The containers that it waits for, each with the condition."""
    return {name: each["condition"] for name, each in container.get("depends_on", {}).items()}


def is_one_shot(container: Mapping[str, Any]) -> bool:
    return str(container.get("restart")) == "no"
