"""Edits of both sides in one commit, which only `can-i-deploy` finds."""

from gate.edits.edit import CATALOG, CLIENT, MAILER, MAILER_TEST, SHOP_TEST, Edit

LOCKSTEP = (
    Edit(
        "title is renamed on both sides",
        (
            (CATALOG, ("    title: str\n", '    title: str = Field(serialization_alias="name")\n')),
            (CLIENT, ("    title: Annotated", "    name: Annotated")),
            (
                SHOP_TEST,
                ('"title": "Emma"', '"name": "Emma"'),
                ("a_book(id=3, title=", "a_book(id=3, name="),
                ("(book.title,", "(book.name,"),
            ),
        ),
        "catalog as provider of the deployed shop: NO",
        is_lockstep=True,
    ),
    Edit(
        "the path of orders is renamed on both sides",
        (
            (CATALOG, ('"/orders/"', '"/purchases/"')),
            (CLIENT, ('"/orders/"', '"/purchases/"')),
            (SHOP_TEST, ('path="/orders/"', 'path="/purchases/"')),
        ),
        "shop as consumer of the deployed catalog: NO",
        is_lockstep=True,
    ),
    Edit(
        "an event type is renamed on both sides",
        (
            (CATALOG, ('"type": "book.added"', '"type": "book.created"')),
            (MAILER, ('"book.added"', '"book.created"')),
            (MAILER_TEST, ('"book.added"', '"book.created"')),
        ),
        "mailer as consumer of the deployed catalog: NO",
        is_lockstep=True,
    ),
)
