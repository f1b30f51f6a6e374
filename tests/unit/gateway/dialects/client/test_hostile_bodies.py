"""What a small request of API 4 unpacks to costs little more than its bytes, in the place of every member.

Time decides no test; memory stands for it, since what takes long is building what nobody asked for.
"""

from __future__ import annotations

import json
import tracemalloc
from typing import TYPE_CHECKING, Any, get_args, get_origin

import pytest
from pydantic import BaseModel
from tests.unit.gateway.harness import NOW

from sluice.gateway.dialects.client.body import JOB_FORM, PAGE_FORM, Form
from sluice.gateway.dialects.client.jsonapi import InvalidDocument, Location, pointer
from sluice.gateway.dialects.client.shapes import EventBulkCreate, EventBulkCreateJob

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = 10 * 1024**2
AT_MOST = 100_000_000
"""Bytes at the peak beside the body: a few copies of it, and no object for each of its elements."""

PROFILE = ("data", "attributes", "profile", "data")
EVENTS = ("data", "attributes", "events", "data")
BULKS = ("data", "attributes", "events-bulk-create", "data")
UNSET = (*PROFILE, "meta", "patch_properties", "unset")


def places(kind: Any, place: Location = ()) -> Iterator[Location]:
    """Give the place of every member that a model names, and of the models in them."""
    if get_origin(kind) is list:
        yield from places(get_args(kind)[0], (*place, 0))
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            inner = (*place, field.alias or name)
            yield inner
            yield from places(field.annotation, inner)
    else:
        for argument in get_args(kind):
            yield from places(argument, place)


def many(element: bytes) -> bytes:
    return b"[" + (element + b",") * (SIZE // (len(element) + 1)) + element + b"]"


def body_with(sent: bytes, place: Location) -> bytes:
    """Give a body with nothing else in it."""
    for name in reversed(place):
        sent = b"[" + sent + b"]" if isinstance(name, int) else b"{" + json.dumps(name).encode() + b":" + sent + b"}"
    return sent


def read(form: Form, body: bytes) -> tuple[list[str], int]:
    """Give the places of what is wrong, and the bytes at the peak."""
    wrong = []
    tracemalloc.start()
    try:
        form.read(body, NOW)
    except InvalidDocument as problem:
        wrong = [fault.pointer for fault in problem.faults]
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return wrong, peak


OF_PAGE = [(PAGE_FORM, place) for place in places(EventBulkCreate)]
OF_JOB = [(JOB_FORM, place) for place in places(EventBulkCreateJob) if 0 not in place]


@pytest.mark.parametrize(("form", "place"), OF_PAGE + OF_JOB)
def test_no_member_is_made_of_millions_of_lists(form: Form, place: Location):
    wrong, peak = read(form, body_with(many(b"[[[[]]]]"), place))
    assert pointer(place) in wrong
    assert peak < AT_MOST


def test_every_member_of_the_models_is_tried():
    assert {*EVENTS[1:], *UNSET, 0, "first_name", "_kx", "latitude", "value_currency"} <= {
        name for _, place in OF_PAGE for name in place
    }


EVENT = b'{"type":"event","attributes":{"metric":{"data":{"type":"metric","attributes":{"name":"a"}}}}}'
OF_1000 = b'{"attributes":{"events":{"data":[' + b",".join([b"{}"] * 1000) + b"]}}}"
OF_1 = b'{"attributes":{"events":{"data":[{}]}}}'
ELEMENTS = [b"{}", b"1", b'""', b'"a"', b"null"]


@pytest.mark.parametrize(
    ("form", "place", "refused", "elements"),
    [
        pytest.param(PAGE_FORM, EVENTS, EVENTS, [*ELEMENTS, EVENT], id="events"),
        pytest.param(JOB_FORM, (*BULKS, 0, *EVENTS[1:]), BULKS, [*ELEMENTS, EVENT], id="events of a job"),
        pytest.param(JOB_FORM, BULKS, BULKS, [*ELEMENTS, OF_1, OF_1000], id="bulks"),
        pytest.param(PAGE_FORM, UNSET, UNSET, ELEMENTS, id="unset"),
    ],
)
def test_millions_of_elements_are_refused_and_not_made(
    form: Form, place: Location, refused: Location, elements: list[bytes]
):
    for element in elements:
        wrong, peak = read(form, body_with(many(element), place))
        assert pointer(refused) in wrong
        assert peak < AT_MOST


@pytest.mark.parametrize("place", [EVENTS, UNSET], ids=pointer)
def test_of_two_members_of_the_same_name_none_is_made_of_millions(place: Location):
    again = b',"' + str(place[-1]).encode() + b'":'
    for sent in (many(b"{}") + again + b"[1]", b"[1]" + again + many(b"{}")):
        wrong, peak = read(PAGE_FORM, body_with(sent, place))
        assert wrong
        assert peak < AT_MOST


@pytest.mark.parametrize(
    "place",
    [(*PROFILE, "attributes", "location"), (*PROFILE, "attributes", "properties"), (*PROFILE, "meta"), (*EVENTS, 0)],
    ids=pointer,
)
def test_millions_of_unknown_members_are_not_made(place: Location):
    members = b"{" + b",".join(b'"%d":0' % number for number in range(SIZE // 12)) + b"}"
    wrong, peak = read(PAGE_FORM, body_with(members, place))
    assert pointer(place) not in wrong
    assert peak < AT_MOST
