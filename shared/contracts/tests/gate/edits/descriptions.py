"""Breaking edits of the OpenAPI description."""

from gate.edits.edit import catalog

DESCRIPTIONS = (
    catalog(
        "a field may be absent, says the description",
        ("    title: str\n", "    title: str | None = None\n"),
        (
            "class Page(BaseModel)",
            "Book.model_config['json_schema_serialization_defaults_required'] = False\n\n\nclass Page(BaseModel)",
        ),
        message="the description allows it to be absent",
    ),
    catalog(
        "a format is added",
        ('Literal["paper", "audio"]', 'Literal["paper", "audio", "braille"]'),
        message="catalog: GET /books/{book_id} 200 $.format",
    ),
    catalog(
        "a response becomes nullable",
        ("    price_cents: int\n", "    price_cents: int | None\n"),
        message="and no interaction covers that",
    ),
)
