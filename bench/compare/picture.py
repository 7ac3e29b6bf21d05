"""The comparison as a picture: a bar for each route, and a mark at its limit."""

from collections.abc import Iterator, Sequence
from html import escape

from compare.figures import Comparison

_NAMES, _SCALE, _ROW, _TOP = 170, 90, 34, 46
"""Pixels: the column of names, one time the reference, a row, what stands above the rows."""
_STYLE = (
    "text{font:13px sans-serif;fill:#24292f}.head{font-weight:bold}.bar{fill:#2f6f9f}"
    ".over{fill:#b5452c}.limit{stroke:#24292f;stroke-width:2}.one{stroke:#8c959f;stroke-dasharray:3}"
    "rect.page{fill:#fff}"
)


def as_picture(comparisons: Sequence[Comparison]) -> str:
    """An SVG document."""
    longest = max(max(each.ratio, each.limit) for each in comparisons)
    width = round(_NAMES + _SCALE * longest + 80)
    height = _TOP + _ROW * len(comparisons) + 12
    one = _NAMES + _SCALE
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img">',
            f"<style>{_STYLE}</style>",
            f'<rect class="page" width="{width}" height="{height}"/>',
            '<text class="head" x="10" y="22">CPU time per request: the bare app is 1, the mark is the limit</text>',
            f'<line class="one" x1="{one}" y1="{_TOP - 10}" x2="{one}" y2="{height - 6}"/>',
            *(line for row, each in enumerate(comparisons) for line in _row(row, each)),
            "</svg>\n",
        ]
    )


def _row(row: int, each: Comparison) -> Iterator[str]:
    y, bar = _TOP + _ROW * row, _SCALE * each.ratio
    limit = _NAMES + _SCALE * each.limit
    kind = "bar" if each.is_within_limit else "over"
    yield f'<text x="10" y="{y + 15}">{escape(each.route)}</text>'
    yield f'<rect class="{kind}" x="{_NAMES}" y="{y}" width="{bar:.0f}" height="20"/>'
    yield f'<line class="limit" x1="{limit:.0f}" y1="{y - 3}" x2="{limit:.0f}" y2="{y + 23}"/>'
    yield f'<text x="{max(_NAMES + bar, limit) + 8:.0f}" y="{y + 15}">{each.ratio:.1f}</text>'
