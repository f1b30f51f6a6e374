"""What may be asked of a new key."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

import pytest

from sluice.cli.keyfile.entry import expiry, name_in, new_entry, new_key, new_salt
from sluice.contract.errors import Unusable
from sluice.contract.projects import KeyKind, Project, ProjectKey

NOW = datetime(2026, 11, 21, 12, 30, 15, 123456, tzinfo=UTC)
HASH = "ab" * 32
SECRET, PUBLIC = KeyKind.SECRET, KeyKind.PUBLIC


@pytest.mark.parametrize("kind", KeyKind)
def test_a_key_says_its_kind_and_cannot_be_guessed(kind):
    made = {new_key(kind) for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(rf"sl_{kind}_[A-Za-z0-9]{{32}}", key) for key in made)
    assert 32 * math.log2(62) >= 128


def test_every_salt_is_another():
    assert len({new_salt() for _ in range(100)}) == 100
    assert re.fullmatch("[0-9a-f]{32}", new_salt())


def project(*names: str, allow_public_keys: bool = True) -> Project:
    keys = tuple(ProjectKey(name=name, kind=SECRET, hash=HASH) for name in names)
    return Project(keys=keys, allow_public_keys=allow_public_keys)


@pytest.mark.parametrize(
    ("taken", "name"),
    [((), "secret"), (("secret",), "secret-2"), (("secret", "secret-2"), "secret-3"), (("secret-2",), "secret")],
)
def test_a_key_without_a_name_gets_a_free_one(taken, name):
    assert name_in("shop", project(*taken), SECRET, None) == name


def test_a_name_that_is_taken_is_refused():
    assert name_in("shop", project("server"), SECRET, "web") == "web"
    with pytest.raises(Unusable, match="project shop has a key named 'web'"):
        name_in("shop", project("server", "web"), SECRET, "web")


def test_a_public_key_is_refused_where_they_are_forbidden():
    with pytest.raises(Unusable, match="project shop forbids public keys"):
        name_in("shop", project(allow_public_keys=False), PUBLIC, None)
    assert name_in("shop", project(allow_public_keys=False), SECRET, None) == "secret"


def test_what_was_not_asked_for_is_left_out():
    assert new_entry("web", SECRET, HASH) == {"name": "web", "kind": "secret", "hash": HASH}


def test_what_was_asked_for_stands_in_the_entry():
    entry = new_entry(
        "web",
        PUBLIC,
        HASH,
        scopes=["users:write", "events:write", "events:write"],
        expires=NOW,
        origins=["https://B.example/", "https://a.example:443", "https://b.example"],
    )
    assert entry == {
        "name": "web",
        "kind": "public",
        "hash": HASH,
        "scopes": ["events:write", "users:write"],
        "expires": NOW,
        "origins": ["https://a.example", "https://b.example"],
    }
    assert ProjectKey.model_validate(entry)


@pytest.mark.parametrize(
    ("kind", "wrong", "sentence"),
    [
        (SECRET, {"name": "a" * 65}, r"--name: .*at most 64"),
        (SECRET, {"scopes": ["write"]}, r"--scope: a scope is like events:write"),
        (PUBLIC, {"scopes": ["events:write", "events:read"]}, r"--scope: a public key may only write"),
        (PUBLIC, {"origins": ["https://shop.example/path"]}, r"--origin: an origin is like https://shop\.example"),
        (SECRET, {"origins": ["https://shop.example"]}, r"--origin is for public keys"),
    ],
)
def test_a_wrong_option_is_named(kind, wrong, sentence):
    with pytest.raises(Unusable, match=sentence):
        new_entry(**{"name": "web", "kind": kind, "key_hash": HASH} | wrong)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-01-01", datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2027-01-01T12:00:00Z", datetime(2027, 1, 1, 12, tzinfo=UTC)),
        ("2027-01-01T12:00:00.5+02:00", datetime(2027, 1, 1, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-11-21T12:30:16Z", NOW.replace(second=16, microsecond=0)),
        ("90d", NOW.replace(microsecond=0) + timedelta(days=90)),
        ("1h", NOW.replace(microsecond=0) + timedelta(hours=1)),
    ],
)
def test_an_expiry_is_a_date_a_time_or_a_span(text, moment):
    assert expiry(text, NOW) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "90",
        "d",
        "0d",
        "-1d",
        "1.5d",
        "90D",
        "9999999d",
        "2027-13-01",
        "2027-01-01T12:00:00",
        "01.01.2027",
    ],
)
def test_what_is_no_expiry_is_refused(text):
    with pytest.raises(Unusable, match="--expires must be a date"):
        expiry(text, NOW)


@pytest.mark.parametrize("text", ["2026-11-21", "2020-01-01", "2026-11-21T12:30:15Z", "2026-11-21T12:30:15.123456Z"])
def test_an_expiry_lies_in_the_future(text):
    with pytest.raises(Unusable, match="in the future"):
        expiry(text, NOW)
