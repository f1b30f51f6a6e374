from __future__ import annotations

import pytest
from tests.unit.gateway.harness import demo_projects

from sluice.contract import projects
from sluice.gateway.keys import KeyRing, bearer, digest
from sluice.gateway.settings_file import DEMO_KEYS


def test_the_demo_keys_belong_to_their_projects():
    ring = KeyRing(demo_projects())
    found = {key: ring.find(key) for key in DEMO_KEYS}
    assert {name: (key.project, key.is_public) for name, key in found.items() if key} == {
        "pulse_prod_demo": ("demo", False),
        "demo_public": ("demo", True),
        "pulse_prod_load": ("load", False),
    }


@pytest.mark.parametrize(
    "wrong", ["", "pulse_prod_dem", "pulse_prod_demo ", "PULSE_PROD_DEMO", "\udcff", "x" * 10_000]
)
def test_any_other_key_is_not_found(wrong):
    assert KeyRing(demo_projects()).find(wrong) is None


def test_a_keys_id_and_hash_do_not_give_it_away():
    ring = KeyRing(demo_projects())
    key = ring.find("pulse_prod_demo")
    assert key is not None
    assert "pulse_prod_demo" not in repr(key) + repr(ring.__dict__)


def test_a_ring_that_takes_another_file_knows_its_keys_and_no_others():
    ring = KeyRing(demo_projects())
    other = demo_projects().model_dump(mode="json")
    del other["projects"]["demo"]["keys"][0], other["projects"]["load"]
    ring.take(projects.parse(other))
    assert [name for name in DEMO_KEYS if ring.find(name)] == ["demo_public"]


def test_a_ring_that_takes_another_salt_finds_keys_under_it():
    ring = KeyRing(demo_projects())
    salt = "ab" * 16
    entry = {"name": "k", "kind": "secret", "hash": digest(bytes.fromhex(salt), "mine")}
    ring.take(projects.parse({"salt": salt, "projects": {"shop": {"keys": [entry]}}}))
    assert ring.find("mine") is not None
    assert not ring.holds_any(DEMO_KEYS)


def test_the_same_key_has_another_hash_under_another_salt():
    assert digest(b"a" * 16, "key") != digest(b"b" * 16, "key")


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("BEARER   abc  ", "abc"),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic abc", None),
        ("abc", None),
        ("", None),
        ("Bearerabc", None),
    ],
)
def test_the_bearer_header_is_read_as_rfc_9110_says(header, key):
    assert bearer(header) == key
