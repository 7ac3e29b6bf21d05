"""What the user wants checked, and how."""

import argparse
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from checks.pythons import CURRENT, SUPPORTED


@dataclass(frozen=True, kw_only=True)
class Options:
    """`only` names steps, all when it's empty; what is required and missing counts as failed."""

    only: Sequence[str]
    is_thorough: bool
    pythons: Sequence[str]
    pytest_options: Sequence[str]
    is_verbose: bool
    requires_postgres: bool
    requires_pythons: bool
    requires_programs: bool
    requires_docker: bool


def read_options(arguments: Sequence[str], environ: Mapping[str, str]) -> Options:
    """The options of the command line, and those that come as variables, through make."""
    parser = argparse.ArgumentParser(prog="tools/test.py")
    parser.add_argument("--thorough", action="store_true", help="all Pythons, and the slow steps")
    is_thorough = parser.parse_args(arguments).thorough
    is_ci = environ.get("CI", "") not in {"", "0", "false"}
    return Options(
        only=environ.get("ONLY", "").split(),
        is_thorough=is_thorough,
        pythons=SUPPORTED if is_thorough else [CURRENT],
        pytest_options=shlex.split(environ.get("ARGS", "")),
        is_verbose=bool(environ.get("VERBOSE")),
        requires_postgres=is_ci or environ.get("TEST_POSTGRES") == "required",
        requires_pythons=is_ci,
        requires_programs=is_ci,
        requires_docker=is_ci,
    )
