"""The comparison as a table, and as JSON."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from compare.figures import Comparison

_PACKAGES = ("fastapi", "starlette", "pydantic", "sqlalchemy", "asyncpg", "uvicorn", "uvloop")
_HEAD = (
    f"{'route':<16} {'CPU per request, us':>22} {'ratio':>6} {'(spread)':>14} {'limit':>6}"
    f" {'requests/s':>16} {'p50, ms':>14} {'p99, ms':>14}"
)


def as_table(comparisons: Sequence[Comparison]) -> str:
    """One line per route: the product's figure and the reference's."""
    return "\n".join([_HEAD, *map(_line, comparisons)])


def as_json(comparisons: Sequence[Comparison], load_average: Sequence[float]) -> str:
    """With what it was measured on; the load is that of the machine, before and after."""
    record = {
        "machine": machine(),
        "load_average": [round(load, 1) for load in load_average],
        "routes": [_rounded(asdict(each)) for each in comparisons],
    }
    return json.dumps(record, indent=2) + "\n"


def machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def _line(each: Comparison) -> str:
    product, reference = each.product, each.reference
    spread = f"({each.ratio_least:.2f}-{each.ratio_most:.2f})"
    mark = "" if each.is_within_limit else "  over the limit"
    return (
        f"{each.route:<16} {_pair(product.cpu_us, reference.cpu_us, 0):>22} {each.ratio:>6.2f}"
        f" {spread:>14} {each.limit:>6.1f}"
        f" {_pair(product.requests_per_second, reference.requests_per_second, 0):>16}"
        f" {_pair(product.p50_ms, reference.p50_ms, 1):>14}"
        f" {_pair(product.p99_ms, reference.p99_ms, 1):>14}{mark}"
    )


def _pair(product: float, reference: float, places: int) -> str:
    return f"{product:.{places}f} : {reference:.{places}f}"


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return round(value, 3) if isinstance(value, float) else value
