"""The settings file: what it may say, and the one sentence for what it may not."""

from __future__ import annotations

import copy
import tomllib
from importlib.resources import files
from typing import Any

import pytest

from sluice.contract.errors import Unusable
from sluice.contract.event import Api
from sluice.contract.projects import KeyKind, TokenBucket, parse

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
