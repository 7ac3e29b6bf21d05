"""Print a service's settings as a Markdown table, from the class that reads them: run in the service's folder.

`--update` writes it into docs/operations.md instead, as `tox -e settings` does for both.
"""

import importlib
import inspect
import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import annotated_types
from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from chassis.ops.settings import ServiceSettings

DOCUMENT = Path(__file__).resolve().parents[1] / "docs/operations.md"

_HEADING = "| Variable | Default | Limits | Meaning |\n|---|---|---|---|"
_LIMITS = {
    annotated_types.Ge: ("at least", "ge"),
    annotated_types.Gt: ("more than", "gt"),
    annotated_types.Le: ("at most", "le"),
    annotated_types.MinLen: ("characters: at least", "min_length"),
}


def table(settings: type[ServiceSettings]) -> str:
    rows = [_row(settings, name, field) for name, field in settings.model_fields.items()]
    return "\n".join([_HEADING, *rows])


def _row(settings: type[ServiceSettings], name: str, field: FieldInfo) -> str:
    cells = (_variables(settings, name, field), _default(settings, name, field), _limits(field))
    return f"| {' | '.join(cells)} | {field.description} |"


def _variables(settings: type[ServiceSettings], name: str, field: FieldInfo) -> str:
    if isinstance(field.validation_alias, AliasChoices):
        return ", else ".join(f"`{choice}`" for choice in field.validation_alias.choices)
    return f"`{settings.model_config.get('env_prefix', '')}{name.upper()}`"


def _default(settings: type[ServiceSettings], name: str, field: FieldInfo) -> str:
    development = settings.development_defaults().get(name)
    if field.is_required():
        return "required" + (f"; in development `{development}`" if development else "")
    if field.default in (None, ()):
        return "none"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def _limits(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    found = [_limit(each) for each in field.metadata if type(each) in _LIMITS]
    return ", ".join(found)


def _limit(constraint: Any) -> str:
    words, attribute = _LIMITS[type(constraint)]
    return f"{words} {getattr(constraint, attribute)}"


def main() -> int:
    sys.path.insert(0, str(Path.cwd()))
    settings = importlib.import_module("app.settings")  # of the service whose folder it is
    [found] = [
        each
        for _, each in inspect.getmembers(settings, inspect.isclass)
        if issubclass(each, ServiceSettings) and each is not ServiceSettings
    ]
    if "--update" in sys.argv[1:]:
        _update(Path.cwd().name, table(found))
    else:
        print(table(found))
    return 0


def _update(service: str, rows: str) -> None:
    begin = f"<!-- settings of {service} -->\n"
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(begin)
    after = rest.partition("<!-- end -->")[2]
    DOCUMENT.write_text(f"{before}{begin}{rows}\n<!-- end -->{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
