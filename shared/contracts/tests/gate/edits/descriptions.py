"""Breaking edits of the OpenAPI description."""

from gate.edits.edit import catalog

DESCRIPTIONS = (
    catalog(
        "a field may be absent, says the description",
        "the description allows it to be absent",
        ("    title: str\n", "    title: str | None = None\n"),
        (
            "class Page(BaseModel)",
            "Book.model_config['json_schema_serialization_defaults_required'] = False\n\n\nclass Page(BaseModel)",
        ),
    ),
    catalog(
        "a format is added",
        "catalog: GET /books/{book_id} 200 $.format",
        ('Literal["paper", "audio"]', 'Literal["paper", "audio", "braille"]'),
    ),
    catalog(
        "a response becomes nullable",
        "and no interaction covers that",
        ("    price_cents: int\n", "    price_cents: int | None\n"),
    ),
)
