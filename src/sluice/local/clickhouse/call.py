"""What a request asks for: its parameters, headers and user, read and sorted.

Pure. Source: ClickHouse's HTTPHandler, HTMLForm and authenticateUserByHTTP.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from sluice.local.clickhouse.access import OVERLAY
from sluice.local.clickhouse.errors import AUTHENTICATION_FAILED, READONLY, ClickHouseError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_FORMAT = "TabSeparated"
MAX_SESSION_TIMEOUT_S = 3600
DEFAULT_SESSION_TIMEOUT_S = 60

_TRANSPORT = frozenset({
    "add_http_cors_header", "buffer_size", "cancel_http_readonly_queries_on_client_close",
    "client_protocol_version", "close_session", "compress", "database", "decompress", "default_format",
    "enable_http_compression", "format", "output_format", "password", "query", "query_id", "quota_key", "readonly",
    "role", "send_progress_in_http_headers",
    "session_check", "session_id", "session_timeout", "stacktrace", "user",
    "wait_end_of_query", "write_statistics",
})  # fmt: skip
_TRANSPORT_PREFIXES = ("http_", "param_")
_TRUE = frozenset({"1", "true"})


@dataclass(frozen=True, slots=True)
class Users:
    """The two users, both without password: one may write, one may only read."""

    writer: str
    reader: str


@dataclass(frozen=True, slots=True)
class Call:
    """One request, read.

    `query` is the text from the URL. `settings` are those for the engine, in the order sent. `params` are query
    parameters, still escaped. `readonly` is that setting: 0 unless the request or the user asks for 1 or 2; it stands
    apart, since nothing can be set any more after it. `session_id` is empty without a session. `tag` names this
    call inside the engine.
    """

    user: str
    reader: bool
    query: bytes
    query_id: str
    database: str | None
    default_format: str
    settings: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    readonly: int = 0
    session_id: str = ""
    session_timeout_s: int = DEFAULT_SESSION_TIMEOUT_S
    session_check: bool = False
    close_session: bool = False
    compress_answer: bool = False
    wait_end_of_query: bool = False
    tag: str = field(default_factory=lambda: uuid.uuid4().hex)


def read_query_string(raw: str) -> dict[str, str]:
    """Read a query string; of a repeated name the first counts. Bytes that are no UTF-8 stay what they are."""
    fields: dict[str, str] = {}
    for name, value in parse_qsl(raw, keep_blank_values=True, encoding="utf-8", errors="surrogateescape"):
        fields.setdefault(name, value)
    return fields


def read_call(fields: Mapping[str, str], headers: Mapping[str, str], users: Users, *, by_get: bool = False) -> Call:
    """Sort a request's parameters and headers; one by GET is read-only.

    Raises `ClickHouseError`: wrong user, time-out, readonly or compression.
    """
    user = _user(fields, headers)
    if user not in {users.writer, users.reader}:
        raise ClickHouseError(
            AUTHENTICATION_FAILED,
            f"{user}: Authentication failed: password is incorrect, or there is no user with such name.",
        )
    for name, instead in (("compress", "Accept-Encoding"), ("decompress", "Content-Encoding")):
        if fields.get(name, "") in _TRUE:
            raise ClickHouseError(
                48, f"{name}=1 is not supported by the embedded ClickHouse; use the {instead} header instead."
            )
    database = fields.get("database") or headers.get("X-ClickHouse-Database") or None
    return Call(
        user=user,
        reader=user == users.reader,
        query=fields.get("query", "").encode("utf-8", "surrogateescape"),
        query_id=fields.get("query_id") or str(uuid.uuid4()),
        database=None if database == OVERLAY else database,
        default_format=_default_format(fields, headers),
        settings={name: value for name, value in fields.items() if _is_setting(name)},
        params={name.removeprefix("param_"): value for name, value in fields.items() if name.startswith("param_")},
        readonly=_readonly(fields.get("readonly"), reader=user == users.reader) or (2 if by_get else 0),
        session_id=fields.get("session_id", ""),
        session_timeout_s=_session_timeout(fields.get("session_timeout")),
        session_check=fields.get("session_check", "") in _TRUE,
        close_session=fields.get("close_session", "") in _TRUE,
        compress_answer=fields.get("enable_http_compression", "") in _TRUE,
        wait_end_of_query=fields.get("wait_end_of_query", "") in _TRUE,
    )


def _default_format(fields: Mapping[str, str], headers: Mapping[str, str]) -> str:
    named = (fields.get(name) for name in ("output_format", "format", "default_format"))
    return next(filter(None, named), None) or headers.get("X-ClickHouse-Format") or DEFAULT_FORMAT


def _is_setting(name: str) -> bool:
    return name not in _TRANSPORT and not name.startswith(_TRANSPORT_PREFIXES)


def _readonly(value: str | None, *, reader: bool) -> int:
    if value in {"1", "2"}:
        return int(value)
    if reader and value is not None:
        raise ClickHouseError(READONLY, "Cannot modify 'readonly' setting in readonly mode.")
    return 2 if reader else 0


def _session_timeout(value: str | None) -> int:
    if value is None:
        return DEFAULT_SESSION_TIMEOUT_S
    if not value.isascii() or not value.isdigit():
        raise ClickHouseError(374, f"Invalid session timeout: '{value}'")
    if int(value) > MAX_SESSION_TIMEOUT_S:
        raise ClickHouseError(
            374,
            f"Session timeout '{value}' is larger than max_session_timeout: {MAX_SESSION_TIMEOUT_S}. "
            "Maximum session timeout could be modified in configuration file.",
        )
    return int(value)


def _user(fields: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """Find the user's name; two ways of saying it at once are refused. Passwords are not looked at: none is set."""
    authorization = headers.get("Authorization")
    in_fields = "user" in fields or "password" in fields
    if headers.get("X-ClickHouse-User") or headers.get("X-ClickHouse-Key"):
        if authorization:
            raise _two_ways("X-ClickHouse HTTP headers", "Authorization HTTP header")
        if in_fields:
            raise _two_ways("X-ClickHouse HTTP headers", "authentication via parameters")
        return _named(headers.get("X-ClickHouse-User", ""), "X-ClickHouse HTTP headers")
    if authorization:
        if in_fields:
            raise _two_ways("Authorization HTTP header", "authentication via parameters")
        return _named(_basic(authorization), "Authorization HTTP header")
    return _named(fields.get("user", "default"), "authentication via parameters")


def _basic(authorization: str) -> str:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise ClickHouseError(
            AUTHENTICATION_FAILED,
            f"Invalid authentication: '{scheme}' HTTP Authorization scheme is not supported",
        )
    try:
        plain = base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise ClickHouseError(AUTHENTICATION_FAILED, "Invalid authentication: broken credentials") from None
    return plain.partition(b":")[0].decode("utf-8", "replace")


def _named(user: str, method: str) -> str:
    if not user:
        raise ClickHouseError(AUTHENTICATION_FAILED, f"Got an empty user name from {method}")
    return user


def _two_ways(one: str, other: str) -> ClickHouseError:
    return ClickHouseError(
        AUTHENTICATION_FAILED, f"Invalid authentication: it is not allowed to use {one} and {other} simultaneously"
    )
