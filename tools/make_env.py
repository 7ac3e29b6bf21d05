"""Kept for tests/e2e until they use `workspace.env_text` themselves."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def filled(example: str) -> str:
    sys.path.insert(0, str(ROOT))
    from workspace import env_text  # noqa: PLC0415 - tests/e2e/Dockerfile has no workspace.py

    return env_text(example, ROOT)
