"""Writes the sources of the documentation site: the pages of the navigation, and the reference from the code.

Run by `tox -e docs`. Needs each service's own environment (`python workspace.py install`).
"""

import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from workspace import Service, development, services  # noqa: E402 - a file of the root

_METRICS = """
from starlette.testclient import TestClient
from app.main import create_app
with TestClient(create_app()) as client:
    print(client.get("/metrics").text)
"""
# FastAPI describes its 422 without an example.
_INVALID = defaultdict(dict, {"422": {"validation_error": {"summary": "A value isn't valid."}}})


def metrics(service: Service) -> str:
    run(service, "-m", "app", "migrate")
    output = run(service, "-W", "ignore", "-c", _METRICS)
    found = re.findall(r"^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)", output, re.MULTILINE)
    rows = [(f"`{name}`<br>{kind}", text) for name, text, kind in found if "_created" not in name]
    return table(("Metric", "Meaning"), sorted(rows))


def error_codes(service: Service) -> str:
    """A table from the OpenAPI description, in which each response has an example for each code."""
    description = json.loads((ROOT / f"contracts/openapi/{service.name}.json").read_text())
    found: dict[tuple[str, str, str], list[str]] = {}
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            for status, response in operation["responses"].items():
                body = response.get("content", {}).get("application/json", {})
                for code, example in body.get("examples", _INVALID[status]).items():
                    key = (status, f"`{code}`", example.get("summary", ""))
                    found.setdefault(key, []).append(f"`{method.upper()} {path}`")
    rows = ((*key, "<br>".join(routes)) for key, routes in sorted(found.items()))
    return table(("Status", "Code", "Text", "Routes"), rows)


def commands(service: Service) -> str:
    typer = ("-m", "typer", "app.cli", "utils", "docs", "--name", "python -m app")
    _, text = html.unescape(run(service, *typer)).split("\n", 1)
    return re.sub("^##", "###", text, flags=re.MULTILINE)


def alerts(file: Path) -> str:
    groups = YAML(typ="safe").load(file)["groups"]
    rows = []
    for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule):
        notes = rule["annotations"]
        runbook = notes["runbook_url"].partition("/docs/")[2]
        name = f"[{rule['alert']}](../{runbook})"
        rows.append((name, rule["labels"]["severity"], notes["summary"]))
    return table(("Alert", "Severity", "Summary"), rows)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head), *rows))


def run(service: Service, *arguments: str) -> str:
    """What the service's own Python prints."""
    return subprocess.check_output([str(service.python), *arguments], cwd=service.folder, text=True)


def reference() -> dict[str, dict[str, str]]:
    """The pages by their title, each with its sections."""
    rules = [ROOT / "deploy/prometheus/common.rules.yml"]
    rules += sorted(ROOT.glob("services/*/deploy/*.rules.yml"))
    shared = {name: [name, option] for name, option in (("make", "help"), ("contracts", "--help"))}
    texts = {name: subprocess.check_output(shared[name], cwd=ROOT, text=True) for name in shared}
    return {
        "Metrics": {each.name: metrics(each) for each in services()},
        "Alerts": {file.name.split(".")[0]: alerts(file) for file in rules},
        "Error codes": {each.name: error_codes(each) for each in services()},
        "Commands": {name: f"```text\n{text}```" for name, text in texts.items()}
        | {each.name: commands(each) for each in services()},
    }


def main(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    pages, config = folder / "pages/docs/reference", (ROOT / "docs/zensical.toml").read_text()
    pages.mkdir(parents=True)
    for title, sections in reference().items():
        parts = [f"# {title}", *(f"## {name}\n\n{text}" for name, text in sections.items())]
        (pages / f"{title.lower().replace(' ', '-')}.md").write_text("\n\n".join(parts))
    for pattern in re.findall(r'"(\S+\.md)"', config):
        files = [file.relative_to(ROOT) for file in sorted(ROOT.glob(pattern))]
        for file in files:
            (folder / "pages" / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, folder / "pages" / file)
        if "*" in pattern:
            config = config.replace(f'"{pattern}"', ", ".join(f'"{file}"' for file in files))
    shutil.copytree(ROOT / "docs/assets", folder / "pages/docs/assets")
    (folder / "zensical.toml").write_text(config)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as data:
        os.environ |= development(services(), {"DATA_DIR": data})
        main(Path(sys.argv[1]))
