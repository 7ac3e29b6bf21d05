"""Nothing that looks like a secret is committed: `tox -e secrets`.

What detect-secrets takes for one, and isn't, is in .secrets.baseline. After a look at each:
`tox -e secrets -- --update`.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BASELINE = ".secrets.baseline"
# Lists of hashes, which are long and random because they are hashes.
_LISTS_OF_HASHES = (BASELINE, "constraints.txt", "deploy/requirements/")
# In a repository about signing in, a line with the word `password` says nothing.
_OPTIONS = ("--disable-plugin=KeywordDetector", "--disable-plugin=IPPublicDetector")


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(prog="tox -e secrets --", description=__doc__)
    parser.add_argument("--update", action="store_true", help="these are none")
    options = parser.parse_args(arguments)
    files = [
        file
        for file in subprocess.run(
            [
                "git",
                "-c",
                "core.quotePath=false",
                "ls-files",
                "--cached",
                "--others",
                "--exclude-standard",
            ],
            cwd=root,
            text=True,
            capture_output=True,
            check=True,
        ).stdout.splitlines()
        if not file.startswith(_LISTS_OF_HASHES) and (root / file).is_file()
    ]
    if not files:
        print(f"git knows no files in {root}: nothing was looked at.")
        return 1
    found = _scan(files, root)
    if options.update:
        (root / BASELINE).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        return 0
    known = _hashes(json.loads((root / BASELINE).read_text(encoding="utf-8")))
    new = [
        f"{file}:{each['line_number']}: {each['type']}"
        for file, secrets in found["results"].items()
        for each in secrets
        if (file, each["hashed_secret"]) not in known
    ]
    if new:
        print("\n".join(sorted(new)))
        print("Take it out, and make it worthless where it is valid. If it is none: --update.")
        return 1
    print(f"Nothing in {len(files)} files but what {BASELINE} knows to be none.")
    return 0


def _scan(files: Sequence[str], root: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "detect_secrets", "scan", *_OPTIONS, *files]
    run = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(run.stdout)
    del found["generated_at"]  # or each update would be a change
    return found


def _hashes(found: dict[str, Any]) -> set[tuple[str, str]]:
    results = found["results"].items()
    return {(file, each["hashed_secret"]) for file, secrets in results for each in secrets}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
