"""Which services are run, and with which settings."""

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from runner.errors import RunError

_MAX_PORT = 65535


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service, where it listens, and the whole environment that its processes get."""

    name: str
    folder: Path
    host: str
    port: int
    environ: Mapping[str, str]

    @property
    def port_variable(self) -> str:
        """The variable that changes the port."""
        return f"{self.name.upper()}_PORT"

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


def prepare_data_dir(root: Path, environ: Mapping[str, str]) -> Path:
    """Make the folder DATA_DIR, by default `data` under `root`, and see that it can be written to.

    Raises:
        RunError: it can't.
    """
    folder = (root / Path(environ.get("DATA_DIR") or "data").expanduser()).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise RunError(
            f"Can't write to the data folder {folder} ({error.strerror}); set DATA_DIR to another."
        ) from error


def read_services(root: Path, environ: Mapping[str, str], data_dir: Path) -> list[Service]:
    """The services under `root`, with the settings of `environ` before the defaults.

    Raises:
        RunError: a port isn't one, or both are the same.
    """
    users_port = _read_port(environ, "USERS_PORT", 8001)
    items_port = _read_port(environ, "ITEMS_PORT", 8002)
    if users_port == items_port:
        raise RunError(f"USERS_PORT and ITEMS_PORT are both {users_port}; set one to another port.")
    # The Authorize button of items' docs page signs in at users, from items' origin.
    origins = [f"http://{host}:{items_port}" for host in ("localhost", "127.0.0.1")]
    items_host = environ.get("ITEMS_HOST") or "127.0.0.1"
    users = _service(
        root,
        "users",
        users_port,
        data_dir,
        environ,
        USERS_CORS_ORIGINS=",".join(origins),
        USERS_TOKEN_AUDIENCES="users,items",  # noqa: S106 - names of services
        EVENTS_SINK_URL=f"http://{items_host}:{items_port}/events/",
        # As with requests: less than the runner waits before it kills.
        USERS_EVENTS_DEADLINE_SECONDS="2",
    )
    items = _service(root, "items", items_port, data_dir, environ, ITEMS_USERS_URL=users.url)
    return [users, items]


def _service(
    root: Path,
    name: str,
    port: int,
    data_dir: Path,
    environ: Mapping[str, str],
    **own_settings: str,
) -> Service:
    prefix = name.upper()
    defaults = {
        f"{prefix}_ENVIRONMENT": "development",
        f"{prefix}_HOST": "127.0.0.1",
        f"{prefix}_PORT": str(port),
        f"{prefix}_DATABASE_URL": f"sqlite:///{data_dir}/{name}.db",
        f"{prefix}_LOG_FORMAT": "console",
        # Less than the runner waits before it kills.
        f"{prefix}_SHUTDOWN_SECONDS": "2",
        "PYTHONUNBUFFERED": "1",
        **own_settings,
    }
    # An empty variable counts as unset, as in a Compose file's ${NAME:-default}.
    settings = defaults | {key: value for key, value in environ.items() if value}
    host = settings[f"{prefix}_HOST"]
    return Service(
        name=name, folder=root / "services" / name, host=host, port=port, environ=settings
    )


def _read_port(environ: Mapping[str, str], variable: str, default: int) -> int:
    text = environ.get(variable) or str(default)
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= _MAX_PORT:
        raise RunError(f"{variable} must be a port from 1 to {_MAX_PORT}, not {text!r}.")
    return int(text)
