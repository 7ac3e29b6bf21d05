"""Python processes that are up at once: forks of this one, which has imported the libraries.

Of ours nothing is imported before the fork, so that each runs the code of the checkout it is for.
"""

import importlib
import multiprocessing
import os
import runpy
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

LIBRARIES = (
    "pytest",
    "aiosqlite",
    "alembic.command",
    "asyncpg",
    "cloudevents.core.bindings.http",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "email_validator",
    "faker",
    "fastapi.openapi.utils",
    "freezegun",
    "httpx",
    "hypothesis",
    "jsonschema_rs",
    "jwt",
    "opentelemetry.trace",
    "pact",
    "polyfactory.factories.pydantic_factory",
    "prometheus_client",
    "pwdlib",
    "pydantic_settings",
    "respx",
    "rich.progress",
    "sqlalchemy.ext.asyncio",
    "sqlmodel",
    "stamina",
    "structlog",
    "typer",
    "uvicorn",
)
# That libraries are here already is what pytest and its plugins warn of, and ours is to make it so.
_TOLD = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
_OURS = ("app", "chassis", "check_contracts", "contract_gate", "service_testing", "tests")


class TookTooLong(Exception):
    """The process didn't end by itself."""


def import_libraries() -> None:
    for name in LIBRARIES:
        with suppress(ImportError):  # then each process imports it, or doesn't need it
            importlib.import_module(name)


def run_python(
    arguments: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    output: Path,
    errors: Path,
    timeout_seconds: float,
) -> int:
    """`python ARGUMENTS`, in a group of processes of which nothing stays; its exit code.

    The arguments are a script's, `-m pytest …`, or `-c CODE` with what that hands on to pytest.

    Raises:
        TookTooLong: it was killed.
    """
    process = multiprocessing.get_context("fork").Process(
        target=_be_python, args=(arguments, cwd, environment, output, errors)
    )
    process.start()
    try:
        process.join(timeout_seconds)
    finally:
        exit_code = process.exitcode
        if process.pid is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.join()
    if exit_code is None:
        raise TookTooLong
    return exit_code


def _be_python(
    arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], output: Path, errors: Path
) -> None:
    os.setsid()
    for path, streams in ((os.devnull, (0,)), (output, (1,)), (errors, (2,))):
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        for stream in streams:
            os.dup2(opened, stream)
    # Who starts it may have put something in their place.
    sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.dont_write_bytecode = False  # a copy's modules are compiled once
    for name in [name for name in sys.modules if name.partition(".")[0] in _OURS]:
        del sys.modules[name]
    code = 1
    try:
        code = _run(list(arguments), cwd)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - as Python itself does
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(arguments: list[str], cwd: Path) -> int:
    root = next(folder for folder in (cwd, *cwd.parents) if (folder / "shared/chassis").is_dir())
    ours = [str(root / "shared" / name / "src") for name in ("chassis", "testing")]
    sys.argv = arguments
    match arguments:
        case ["-m", "pytest", *options]:
            sys.path[:0] = [str(cwd), *ours]
            return int(importlib.import_module("pytest").main([*options, *_TOLD]))
        case ["-c", code, *options]:
            sys.path[:0] = [str(cwd), *ours]
            sys.argv = ["-c", *options, *(_TOLD if options else ())]  # options are pytest's
            exec(code, {"__name__": "__main__"})  # noqa: S102 - that is what `python -c` is
        case [script, *_]:
            sys.path[:0] = [str(Path(script).parent), *ours]
            runpy.run_path(script, run_name="__main__")
    return 0
