"""Write .env for docker-compose.yml: .env.example with a new secret wherever a value is missing."""

import os
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def filled(example: str) -> str:
    """Letters and digits only: such a secret may stand in a URL."""
    lines = [
        line + secrets.token_hex(24) if line.endswith("=") and not line.startswith("#") else line
        for line in example.splitlines()
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    target = ROOT / ".env"
    try:
        # Nobody else on this machine reads it, and secrets that are in use are never overwritten.
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        print(f"{target.name} is there already, and stays as it is.")
        return 0
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(filled((ROOT / ".env.example").read_text(encoding="utf-8")))
    print(f"Wrote {target.name}, with new secrets. It is yours: git ignores it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
