"""ClickHouse's SQL cut into tokens, as far as an HTTP front must understand it.

Pure: bytes in, tokens out. SQL is bytes here, since the data of an INSERT may follow it in any encoding. What
counts as a quote, a comment or white space follows ClickHouse's own lexer (src/Parsers/Lexer.cpp), oddities
included: nested block comments, `//` and `# ` comments, heredocs, curly quotes.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Kind(enum.Enum):
    """What a token is."""

    WORD = "bare word"
    QUOTED = "quoted identifier"
    STRING = "string literal or heredoc"
    NUMBER = "number"
    SIGN = "one character of an operator or bracket"
    BROKEN = "what no lexer can read: an open quote, an open comment, a stray byte"


class Token(NamedTuple):
    """One token: its kind, where it stands, and its meaning.

    `value` is the text of a bare word, sign or number, and what stands between the quotes otherwise, unescaped.
    """

    kind: Kind
    start: int
    end: int
    value: bytes

    def is_word(self, *words: bytes) -> bool:
        """Tell whether this is one of the keywords, given in upper case."""
        return self.kind is Kind.WORD and self.value.upper() in words

    def is_sign(self, sign: bytes) -> bool:
        """Tell whether this is the sign."""
        return self.kind is Kind.SIGN and self.value == sign

    @property
    def is_identifier(self) -> bool:
        """Tell whether this can name something: a bare word, or a quoted identifier."""
        return self.kind is Kind.WORD or self.kind is Kind.QUOTED


_SPACE = re.compile(
    rb"(?:[ \t\n\r\f\v]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe1\xa0\x8e|\xe2\x80[\x80-\x8f\xa8\xa9\xaf]"
    rb"|\xe2\x81[\x9f\xa0]|\xe3\x80\x80|\xef\xbb\xbf)+"
)
_LINE_COMMENT = re.compile(rb"(?:--|//|#[ !])[^\n]*")
_BLOCK_COMMENT_PART = re.compile(rb"/\*|\*/")
_WORD = re.compile(rb"[A-Za-z_][A-Za-z0-9_$]*|\$[A-Za-z0-9_]+")
_NUMBER = re.compile(rb"[0-9](?:[eEpP][+-](?=[0-9])|[0-9A-Za-z_])*(?:\.[0-9](?:[eE][+-](?=[0-9])|[0-9A-Za-z_])*)?")
_HEREDOC = re.compile(rb"\$([A-Za-z0-9_]*)\$")
_QUOTES = {
    b"'": (Kind.STRING, re.compile(rb"'((?:[^'\\]|\\.|'')*)'", re.DOTALL)),
    b'"': (Kind.QUOTED, re.compile(rb'"((?:[^"\\]|\\.|"")*)"', re.DOTALL)),
    b"`": (Kind.QUOTED, re.compile(rb"`((?:[^`\\]|\\.|``)*)`", re.DOTALL)),
}
_CURLY = {
    b"\xe2\x80\x98": (Kind.STRING, b"\xe2\x80\x99"),
    b"\xe2\x80\x9c": (Kind.QUOTED, b"\xe2\x80\x9d"),
}
_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{2}|.)", re.DOTALL)
_ESCAPED = {
    b"a": b"\a", b"b": b"\b", b"e": b"\x1b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v",
    b"0": b"\0", b"N": b"",
}  # fmt: skip


def tokens(sql: bytes, start: int = 0) -> Iterator[Token]:
    """Cut the SQL into tokens from `start` on, without white space and comments.

    Lazy, so that the data behind an INSERT is never read as SQL. After a BROKEN token nothing follows.
    """
    position = start
    while (position := _skip(sql, position)) < len(sql):
        token = _token(sql, position)
        yield token
        if token.kind is Kind.BROKEN:
            return
        position = token.end


def _skip(sql: bytes, position: int) -> int:
    """Skip white space and comments, up to a block comment that is never closed."""
    while True:
        found = _SPACE.match(sql, position) or _LINE_COMMENT.match(sql, position)
        if found:
            position = found.end()
        elif sql.startswith(b"/*", position):
            end = _end_of_block_comment(sql, position)
            if end is None:
                return position
            position = end
        else:
            return position


def _end_of_block_comment(sql: bytes, position: int) -> int | None:
    depth = 0
    for part in _BLOCK_COMMENT_PART.finditer(sql, position):
        depth += 1 if part[0] == b"/*" else -1
        if depth == 0:
            return part.end()
    return None


def _token(sql: bytes, position: int) -> Token:
    first = sql[position : position + 1]
    if sql.startswith(b"/*", position):
        return Token(Kind.BROKEN, position, len(sql), sql[position:])
    if first in _QUOTES:
        return _quoted(sql, position, *_QUOTES[first])
    if first == b"$" and (heredoc := _heredoc(sql, position)):
        return heredoc
    for kind, pattern in ((Kind.WORD, _WORD), (Kind.NUMBER, _NUMBER)):
        found = pattern.match(sql, position)
        if found:
            return Token(kind, position, found.end(), found[0])
    if first >= b"\x80":
        return _beyond_ascii(sql, position)
    if first < b" " or first == b"\x7f":
        return Token(Kind.BROKEN, position, len(sql), sql[position:])
    return Token(Kind.SIGN, position, position + 1, first)


def _quoted(sql: bytes, position: int, kind: Kind, pattern: re.Pattern[bytes]) -> Token:
    found = pattern.match(sql, position)
    if found is None:
        return Token(Kind.BROKEN, position, len(sql), sql[position:])
    quote = sql[position : position + 1]
    value = found[1].replace(quote + quote, quote)
    return Token(kind, position, found.end(), _ESCAPE.sub(_unescape, value))


def _unescape(escape: re.Match[bytes]) -> bytes:
    code = escape[1]
    if len(code) == 3:
        return bytes([int(code[1:], 16)])
    return _ESCAPED.get(code, code)


def _heredoc(sql: bytes, position: int) -> Token | None:
    opening = _HEREDOC.match(sql, position)
    end = sql.find(opening[0], opening.end()) if opening else -1
    if opening is None or end < 0:
        return None
    return Token(Kind.STRING, position, end + len(opening[0]), sql[opening.end() : end])


def _beyond_ascii(sql: bytes, position: int) -> Token:
    kind, closing = _CURLY.get(sql[position : position + 3], (Kind.BROKEN, b""))
    if kind is Kind.BROKEN:
        if sql.startswith(b"\xe2\x88\x92", position):  # the minus sign of typographers
            return Token(Kind.SIGN, position, position + 3, b"-")
        return Token(Kind.BROKEN, position, len(sql), sql[position:])
    end = sql.find(closing, position + 3)
    if end < 0:
        return Token(Kind.BROKEN, position, len(sql), sql[position:])
    return Token(kind, position, end + 3, sql[position + 3 : end])
