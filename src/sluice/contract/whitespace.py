r"""Which characters are spaces, said so that every language means the same.

A pattern of the OpenAPI document is read by tools of many languages, and each means other characters by `\s`: Python
takes the separators U+001C to U+001F and U+0085 with it, JavaScript the byte order mark U+FEFF instead.
"""

from __future__ import annotations

from typing import Final

WHITESPACE: Final = r"\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""What `str.strip` takes away, as the inside of a regular expression's brackets."""

NOT_BLANK: Final = f"[^{WHITESPACE}]"
"""The pattern of a text from which `str.strip` leaves something."""
