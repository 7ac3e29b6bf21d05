"""Known vulnerabilities of what is pinned: `tox -e audit`.

Asks PyPI's advisories by pip-audit. When they can't be asked it says so and ends with 3, which a pipeline
shows as a warning: pip-audit itself passes a package that it couldn't look up.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
EXIT_PASSED, EXIT_FOUND, EXIT_NOT_ASKED = 0, 1, 3
_AUDIT = (sys.executable, "-m", "pip_audit", "--format=json", "--progress-spinner=off")
# The pins are complete: nothing has to be resolved, and nothing is installed.
_PINS = ("--no-deps", "--disable-pip", "--requirement")


def main(files: Sequence[Path], command: Sequence[str] = _AUDIT) -> int:
    """The worst of what is said of any of the files."""
    return max(_check(file, command) for file in files)


def _check(file: Path, command: Sequence[str]) -> int:
    run = subprocess.run([*command, *_PINS, str(file)], capture_output=True, text=True, check=False)
    try:
        packages: list[dict[str, Any]] = json.loads(run.stdout)["dependencies"]
    except ValueError:
        print(f"{file.name}: NOT ASKED, pip-audit failed:\n{run.stderr.strip()[-1000:]}")
        return EXIT_NOT_ASKED
    found = [(each["name"], it) for each in packages for it in each.get("vulns", [])]
    for name, advisory in found:
        fixed = ", ".join(advisory["fix_versions"]) or "nowhere yet"
        print(f"{file.name}: {name} has {advisory['id']}, which is mended in: {fixed}")
    if found:
        return EXIT_FOUND
    unknown = [each["name"] for each in packages if "skip_reason" in each]
    if unknown or not packages:
        print(f"{file.name}: NOT ASKED for {len(unknown)} of {len(packages)} packages.")
        return EXIT_NOT_ASKED
    print(f"{file.name}: no advisory for any of {len(packages)} packages.")
    return EXIT_PASSED


if __name__ == "__main__":
    pins = [ROOT / "constraints.txt", *sorted(ROOT.glob("deploy/requirements/*.txt"))]
    sys.exit(main(pins))
