"""Resource objects of JSON:API, the form in which API `client` is sent its events."""

from __future__ import annotations

import msgspec


class _Resource(msgspec.Struct, frozen=True):
    attributes: msgspec.Raw


_resource = msgspec.json.Decoder(_Resource)


def attributes_of(resource: bytes | msgspec.Raw) -> msgspec.Raw:
    """Give the JSON text of a resource object's attributes, as it was sent.

    Raises `msgspec.DecodeError` where there are none.
    """
    return _resource.decode(resource).attributes
