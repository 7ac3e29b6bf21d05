"""An edit as data: which text of the example changes, and what the gate prints."""

from dataclasses import dataclass

CATALOG = "catalog/app/main.py"
CLIENT = "shop/app/catalog.py"
SHOP_TEST = "shop/tests/contract/test_catalog.py"
MAILER = "mailer/app/events.py"
MAILER_TEST = "mailer/tests/contract/test_catalog_events.py"
BREAKS_SHOP = "catalog breaks shop: "
BREAKS_MAILER = "catalog breaks mailer: "

Change = tuple[str, *tuple[tuple[str, str], ...]]
"""A file, and old and new texts in it."""


@dataclass(frozen=True)
class Edit:
    name: str
    changes: tuple[Change, ...]
    message: str = ""
    """Part of what the gate prints."""
    is_lockstep: bool = False
    """Both sides change in one commit, so only `can-i-deploy` can see it."""


def catalog(name: str, *changes: tuple[str, str], message: str = "") -> Edit:
    """A change of the provider."""
    return Edit(name, ((CATALOG, *changes),), message)


def breaks_shop(name: str, interaction: str, *changes: tuple[str, str]) -> Edit:
    return catalog(name, *changes, message=BREAKS_SHOP + interaction)


def breaks_mailer(name: str, message: str, *changes: tuple[str, str]) -> Edit:
    return catalog(name, *changes, message=BREAKS_MAILER + message)


def client(name: str, *changes: tuple[str, str], message: str = "") -> Edit:
    """A change of the consumer, without its tests."""
    return Edit(name, ((CLIENT, *changes),), message)


def failing_client(name: str, *changes: tuple[str, str]) -> Edit:
    return client(name, *changes, message="The consumer tests of shop fail")


def field(name: str, old: str, new: str) -> Edit:
    """A change of a field of `Book`."""
    return breaks_shop(name, "an available book", (f"    {old}\n", f"    {new}\n"))


def alias(name: str, new: str, kind: str) -> Edit:
    renamed = f'{name}: {kind} = Field(serialization_alias="{new}")'
    return field(f"{name} is renamed to {new}", f"{name}: {kind}", renamed)


def omitted(name: str, kind: str) -> Edit:
    return field(f"{name} is omitted", f"{name}: {kind}", f"{name}: {kind} = Field(exclude=True)")


def serialized(what: str, name: str, kind: str, serializer: str) -> Edit:
    new = f"{name}: Annotated[{kind}, PlainSerializer({serializer})]"
    return field(f"{name} is {what}", f"{name}: {kind}", new)
