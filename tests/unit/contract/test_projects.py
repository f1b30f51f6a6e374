"""The settings file: what it may say, and the one sentence for what it may not."""

from __future__ import annotations

import copy
import tomllib
from datetime import UTC, date, datetime, timedelta, timezone
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.contract.errors import Unusable
from sluice.contract.event import Api
from sluice.contract.projects import KeyKind, ProjectKey, TokenBucket, normal_origin, parse

HASH = "ab" * 32


def document(**key: Any) -> dict[str, Any]:
    entry = {"name": "k", "kind": "secret", "hash": HASH} | key
    return {
        "salt": "0123456789abcdef" * 2,
        "projects": {"shop": {"keys": [{name: value for name, value in entry.items() if value is not ...}]}},
    }


def test_a_minimal_file_is_enough():
    shop = parse(document()).projects["shop"]
    (key,) = shop.keys
    assert (shop.limits, shop.allow_public_keys) == ("documented", True)
    assert (key.kind, key.expires, key.origins) == (KeyKind.SECRET, None, frozenset())
    assert key.scopes == {"events:write"}


def test_everything_can_be_said():
    toml = f'''
        salt = "0123456789abcdef0123456789abcdef"

        [projects.shop]
        allow_public_keys = false
        limits = {{ ingest = "none", pulse = [{{ kind = "token_bucket", capacity = 5, refill = 1, per_s = 60 }}] }}

        [[projects.shop.keys]]
        name = "web"
        kind = "public"
        hash = "{HASH}"
        scopes = ["events:write"]
        expires = 2030-01-01T00:00:00Z
        origins = ["https://shop.example"]
        limits = "none"
    '''
    shop = parse(tomllib.loads(toml)).projects["shop"]
    bucket = TokenBucket(capacity=5, refill=1, per_s=60)
    assert isinstance(shop.limits, dict)
    assert shop.limits[Api.PULSE] == (bucket,)
    assert shop.keys[0].expires is not None


@pytest.mark.parametrize(
    ("project", "key", "limit"),
    [
        ("documented", None, "documented"),
        ("none", None, "none"),
        ("none", "documented", "documented"),
        ({"pulse": "none"}, None, "none"),
        ({"events": "none"}, None, "documented"),
        ({"pulse": "none"}, {"events": "none"}, "documented"),
    ],
)
def test_a_keys_limit_wins_over_its_projects(project, key, limit):
    settings = document() if key is None else document(limits=key)
    settings["projects"]["shop"]["limits"] = project
    shop = parse(settings).projects["shop"]
    assert shop.limit(shop.keys[0], Api.PULSE) == limit


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"hash": "pulse_prod_demo"}, r"projects\.shop\.keys\[0\]\.hash: "),
        ({"hash": HASH.upper()}, r"projects\.shop\.keys\[0\]\.hash: "),
        ({"kind": "private"}, r"projects\.shop\.keys\[0\]\.kind: .*'secret' or 'public'"),
        ({"name": ...}, r"projects\.shop\.keys\[0\]\.name: Field required"),
        ({"key": "pulse_prod_demo"}, r"projects\.shop\.keys\[0\]\.key: Extra inputs are not permitted"),
        ({"expires": "2030-01-01T00:00:00"}, r"projects\.shop\.keys\[0\]\.expires: .*timezone"),
        ({"expires": date(2030, 1, 1)}, r"projects\.shop\.keys\[0\]\.expires: .*timezone"),
        ({"scopes": ["write"]}, r"projects\.shop\.keys\[0\]\.scopes\[0\]: a scope is like events:write"),
        ({"origins": ["shop.example"]}, r"projects\.shop\.keys\[0\]\.origins\[0\]: an origin is like https://"),
        ({"limits": "some"}, r"projects\.shop\.keys\[0\]\.limits"),
        ({"limits": {"unknown_api": "none"}}, r"projects\.shop\.keys\[0\]\.limits"),
        ({"limits": {"pulse": [{"kind": "leaky"}]}}, r"projects\.shop\.keys\[0\]\.limits"),
        ({"limits": {"pulse": [{"capacity": 1, "refill": 1, "per_s": 1}]}}, r"limits.*kind"),
        (
            {"limits": {"pulse": [{"kind": "token_bucket", "capacity": 0, "refill": 1, "per_s": 1}]}},
            r"capacity: .*greater than 0",
        ),
        ({"limits": {"pulse": [{"kind": "fixed_window", "limit": 9, "window_s": 1}]}}, r"per_s: Field required"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(change, sentence):
    with pytest.raises(Unusable, match=rf"the settings file is wrong: .*{sentence}"):
        parse(document(**change))


@pytest.mark.parametrize("salt", ["", "0123", "zz" * 16, "a" * 33])
def test_a_salt_is_16_bytes_in_hex_at_least(salt):
    with pytest.raises(Unusable, match="salt"):
        parse(document() | {"salt": salt})


@pytest.mark.parametrize("name", ["", "a/b", "Shop", "-a", "a" * 65, "a b"])
def test_a_projects_name_can_be_part_of_a_routing_key(name):
    with pytest.raises(Unusable, match="projects"):
        parse(document() | {"projects": {name: {}}})


def test_one_key_belongs_to_one_project_only():
    settings = document()
    settings["projects"]["other"] = copy.deepcopy(settings["projects"]["shop"])
    with pytest.raises(Unusable, match="'k' of project shop and 'k' of project other are the same key"):
        parse(settings)


def test_an_error_does_not_quote_what_stands_in_a_hash():
    with pytest.raises(Unusable) as caught:
        parse(document(hash="pulse_prod_secret"))
    assert "pulse_prod_secret" not in str(caught.value)


def test_what_was_read_cannot_be_changed():
    settings = parse(document())
    with pytest.raises(ValueError, match="frozen"):
        settings.salt = "x"  # type: ignore[misc]


def test_the_local_stacks_file_is_valid_and_holds_no_key():
    text = files("sluice.local").joinpath("demo.toml").read_text("utf-8")
    settings = parse(tomllib.loads(text))
    assert {name: project.limits for name, project in settings.projects.items()} == {
        "demo": "documented",
        "load": "none",
    }
    assert not [line for line in text.splitlines() if "pulse_prod" in line and not line.startswith("#")]


def test_keyless_events_need_a_project_that_exists():
    assert parse(document() | {"keyless_events_project": "shop"}).keyless_events_project == "shop"
    with pytest.raises(Unusable, match="keyless_events_project: there is no project other"):
        parse(document() | {"keyless_events_project": "other"})


def key(**changes: Any) -> ProjectKey:
    return parse(document(**changes)).projects["shop"].keys[0]


@given(st.integers(0, 250_000_000_000_000), st.sampled_from([-720, 0, 330]))
def test_a_key_expires_to_the_millisecond(moment_ms: int, offset_minutes: int):
    zone = timezone(timedelta(minutes=offset_minutes))
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment_ms)
    expiring = key(expires=moment.astimezone(zone).isoformat())
    assert not expiring.expired(moment_ms - 1)
    assert expiring.expired(moment_ms)


def test_a_key_without_expiry_never_expires():
    assert not key().expired(1 << 62)


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://shop.example", "https://shop.example"),
        ("https://shop.example/", "https://shop.example"),
        ("HTTPS://Shop.Example", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://shop.example:80", "http://shop.example"),
        ("http://shop.example:443", "http://shop.example:443"),
        ("https://shop.example:08443", "https://shop.example:8443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1:65535", "http://127.0.0.1:65535"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("https://xn--mller-kva.example", "https://xn--mller-kva.example"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
    ],
)
def test_an_origin_is_kept_as_browsers_write_it(written, origin):
    assert normal_origin(written) == origin
    assert key(origins=[written]).origins == frozenset({origin})


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "null",
        "*",
        "shop.example",
        "//shop.example",
        "https://",
        "https:///",
        "https://shop.example/path",
        "https://shop.example//",
        "https://shop.example?a",
        "https://shop.example#a",
        "https://user@shop.example",
        "https://*.shop.example",
        "https://shop.example:",
        "https://shop.example:0",
        "https://shop.example:65536",
        "https://shop.example:99999999999",
        "https://müller.example",
        "https://shop.example ",
        "https://shop.example\n",
        "https://shop.example https://other.example",
        "https://[::1",
    ],
)
def test_what_is_no_origin_is_refused(wrong):
    with pytest.raises(ValueError, match="an origin is like"):
        normal_origin(wrong)
    assert not key(origins=["https://shop.example"]).comes_from(wrong)


@pytest.mark.parametrize(
    ("origin", "comes_from"),
    [
        ("https://shop.example", True),
        ("https://SHOP.example", True),
        ("https://shop.example:443", True),
        ("http://shop.example", False),
        ("https://shop.example:8443", False),
        ("https://www.shop.example", False),
        ("https://shop.example.evil.example", False),
        ("null", False),
        (None, False),
    ],
)
def test_scheme_host_and_port_of_an_origin_count(origin, comes_from):
    assert key(origins=["https://other.example", "https://shop.example"]).comes_from(origin) is comes_from
    assert key().comes_from(origin)


def test_the_example_file_can_be_used():
    example = Path(__file__).parents[3] / "deploy" / "sluice.example.toml"
    assert set(parse(tomllib.loads(example.read_text("utf-8"))).projects) == {"shop"}
