"""The worked example of docs/contracts.md, step by step: `tox -e contract-example`.

Makes its changes in a copy of this checkout, each as a commit, asks the gate of each and moves the
tags of what is deployed. It fails when the gate decides otherwise than the example says, or says
otherwise than the document shows. With --update, write the document's blocks anew.
"""

import argparse
import difflib
import subprocess
import sys
import tempfile
from pathlib import Path

from contract_drift.copies import Copy, copy_checkout
from contract_example.document import blocks_of, shortened, with_blocks, without_numbers
from contract_example.steps import Step, read_steps

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs/contracts.md"


class ExampleFailed(Exception):
    """The gate doesn't decide as the example says. The text has what it said."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tox -e contract-example --", description=__doc__)
    parser.add_argument("--update", action="store_true", help="write the document's blocks anew")
    options = parser.parse_args(arguments)
    blocks: dict[str, str] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="contract-example-") as folder:
            copy = copy_checkout(ROOT, Path(folder))
            for step in read_steps():
                print(f"{step.name}: {step.title} ...", flush=True)
                blocks[f"{step.name} edit"] = step.difference
                blocks[f"{step.name} gate"] = shortened(take(step, copy))
    except ExampleFailed as error:
        print(error)
        return 1
    text = DOCUMENT.read_text(encoding="utf-8")
    if options.update:
        DOCUMENT.write_text(with_blocks(text, blocks), encoding="utf-8")
        return 0
    found = differences(blocks_of(text), blocks)
    print("\n".join(found) or f"{DOCUMENT} shows what the gate says.")
    return 1 if found else 0


def take(step: Step, copy: Copy) -> str:
    """Make the step's change and ask the gate; what it said.

    Raises:
        ExampleFailed: it decides otherwise.
    """
    copy.apply(step.edit)
    if (run := _gate(copy, "--update")).returncode != 0:
        raise ExampleFailed(f"{run.stdout}\n{step.name}: contracts/ can't be written anew.")
    who = ("-c", "user.name=example", "-c", "user.email=example@example.com")
    _git(copy, *who, "commit", "--quiet", "--all", "--message", step.title)
    run = _gate(copy)
    if (run.returncode == 0) is not step.passes:
        wanted = "pass" if step.passes else "fail"
        raise ExampleFailed(f"{run.stdout}\n{step.name}: the gate doesn't {wanted}.")
    if step.deploys:
        _git(copy, "tag", "--force", f"deployed/{step.deploys}")
    else:
        _git(copy, "reset", "--quiet", "--hard", "HEAD~1")
    return run.stdout


def differences(documented: dict[str, str], blocks: dict[str, str]) -> list[str]:
    """Numbers apart; none when each block is in the document, and shows what it should."""
    found = []
    for name in sorted(documented.keys() | blocks.keys()):
        was, now = (without_numbers(each.get(name, "")) for each in (documented, blocks))
        if was != now:
            changed = difflib.unified_diff(was.splitlines(), now.splitlines(), lineterm="", n=1)
            listed = "\n".join(list(changed)[2:])
            found.append(
                f"{DOCUMENT}, {name}: run `tox -e contract-example -- --update`.\n{listed}"
            )
    return found


def _gate(copy: Copy, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "tools/check_contracts.py", *options],
        cwd=copy.root,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )


def _git(copy: Copy, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=copy.root, check=True, capture_output=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
