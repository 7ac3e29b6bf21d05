"""Entity tags and the conditions on them (RFC 9110, sections 8.8.3 and 13.1)."""

import hashlib
import re

# Blanks can match in one place only: with two, a long run of them takes quadratic time.
_TAGS = re.compile(r'[ \t]*(?:(W/)?("[\x21\x23-\x7e\x80-\xff]*")[ \t]*)?(?:,|\Z)')


def item_etag(item_version: int, owner_name: str) -> str:
    """Changes whenever the item's representation does, and at no other time.

    It shows the owner's name. The owner's version would be shorter, but grows without a change that
    shows: when the event of a user who was looked up arrives at last.
    """
    name = hashlib.blake2b(owner_name.encode(), digest_size=8).hexdigest()
    return f'"{item_version}-{name}"'


def matches_strongly(condition: str, etag: str) -> bool:
    """Whether an `If-Match` holds. A weak tag never matches."""
    return condition.strip() == "*" or ("", etag) in _parse(condition)


def matches_weakly(condition: str, etag: str) -> bool:
    """Whether an `If-None-Match` names the tag. A weak tag matches like a strong one."""
    return condition.strip() == "*" or etag in (tag for _, tag in _parse(condition))


def _parse(condition: str) -> list[tuple[str, str]]:
    """The weakness and the tag of each member; nothing of a list that isn't well-formed."""
    tags, position = [], 0
    while position < len(condition):
        match = _TAGS.match(condition, position)
        if match is None:
            return []
        if match[2]:
            tags.append((match[1] or "", match[2]))
        position = match.end()
    return tags
