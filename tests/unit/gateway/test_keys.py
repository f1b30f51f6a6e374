from __future__ import annotations

import pytest
from tests.unit.gateway.harness import demo_projects

from sluice.gateway.keys import KeyRing, bearer, digest


def test_the_demo_keys_belong_to_their_projects():
    ring = KeyRing(demo_projects())
    found = {key: ring.find(key) for key in ("pulse_prod_demo", "demo_public", "pulse_prod_load")}
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
