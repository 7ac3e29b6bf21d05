"""What is in this repository: its services and packages, as their `pyproject.toml` files declare them.

Standard library only, so that make, tox, the pipelines and the tests can all use it.

    [tool.service]
    port = 8003
    token-audience = "orders"      # access tokens name it
    consumes = ["accounts"]        # calls their HTTP API
    subscribes = ["accounts"]      # receives their events
    issues-tokens = false          # true: has to know every audience, and signs browsers in
    database = true

On the command line, `python workspace.py` with

    services     prints the name of each service, the ones that others need first
    install      makes each service's own environment, which `Service.python` starts it from
    env          writes `.env` for docker-compose.yml
"""

import fcntl
import hashlib
import json
import os
import re
import secrets
import shlex
import socket
import subprocess
import sys
import tempfile
import tomllib
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

NATS_PORT = 4222
# A proxy of the environment can't reach services on this machine.
_WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
ROOT = Path(__file__).resolve().parent
# What a Compose file refuses to start without: `${NAME:?message}`, or `${NAME?message}` if it may be empty.
_REQUIRED = re.compile(r"(?<!\$)\$\{(\w+)(:?)\?")


class Refused(Exception):
    """The services can't run with these settings. The text is for the user."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A folder of `services/`."""

    name: str
    folder: Path
    port: int
    """Where it listens unless `<NAME>_PORT` is set."""
    token_audience: str | None = None
    issues_tokens: bool = False
    consumes: Sequence[str] = ()
    subscribes: Sequence[str] = ()
    database: bool = True

    @property
    def prefix(self) -> str:
        """How its environment variables begin: `<NAME>_`."""
        return self.name.upper().replace("-", "_") + "_"

    @property
    def python(self) -> Path:
        """The interpreter of its own environment, with what it has in production: `install` makes it."""
        return self.folder / ".tox" / "run" / "bin" / "python"


def services(root: Path = ROOT) -> list[Service]:
    """Every folder of `services/` with a `[tool.service]` table, those that others need first."""
    found = {file.parent.name: _service(file) for file in _pyprojects(root, "services")}
    ordered: dict[str, Service] = {}

    def add(name: str, path: tuple[str, ...] = ()) -> None:
        if name in ordered or name not in found or name in path:
            return
        for provider in (*found[name].consumes, *found[name].subscribes):
            add(provider, (*path, name))
        ordered[name] = found[name]

    for name in found:
        add(name)
    return list(ordered.values())


def packages(root: Path = ROOT) -> list[Path]:
    """The folder of every package that is tested by itself: `shared/*`, then `services/*`."""
    return [file.parent for parent in ("shared", "services") for file in _pyprojects(root, parent)]


def connections(
    services: Sequence[Service], urls: Mapping[str, str], broker: str = ""
) -> dict[str, str]:
    """The variables by which services know each other, given the URL of each.

    With a `broker`, the host and port of a NATS server, events go through it (`<NAME>_EVENTS_URL`).
    `<NAME>_<PROVIDER>_URL` for each provider that it consumes, `<NAME>_EVENTS_SUBSCRIBERS` (`name=url`) for each
    that others subscribe to, `<NAME>_TOKEN_AUDIENCES` for each that issues tokens.
    """
    audiences = [each.token_audience for each in services if each.token_audience]
    found: dict[str, str] = {}
    for service in services:
        for provider in service.consumes:
            variable = provider.upper().replace("-", "_")
            found[f"{service.prefix}{variable}_URL"] = urls[provider]
        subscribers = [each.name for each in services if service.name in each.subscribes]
        if subscribers:
            targets = (f"{name}={urls[name]}/events/" for name in subscribers)
            sinks = f"broker=nats://{service.name}@{broker}" if broker else ",".join(targets)
            found[f"{service.prefix}EVENTS_SUBSCRIBERS"] = sinks
        if service.subscribes and broker:
            streams = ",".join(service.subscribes)
            found[f"{service.prefix}EVENTS_URL"] = f"nats://{service.name}@{broker}/{streams}"
        if service.issues_tokens:
            found[f"{service.prefix}TOKEN_AUDIENCES"] = ",".join(audiences)
    return found


def nats_users(services: Sequence[Service], passwords: Mapping[str, str]) -> str:
    """The users of a NATS server, as its configuration writes them: `admin`, and each service with its rights.

    A service may publish to its own stream, and read those that it subscribes to.
    """
    users: list[dict[str, object]] = [
        {"user": "admin", "password": passwords["NATS_ADMIN_PASSWORD"]}
    ]
    for each in services:
        publish = [f"{each.name}.>"]
        for consumer in (f"{stream}.{each.name}" for stream in each.subscribes):
            publish += [f"$JS.API.CONSUMER.{call}.{consumer}" for call in ("INFO", "MSG.NEXT")]
            publish.append(f"$JS.ACK.{consumer}.>")
        rights = {"publish": publish, "subscribe": [f"_INBOX_{each.name}.>"]}
        if password := passwords.get(f"{each.prefix}NATS_PASSWORD"):  # else it has no events
            users.append({"user": each.name, "password": password, "permissions": rights})
    return json.dumps(users)


def urls(services: Sequence[Service], environ: Mapping[str, str]) -> dict[str, str]:
    """Where each service listens, by `<NAME>_HOST` and `<NAME>_PORT`."""
    return {
        each.name: f"http://{environ[f'{each.prefix}HOST']}:{environ[f'{each.prefix}PORT']}"
        for each in services
    }


def development(services: Sequence[Service], given: Mapping[str, str]) -> dict[str, str]:
    """The environment of all services on this machine: defaults, over which variables in `given` win."""
    given = {name: value for name, value in given.items() if value}
    data = (ROOT / Path(given.get("DATA_DIR", "data")).expanduser()).absolute()
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=data).close()
    except OSError as error:
        text = f"Can't write to the folder {data} ({error.strerror}); set DATA_DIR to another."
        raise Refused(text) from error
    found = {"PYTHONUNBUFFERED": "1"}
    for service in services:
        found[f"{service.prefix}ENVIRONMENT"] = "development"
        found[f"{service.prefix}HOST"] = "127.0.0.1"
        found[f"{service.prefix}PORT"] = str(service.port)
        found[f"{service.prefix}LOG_FORMAT"] = "console"
        found[f"{service.prefix}SHUTDOWN_SECONDS"] = "2"  # less than `make run` waits
        found[f"{service.prefix}EVENTS_DEADLINE_SECONDS"] = "2"
        if service.database:
            file = urllib.parse.quote(f"{data}/{service.name}.db")
            found[f"{service.prefix}DATABASE_URL"] = f"sqlite:///{file}"
    found |= given
    origins = [
        f"{url},{url.replace('127.0.0.1', 'localhost')}" for url in urls(services, found).values()
    ]
    for service in services:
        if service.issues_tokens:  # the documentation pages of all services sign in there
            found[f"{service.prefix}CORS_ORIGINS"] = ",".join(origins)
    port = broker_port(given)
    known = connections(services, urls(services, found), f"127.0.0.1:{port}" if port else "")
    return found | known | given | {"DATA_DIR": str(data)}


def broker_port(given: Mapping[str, str]) -> str:
    """Where `make run EVENTS=nats` starts a broker; empty without one."""
    return (given.get("NATS_PORT") or str(NATS_PORT)) if uses_nats(given) else ""


def uses_nats(given: Mapping[str, str]) -> bool:
    """`make run EVENTS=nats`, or `make env EVENTS=nats`."""
    if (chosen := given.get("EVENTS") or "http") not in {"http", "nats"}:
        raise Refused(f"EVENTS must be http or nats, not {chosen!r}.")
    return chosen == "nats"


def check_ports(services: Sequence[Service], environ: Mapping[str, str]) -> None:
    """Raise Refused if a service, or the broker, can't listen where it should."""
    hosts = {each.name: (environ[f"{each.prefix}HOST"], f"{each.prefix}PORT") for each in services}
    if broker := broker_port(environ):
        environ = {**environ, "NATS_PORT": broker}
        hosts["nats"] = ("127.0.0.1", "NATS_PORT")
    with ExitStack() as stack:
        for name, (host, variable) in hosts.items():
            text = environ[variable]
            port = int(text) if re.fullmatch("[0-9]{1,5}", text) else 0
            if not 0 < port < 2**16:
                raise Refused(f"{variable} must be a port from 1 to 65535, not {text!r}.")
            try:
                stack.enter_context(socket.create_server((host, port)))
            except OSError as error:
                reason = f"{name} can't listen on {host}:{port} ({str(error.strerror).partition(' (')[0]})"
                advice = f"set {variable} to another port, or end what listens there"
                raise Refused(f"{reason}; {advice}.") from error


def is_ready(url: str) -> bool:
    try:
        with _WITHOUT_PROXY.open(f"{url}/health/ready", timeout=1):
            return True
    except OSError:
        return False


def tour(services: Sequence[Service], environ: Mapping[str, str]) -> str:
    """Where the services are, and the README's tour with their addresses."""
    places = urls(services, environ)
    lines = [f"  {name}  {url}  docs: {url}/docs" for name, url in places.items()]
    variables = {each.prefix[:-1]: places[each.name] for each in services}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"^```bash\n(.*)\n([^`]*)^```", readme, re.MULTILINE)
    named = re.findall(r"(\w+)=", block[1]) if block else []
    steps = ""
    if block and set(named) <= variables.keys():  # a service that it needs may be gone
        addresses = " ".join(f"{name}={variables[name]}" for name in named)
        steps = f"\nA tour, to copy into another terminal:\n\n{addresses}\n{block[2]}"
    return "\n".join(["\nReady. Ctrl-C ends all.\n", *lines, steps])


def tox_envs(package: Path) -> list[str]:
    """The tox environments of a package."""
    settings = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))
    tox = settings.get("tool", {}).get("tox", {})
    return [*tox.get("env_list", ()), *tox.get("env", {})]


def tox_command(package: Path, env: str) -> list[str]:
    """Run tox in a package's folder, from the root. The interpreter has to have tox."""
    folder = os.path.relpath(package, ROOT)
    anew = ["-r"] if is_outdated(package / ".tox" / env) else []
    # Inside tox, TOX_WORK_DIR names the folder of the outer run.
    work = ["--workdir", os.path.join(folder, ".tox")]  # noqa: PTH118 - relative
    return [sys.executable, "-m", "tox", "-c", folder, *work, "-e", env, *anew]


def is_outdated(environment: Path) -> bool:
    """Whether what tox installs has changed since: it doesn't look at a local package's dependencies."""
    made, stamp = environment / "pyvenv.cfg", ROOT / ".tox" / "inputs"
    inputs = [ROOT / "constraints.txt", *(each / "pyproject.toml" for each in packages())]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in inputs)).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:  # a checkout changes times, too
        stamp.parent.mkdir(exist_ok=True)
        stamp.write_text(digest)
    return made.exists() and made.stat().st_mtime < stamp.stat().st_mtime


def install() -> int:
    """Make the environment that each service is started from, by uv; those that are up to date stay."""
    (ROOT / ".tox").mkdir(exist_ok=True)
    with (ROOT / ".tox" / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # end-to-end tests may start at the same time
        variables = development(services(), {}).items()
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in variables]
        (ROOT / ".tox" / "development.env").write_text("".join(lines))  # for debuggers
        environments = [service.folder / ".tox" / "run" for service in services()]
        outdated = [each for each in environments if not _is_installed(each)]
        with ThreadPoolExecutor() as pool:
            codes = list(pool.map(_install, outdated))
        return next(filter(None, codes), 0)  # one that a signal ended is negative


def _is_installed(environment: Path) -> bool:
    return not is_outdated(environment) and (environment / ".ready").exists()


def _install(environment: Path) -> int:
    uv, folder = [sys.executable, "-m", "uv", "--quiet"], environment.parents[1]
    new = [*uv, "venv", "--clear", "--python", sys.executable, ".tox/run"]
    requirements = ["--requirement", "pyproject.toml", "--constraint", "../../constraints.txt"]
    fill = [*uv, "pip", "install", "--python", ".tox/run", *requirements]
    (environment / ".ready").unlink(missing_ok=True)  # before uv begins to delete the rest
    for command in (new, fill):  # in the folder: uv can't read an absolute path with a `#`
        if code := subprocess.run(command, cwd=folder, check=False).returncode:
            return code
    (environment / ".ready").touch()
    return 0


def compose_files(root: Path = ROOT) -> list[Path]:
    """The files of the stack: the root's, and the fragments of the services."""
    return [root / "docker-compose.yml", *sorted(root.glob("services/*/deploy/compose*.yml"))]


def env_text(current: str = "", root: Path = ROOT, *, nats: bool = False) -> str:
    """The text of `.env`: `current`, or .env.example, with what the Compose files require added.

    A value that is there stays, except for those of `connections`: they are written again. Everything else that is
    required and can't be empty is a new secret, of letters and digits, so that it fits in a URL.

    Raises:
        Refused: a line isn't `NAME=value`.
    """
    found = services(root)
    places = {each.name: f"http://{each.name}:{each.port}" for each in found}
    known = connections(found, places, f"nats:{NATS_PORT}" if nats else "")
    text = current or (root / ".env.example").read_text(encoding="utf-8")
    derived = {"NATS_USERS", *known}
    derived |= {f"{each.prefix}EVENTS_{name}" for each in found for name in ("SUBSCRIBERS", "URL")}
    lines = [line for line in text.splitlines() if line.partition("=")[0] not in derived]
    values: dict[str, str] = {}
    for line in lines:
        if line.strip() and not line.startswith("#"):
            if not re.match(r"[A-Za-z_]\w*=", line):
                raise Refused(f"This line of .env isn't NAME=value: {line.partition('=')[0]}")
            name, _, values[name] = line.partition("=")
    for file in compose_files(root):
        for name, colon in _REQUIRED.findall(file.read_text(encoding="utf-8")):
            if colon and not values.get(name, ""):
                lines = [line for line in lines if line != f"{name}="]
                values.pop(name, None)
            if name not in values:
                values[name] = known.get(name, secrets.token_hex(24) if colon else "")
                lines.append(f"{name}={values[name]}")
    if nats:
        lines.append(f"NATS_USERS='{nats_users(found, values)}'")
    return "\n".join(lines) + "\n"


def write_env(root: Path = ROOT) -> int:
    """Write `.env`, which only its owner can read."""
    target, new = root / ".env", root / ".env.new"
    current = target.read_text(encoding="utf-8") if target.exists() else ""
    text = env_text(current, root, nats=uses_nats(os.environ))
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(target)
    print("Wrote .env. It contains secrets: git ignores it.")
    return 0


def _pyprojects(root: Path, parent: str) -> list[Path]:
    return sorted((root / parent).glob("*/pyproject.toml"))


def _service(file: Path) -> Service:
    table = tomllib.loads(file.read_text(encoding="utf-8"))["tool"]["service"]
    values = {key.replace("-", "_"): value for key, value in table.items()}
    return Service(name=file.parent.name, folder=file.parent, **values)


def main(arguments: Sequence[str]) -> int:
    match arguments:
        case ["services"]:
            print(*(service.name for service in services()), sep="\n")
        case ["install"]:
            return install()
        case ["env"]:
            return write_env()
        case _:
            print(__doc__.partition("On the command line, ")[2], file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Refused as error:
        sys.exit(f"error: {error}")
