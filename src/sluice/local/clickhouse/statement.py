"""What a statement is, as far as the front must know before the engine sees it.

Pure: bytes in, a `Statement` out. The front must know whether rows are read or written, in which format, where the
SQL of an INSERT ends and its data begins; and it refuses what ClickHouse refuses over HTTP but chdb would execute:
several statements in one request, INTO OUTFILE, FROM INFILE.
"""

from __future__ import annotations

import enum
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sluice.local.clickhouse.errors import SYNTAX_ERROR, ClickHouseError
from sluice.local.clickhouse.lexer import Kind, Token, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MULTI_STATEMENTS = "Multi-statements are not allowed"


class Action(enum.Enum):
    """What the statement does, as far as the way to the engine depends on it."""

    NOTHING = "empty"
    SELECT = "reads rows, as a stream where the format allows it"
    SHOW = "reads something about the server"
    LOAD = "an INSERT whose data follows in the request"
    WRITE = "anything else: DDL, SET, INSERT SELECT, ..."


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement.

    `sql` is what the engine gets: without a closing semicolon, and for LOAD without FORMAT, VALUES and data.
    `verb` is its first keyword in upper case. `format` is the format named in the statement, None without one
    (`Values` for INSERT ... VALUES). `data_at` is where the data begins in the text that was classified; None
    unless the action is LOAD. `whole_result` says that the result has parts beside its rows (totals, extremes), so
    that it cannot be put together from blocks. `tokens` are those of `sql`.
    """

    action: Action
    sql: bytes
    verb: str = ""
    format: str | None = None
    data_at: int | None = None
    whole_result: bool = False
    tokens: tuple[Token, ...] = ()

    def reading_file(self, path: str) -> bytes:
        """Give the SQL of a LOAD whose data stands in a file; `path` has neither quotes nor wildcards.

        The file is read by one thread, unless the statement says otherwise: several need much memory.
        """
        assert self.format is not None, "an INSERT with data has a format"
        head, settings = self._apart_from_settings()
        infile = f"FROM INFILE '{path}' COMPRESSION 'none' SETTINGS input_format_parallel_parsing = 0".encode()
        return b" ".join((head, infile + settings, b"FORMAT", self.format.encode()))

    def _apart_from_settings(self) -> tuple[bytes, bytes]:
        """Give `sql` without its settings, and these, each behind a comma. A table may be called settings, too."""
        for word, name, sign in zip(self.tokens, self.tokens[1:], self.tokens[2:], strict=False):
            if word.is_word(b"SETTINGS") and name.is_identifier and sign.is_sign(b"="):
                start = self.tokens[0].start
                return self.sql[: word.start - start].rstrip(), b", " + self.sql[name.start - start :]
        return self.sql, b""


_SELECTS = (b"SELECT", b"WITH", b"FROM")
_SHOWS = (b"SHOW", b"DESCRIBE", b"DESC", b"EXPLAIN", b"EXISTS", b"CHECK")


def classify(text: bytes) -> Statement:
    """Read a request's text.

    Of an INSERT with data the text may be cut off anywhere behind FORMAT or VALUES. Raises `ClickHouseError` for
    what cannot be read, for several statements, and for INTO OUTFILE and FROM INFILE.
    """
    stream = tokens(text)
    first = next(stream, None)
    if first is None:
        return Statement(Action.NOTHING, b"")
    if first.is_word(b"INSERT"):
        return _insert(text, first, stream)
    return _single(text, [first, *stream])


def is_insert(text: bytes) -> bool:
    """Tell whether a text begins as an INSERT, so that data may follow."""
    first = next(tokens(text), None)
    return first is not None and first.is_word(b"INSERT")


def _single(text: bytes, found: Sequence[Token]) -> Statement:
    body = _without_semicolons(text, found)
    if not body:
        return Statement(Action.NOTHING, b"")
    _refuse_outfile(body)
    verb = next((token for token in body if not token.is_sign(b"(")), body[0])
    outer = [token for token, depth in _with_depth(body) if depth == 0]
    return Statement(
        action=_action(verb, outer),
        sql=text[body[0].start : body[-1].end],
        verb=verb.value.decode("latin-1").upper() if verb.kind is Kind.WORD else "",
        format=_format(outer),
        whole_result=any(token.is_word(b"TOTALS", b"EXTREMES") for token in body),
        tokens=tuple(body),
    )


def _action(verb: Token, outer: Sequence[Token]) -> Action:
    if verb.is_word(*_SELECTS):
        writes = any(token.is_word(b"INSERT") for token in outer)
        return Action.WRITE if writes else Action.SELECT
    return Action.SHOW if verb.is_word(*_SHOWS) else Action.WRITE


def _without_semicolons(text: bytes, found: Sequence[Token]) -> list[Token]:
    """Drop what closes a statement; raise if something follows, or if something cannot be read."""
    body: list[Token] = []
    closed_by: Token | None = None
    for token in found:
        if token.kind is Kind.BROKEN:
            raise _unreadable(text, token)
        if token.is_sign(b";"):
            closed_by = closed_by or (token if body else None)
        elif closed_by:
            raise _multi_statements(text, closed_by)
        else:
            body.append(token)
    return body


def _refuse_outfile(body: Sequence[Token]) -> None:
    for token, follower in itertools.pairwise(body):
        if token.is_word(b"INTO") and follower.is_word(b"OUTFILE"):
            raise ClickHouseError(358, "INTO OUTFILE is not allowed.")
        if token.is_word(b"FROM") and follower.is_word(b"INFILE"):
            raise ClickHouseError(78, "Query has infile and was send directly to server.")


def _format(outer: Sequence[Token]) -> str | None:
    """Find the FORMAT clause: it closes the statement, or only SETTINGS follow it."""
    for index in range(len(outer) - 2, 0, -1):
        if outer[index].is_word(b"FORMAT") and outer[index + 1].is_identifier:
            rest = outer[index + 2 :]
            if not rest or rest[0].is_word(b"SETTINGS"):
                return outer[index + 1].value.decode("utf-8", "replace")
    return None


def _insert(text: bytes, first: Token, stream: Iterator[Token]) -> Statement:
    """Read an INSERT up to where its data begins; without data, read it as any other statement."""
    head = [first]
    named = False
    depth = 0
    for token in stream:
        head.append(token)
        depth += token.is_sign(b"(") - token.is_sign(b")")
        if depth or token.kind is not Kind.WORD:
            named = named or token.kind is Kind.QUOTED
        elif not named:
            named = not token.is_word(b"INTO", b"TABLE", b"FUNCTION")
        elif head[-2].is_sign(b"."):
            pass  # the table's name behind its database, whatever word it is
        elif token.is_word(b"VALUES"):
            return _load(text, head, "Values", token.end)
        elif token.is_word(b"FORMAT"):
            return _load_formatted(text, head, stream)
        elif token.is_word(b"SELECT", b"WITH", b"WATCH", b"EXPLAIN"):
            break
    found = _single(text, [*head, *stream])
    _refuse_input_function(found)
    return found


def _load(text: bytes, head: Sequence[Token], data_format: str, data_at: int) -> Statement:
    _refuse_outfile(head)
    sql = text[head[0].start : head[-2].end]
    return Statement(Action.LOAD, sql, "INSERT", data_format, data_at, tokens=tuple(head[:-1]))


def _load_formatted(text: bytes, head: Sequence[Token], stream: Iterator[Token]) -> Statement:
    name = next(stream, None)
    if name is None or not name.is_identifier:
        raise _unreadable(text, name or head[-1])
    data_format = name.value.decode("utf-8", "replace")
    return _load(text, head, data_format, _behind_line_break(text, name.end))


def _behind_line_break(text: bytes, position: int) -> int:
    """Skip blanks and one line break behind FORMAT's name, as ClickHouse does; data may begin with white space."""
    while text[position : position + 1] in {b" ", b"\t", b"\f"}:
        position += 1
    if text[position : position + 1] == b";":
        raise ClickHouseError(
            SYNTAX_ERROR,
            f"You have excessive ';' symbol before data for INSERT. Here is the position of it: {position + 1}.",
        )
    if text[position : position + 1] == b"\r":
        position += 1
    if text[position : position + 1] == b"\n":
        position += 1
    return position


def _refuse_input_function(found: Statement) -> None:
    """Refuse INSERT SELECT FROM input(...): chdb says OK and inserts nothing."""
    for token, follower in itertools.pairwise(found.tokens):
        if token.is_identifier and token.value == b"input" and follower.is_sign(b"("):
            raise ClickHouseError(48, "The table function input is not supported by the embedded ClickHouse.")


def _with_depth(body: Sequence[Token]) -> Iterator[tuple[Token, int]]:
    """Pair each token with how many brackets stand open around it, not counting those around the whole statement."""
    depth = 0
    for token in body:
        if token.is_sign(b")") or token.is_sign(b"]") or token.is_sign(b"}"):
            depth -= 1
        yield token, depth
        if token.is_sign(b"(") or token.is_sign(b"[") or token.is_sign(b"{"):
            depth += 1


def _unreadable(text: bytes, token: Token) -> ClickHouseError:
    return ClickHouseError(SYNTAX_ERROR, f"Syntax error: {_place(text, token.start, _excerpt(token.value, 20))}")


def _multi_statements(text: bytes, semicolon: Token) -> ClickHouseError:
    return ClickHouseError(
        SYNTAX_ERROR, f"Syntax error ({MULTI_STATEMENTS}): {_place(text, semicolon.start, 'end of query')}"
    )


def _place(text: bytes, start: int, what: str) -> str:
    return f"failed at position {start + 1} ({what}): {_excerpt(text[start:], 160)}. ."


def _excerpt(text: bytes, length: int) -> str:
    return text[:length].decode("utf-8", "replace")
