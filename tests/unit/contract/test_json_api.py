"""Resource objects of JSON:API."""

from __future__ import annotations

import msgspec
import pytest

from sluice.contract.json_api import attributes_of


def test_the_attributes_are_given_as_they_were_sent():
    resource = b'{"type":"event","attributes":{ "n": 1.50e999, "s": "\\u00e4" },"id":7}'
    assert bytes(attributes_of(resource)) == b'{ "n": 1.50e999, "s": "\\u00e4" }'


@pytest.mark.parametrize("resource", [b"{}", b"[]", b"null", b""])
def test_what_has_none_is_no_resource(resource: bytes):
    with pytest.raises(msgspec.DecodeError):
        attributes_of(resource)
