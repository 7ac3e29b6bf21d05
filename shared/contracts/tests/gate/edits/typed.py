"""Breaking edits of values that are `typed`: the consumer's model rejects them."""

from gate.edits.edit import Edit, breaks_shop, catalog


def order(what: str, name: str, value: str) -> Edit:
    return breaks_shop(f"an order has {what}", "an order", (VALUES[name], f'"{name}": {value}'))


VALUES = {
    "status": '"status": "open"',
    "reference": '"reference": "5f6c2f2e-6a50-4f6e-8f6f-0d5a3a3c8d4b"',
    "due": '"due": "2026-12-01"',
    "coupon": '"coupon": "SPRING"',
    "discount": '"discount": 0.5',
    "tags": '"tags": ["gift"]',
}
TYPED = (
    order("a status that begins with a known one", "status", '"opened"'),
    order("an unknown status", "status", '"cancelled"'),
    order("no status", "status", "None"),
    order("a number as status", "status", "1"),
    order("another form of reference", "reference", '"A-7"'),
    order("a number as reference", "reference", "7"),
    order("a date in words", "due", '"tomorrow"'),
    order("a date that doesn't exist", "due", '"2026-02-30"'),
    order("a date in seconds", "due", "1764547200"),
    order("a coupon in small letters", "coupon", '"spring"'),
    order("a longer coupon", "coupon", '"SPRINGANDSUMMER"'),
    order("a number as coupon", "coupon", "7"),
    order("the discount in per cent", "discount", "50"),
    order("the discount as text", "discount", '"0.5"'),
    order("an unknown tag", "tags", '["gift", "new"]'),
    order("a text instead of tags", "tags", '"gift"'),
    breaks_shop(
        "the first order is number 0", "an order", ("len(store.orders) + 1", "len(store.orders)")
    ),
)
STILL_TYPED = (
    *(
        catalog(f"an order has {what}", (VALUES[name], f'"{name}": {value}'))
        for what, name, value in (
            ("another known status", "status", '"paid"'),
            ("no due date", "due", "None"),
            ("no coupon", "coupon", "None"),
            ("no tags", "tags", "[]"),
            ("two tags", "tags", '["sale", "gift"]'),
            ("a whole number as discount", "discount", "1"),
        )
    ),
    catalog(
        "a time has another offset",
        ("datetime.now(UTC)", "datetime.now(timezone(timedelta(hours=1)))"),
    ),
)
