"""What an event says of consent, where the documents leave it open."""

from __future__ import annotations

import pytest

from sluice.contract.consent import consent_of
from sluice.contract.event import Api, Consent

DENIED, GRANTED, UNKNOWN = Consent.DENIED, Consent.GRANTED, Consent.UNKNOWN


@pytest.mark.parametrize(
    ("event", "consent"),
    [
        (b"{}", UNKNOWN),
        (b'{"consentGiven":false}', DENIED),
        (b'{"consent_given":true}', GRANTED),
        (b'{"consent":"denied"}', DENIED),
        (b'{"consent":"DENIED"}', DENIED),
        (b'{"consent":"granted"}', GRANTED),
        (b'{"properties":{"consent":"denied"}}', DENIED),
        (b'{"consentGiven":null}', UNKNOWN),
        (b'{"consent":"maybe"}', UNKNOWN),
        (b'{"consent":{"ads":false}}', UNKNOWN),
        (b'{"consent":"granted","properties":{"consentGiven":false}}', DENIED),
        (b'{"\\u0063onsentGiven":false}', DENIED),
        (b'{"cart":{"consent":"denied"}}', UNKNOWN),
        (b'{"properties":"consent"}', UNKNOWN),
    ],
)
def test_an_event_says_it_in_its_own_members_or_in_its_properties(event: bytes, consent: Consent):
    assert consent_of(Api.PULSE, event) is consent


def test_in_api_3_its_own_member_alone_counts():
    event = b'{"consentGiven":true,"consent":"denied","properties":{"consentGiven":false}}'
    assert consent_of(Api.INGEST, event) is GRANTED


def test_in_api_4_it_stands_among_the_attributes():
    assert consent_of(Api.CLIENT, b'{"type":"event","attributes":{"consentGiven":false}}') is DENIED
    assert consent_of(Api.CLIENT, b'{"type":"event","attributes":{"properties":{"consent":"denied"}}}') is DENIED
    assert consent_of(Api.CLIENT, b'{"consentGiven":false,"attributes":{}}') is UNKNOWN


@pytest.mark.parametrize("event", [b'{"update":%s}', b'{"generic":{"event_name":"x","properties":%s}}'])
def test_in_api_5_it_stands_in_the_standard_event(event: bytes):
    assert consent_of(Api.USER_EVENT, b'{"user":{},"event":%s}' % (event % b'{"consent":"denied"}')) is DENIED


def test_in_api_5_a_saved_user_may_have_denied_it():
    assert consent_of(Api.USER_EVENT, b'{"user":{"email":"a@b.c","consent":false}}') is DENIED
