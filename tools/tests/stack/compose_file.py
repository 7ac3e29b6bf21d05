"""docker-compose.yml, read as Compose reads it but for its variables."""

import re
from typing import Any

from ruamel.yaml import YAML
from running import TOOLS

ROOT = TOOLS.parent
FILE = ROOT / "docker-compose.yml"
TEXT = FILE.read_text(encoding="utf-8")
SETTINGS: dict[str, Any] = YAML(typ="safe").load(TEXT)
SERVICES: dict[str, dict[str, Any]] = SETTINGS["services"]
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?P<rest>[^}]*)\}")


def depends_on(service: dict[str, Any]) -> dict[str, str]:
    """The services that it waits for, each with the condition."""
    return {name: each["condition"] for name, each in service.get("depends_on", {}).items()}


def is_one_shot(service: dict[str, Any]) -> bool:
    return str(service.get("restart")) == "no"
