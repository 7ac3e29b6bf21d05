"""Entity tags and conditional requests (RFC 9110, sections 8.8.3 and 13.1)."""

import hashlib
import json
import re

from pydantic import BaseModel

# Blanks can match in one place only: with two places, a long run of blanks would take quadratic time.
_TAGS = re.compile(r'[ \t]*(?:(W/)?("[\x21\x23-\x7e\x80-\xff]*")[ \t]*)?(?:,|\Z)')


def representation_version(view: type[BaseModel]) -> str:
    """Changes with the fields of the view, so that a client reads again what a new release shows differently."""
    schema = json.dumps(view.model_json_schema(mode="serialization"))
    return hashlib.blake2b(schema.encode(), digest_size=4).hexdigest()


def item_etag(item_version: int, owner_name: str, representation: str) -> str:
    """A strong tag, which changes exactly when the item's representation changes.

    The representation includes the owner's name. The owner's version would be shorter, but it also grows
    when nothing visible changes, such as when the event about an owner arrives after the lookup.
    """
    rest = f"{representation}{owner_name}".encode()
    return f'"{item_version}-{hashlib.blake2b(rest, digest_size=8).hexdigest()}"'


def matches_strongly(condition: str, etag: str) -> bool:
    """Whether an `If-Match` condition is true. A weak tag never matches."""
    return condition.strip() == "*" or ("", etag) in _parse(condition)


def matches_weakly(condition: str, etag: str) -> bool:
    """Whether an `If-None-Match` condition names the tag. A weak tag matches like a strong one."""
    return condition.strip() == "*" or etag in (tag for _, tag in _parse(condition))


def _parse(condition: str) -> list[tuple[str, str]]:
    """The weakness and the tag of each member; nothing if the list is malformed."""
    tags, position = [], 0
    while position < len(condition):
        match = _TAGS.match(condition, position)
        if match is None:
            return []
        if match[2]:
            tags.append((match[1] or "", match[2]))
        position = match.end()
    return tags
