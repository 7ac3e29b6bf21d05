"""PostgreSQL URLs as providers hand them out, written for libpq: what their options are for asyncpg."""

import re
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

from sqlalchemy.engine import URL

_SEVERAL_HOSTS = re.compile(r"(\w+(?:\+\w+)?://(?:[^@/?#]*@)?)([^@/?#]*,[^@/?#]*)([^?#]*)\??(.*)")
_DEFAULT_PORT = 5432
_AS_LIBPQ = {  # asyncpg reads these from a URL as libpq does
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl", "sslnegotiation"),
    *("ssl_min_protocol_version", "ssl_max_protocol_version", "target_session_attrs"),
    *("application_name", "options", "client_encoding", "passfile", "krbsrvname", "gsslib"),
}
_NOT_NEEDED = {  # each connection has settings of its own for this, and asyncpg doesn't encrypt by GSSAPI
    *(
        "keepalives",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
    ),
    "gssencmode",
}
_NUMBERS = {"connect_timeout", "statement_cache_size", "prepared_statement_cache_size"}
_OTHERS = {"host", "port", "ssl", "channel_binding"}


def separate_hosts(url: str) -> str:
    """The URL in the form that SQLAlchemy can read: `//a:1,b:2/name` is `///name?host=a:1&host=b:2`."""
    found = _SEVERAL_HOSTS.fullmatch(url)
    if found is None:
        return url
    start, hosts, path, query = found.groups()
    parts = [query] if query else []
    parts += [f"host={quote(host, safe=':[]')}" for host in hosts.split(",")]
    return f"{start}{path}?{'&'.join(parts)}"


def driver_arguments(url: URL) -> tuple[URL, dict[str, Any]]:
    """The URL without its options, and the arguments of `asyncpg.connect` that they are.

    Raises:
        ValueError: an option isn't known, or can't be kept. The sentence doesn't repeat it, as it may be
            a part of a password.
    """
    query = {name: _last(value) for name, value in url.query.items()}
    if not query.keys() <= _AS_LIBPQ | _NOT_NEEDED | _NUMBERS | _OTHERS:
        known = ", ".join(sorted(_AS_LIBPQ | _NUMBERS | _OTHERS))
        raise ValueError(f"has an option that isn't known. Known are: {known}")
    if "ssl" in query:  # asyncpg's own name
        query["sslmode"] = query.pop("ssl")
    arguments = _hosts(url) | _numbers(query)
    if query.get("channel_binding") == "require" and query.get("sslmode") != "verify-full":
        raise ValueError(
            "must have sslmode=verify-full in place of channel_binding=require, which the driver doesn't "
            "support; with sslrootcert=system for a certificate of a public authority"
        )
    if query.get("sslrootcert") == "system":
        if query.pop("sslmode", "") != "verify-full":
            raise ValueError("must have sslmode=verify-full with sslrootcert=system")
        arguments["ssl"] = True  # verified with the system's authorities
        del query["sslrootcert"]
    as_libpq = {name: value for name, value in query.items() if name in _AS_LIBPQ}
    if as_libpq:
        arguments["dsn"] = f"postgresql://?{urlencode(as_libpq)}"
    return url.set(query={}), arguments


def _last(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else value[-1]


def _hosts(url: URL) -> dict[str, Any]:
    hosts = [host for text in url.normalized_query.get("host", ()) for host in text.split(",")]
    given = [port for text in url.normalized_query.get("port", ()) for port in text.split(",")]
    if not hosts and not given:
        return {}
    pairs = [re.fullmatch(r"(.*?)(?::(\d+))?", host) for host in hosts or [url.host or ""]]
    ports = [
        pair[2] or (given[min(index, len(given) - 1)] if given else _DEFAULT_PORT)
        for index, pair in enumerate(filter(None, pairs))
    ]
    try:
        numbers = [int(port) for port in ports]
    except ValueError:
        raise ValueError("must have a number as each port") from None
    return {"host": [pair[1].strip("[]") for pair in filter(None, pairs)], "port": numbers}


def _numbers(query: dict[str, str]) -> dict[str, Any]:
    try:
        numbers = {name: int(query[name]) for name in _NUMBERS & query.keys()}
    except ValueError:
        raise ValueError(f"must have whole numbers for {', '.join(sorted(_NUMBERS))}") from None
    timeout = numbers.pop("connect_timeout", 0)
    arguments: dict[str, Any] = {"timeout": timeout} if timeout else {}
    if 0 in numbers.values():
        # For a pooler that gives each transaction another connection: no statement may outlive it.
        arguments["statement_cache_size"] = arguments["prepared_statement_cache_size"] = 0
        arguments["prepared_statement_name_func"] = lambda: f"statement_{uuid4().hex}"
    return arguments
