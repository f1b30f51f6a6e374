from __future__ import annotations

import pytest

from sluice.local.clickhouse.call import Users, read_call, read_query_string
from sluice.local.clickhouse.errors import ClickHouseError

USERS = Users("default", "reader")


def test_parameters_are_sorted_into_what_they_are_for():
    fields = read_query_string(
        "query=SELECT+1&param_x=a%5Ctb&max_threads=2&database=d&query_id=q&session_id=s&session_timeout=5"
        "&wait_end_of_query=1&enable_http_compression=1&http_headers_progress_interval_ms=1&role=x&quota_key=k"
    )
    call = read_call(fields, {}, USERS)
    assert (call.query, call.query_id, call.database) == (b"SELECT 1", "q", "d")
    assert call.params == {"x": "a\\tb"}
    assert call.settings == {"max_threads": "2"}
    assert (call.session_id, call.session_timeout_s) == ("s", 5)
    assert call.wait_end_of_query
    assert call.compress_answer
    assert not call.reader
    assert call.readonly == 0


def test_bytes_that_are_no_utf_8_stay_what_they_are():
    assert read_call(read_query_string("query=SELECT+%27%FF%27"), {}, USERS).query == b"SELECT '\xff'"


@pytest.mark.parametrize(
    ("fields", "headers", "expected"),
    [
        ({}, {}, "TabSeparated"),
        ({"default_format": "CSV"}, {"X-ClickHouse-Format": "TSV"}, "CSV"),
        ({}, {"X-ClickHouse-Format": "TSV"}, "TSV"),
        ({"output_format": "JSON", "default_format": "CSV"}, {}, "JSON"),
    ],
)
def test_the_default_format(fields, headers, expected):
    assert read_call(fields, headers, USERS).default_format == expected


@pytest.mark.parametrize(
    ("fields", "headers", "user"),
    [
        ({}, {}, "default"),
        ({"user": "reader"}, {}, "reader"),
        ({}, {"X-ClickHouse-User": "reader", "X-ClickHouse-Key": "any"}, "reader"),
        ({}, {"Authorization": "Basic cmVhZGVyOnNlY3JldA=="}, "reader"),
        ({}, {"Authorization": "basic cmVhZGVyOg=="}, "reader"),
    ],
)
def test_the_user_comes_from_header_authorization_or_parameter(fields, headers, user):
    assert read_call(fields, headers, USERS).user == user


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"user": "nobody"}, {}),
        ({"user": ""}, {}),
        ({"user": "READER"}, {}),
        ({}, {"X-ClickHouse-Key": "x"}),
        ({"user": "reader"}, {"X-ClickHouse-User": "default"}),
        ({"password": ""}, {"Authorization": "Basic cmVhZGVyOg=="}),
        ({}, {"X-ClickHouse-User": "reader", "Authorization": "Basic cmVhZGVyOg=="}),
        ({}, {"Authorization": "Bearer x"}),
        ({}, {"Authorization": "Basic ???"}),
    ],
)
def test_a_wrong_or_doubled_authentication_is_refused(fields, headers):
    with pytest.raises(ClickHouseError) as caught:
        read_call(fields, headers, USERS)
    assert (caught.value.code, caught.value.status) == (516, 403)


@pytest.mark.parametrize(
    ("fields", "by_get", "level"),
    [
        ({}, False, 0),
        ({}, True, 2),
        ({"readonly": "1"}, True, 1),
        ({"readonly": "0"}, True, 2),
        ({"user": "reader"}, False, 2),
        ({"user": "reader", "readonly": "1"}, False, 1),
    ],
)
def test_how_far_a_request_is_read_only(fields, by_get, level):
    assert read_call(fields, {}, USERS, by_get=by_get).readonly == level


def test_the_reader_cannot_make_itself_writable():
    with pytest.raises(ClickHouseError) as caught:
        read_call({"user": "reader", "readonly": "0"}, {}, USERS)
    assert caught.value.code == 164


def test_the_overlay_database_is_never_chosen():
    assert read_call({"database": "default"}, {}, USERS).database is None
    assert read_call({}, {"X-ClickHouse-Database": "default"}, USERS).database is None


@pytest.mark.parametrize("timeout", ["x", "-1", "3601", "1.5", ""])
def test_a_wrong_session_timeout_is_refused(timeout):
    with pytest.raises(ClickHouseError) as caught:
        read_call({"session_timeout": timeout}, {}, USERS)
    assert caught.value.code == 374
