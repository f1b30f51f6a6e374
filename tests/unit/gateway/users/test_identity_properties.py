"""What holds for identities whatever is saved, profiled and logged in, in whatever order."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.gateway.users import identity
from sluice.gateway.users.identity import DifferentUsers, Person
from sluice.gateway.users.memory import MemoryUsers
from sluice.gateway.users.port import Identifier, Known

if TYPE_CHECKING:
    from sluice.gateway.users.identity import Resolution

# Few names, so that they meet; and some that read the same as an id and as an address.
IDS = ("u1", "u2", "a@x")
ADDRESSES = ("a@x", "b@x", "c@x")
NAMES = [Person("demo", id_) for id_ in IDS] + [Person("demo", None, address) for address in ADDRESSES]


class Request(NamedTuple):
    rule: str
    person: Person
    address: str


def people() -> st.SearchStrategy[Person]:
    both = st.builds(Person, st.just("demo"), st.sampled_from(IDS), st.sampled_from(ADDRESSES))
    return both | st.sampled_from(NAMES)


requests = st.builds(Request, st.sampled_from(["save", "profile", "login"]), people(), st.sampled_from(ADDRESSES))
histories = st.lists(requests, max_size=8)


def resolve(users: MemoryUsers, request: Request) -> Resolution | None:
    """Do what a request asks for; None where it is refused."""
    try:
        if request.rule == "save":
            return identity.saved(users, request.person)
        if request.rule == "profile":
            return identity.profiled(users, request.person)
        known = identity.find(users, request.person)
        return known and identity.logged_in(users, request.person, known, request.address)
    except DifferentUsers:
        return None


def after(history: list[Request]) -> MemoryUsers:
    users = MemoryUsers()
    for request in history:
        apply(users, request)
    return users


def apply(users: MemoryUsers, request: Request) -> Resolution | None:
    resolution = resolve(users, request)
    if resolution:
        users.known.update(resolution[1])
    return resolution


def meaning(users: MemoryUsers) -> dict[Person, Known]:
    """Tell whom each name means, as a request would find it."""
    found = {name: identity.find(users, name) for name in NAMES}
    return {name: known for name, known in found.items() if known}


@given(histories, requests)
def test_a_name_comes_to_mean_another_user_only_by_the_login_of_one_who_was_anonymous(
    history: list[Request], request: Request
):
    users = after(history)
    before = meaning(users)
    apply(users, request)
    for name, known in before.items():
        now = meaning(users)[name]
        if now.user_id != known.user_id:
            assert request.rule == "login"
            assert known.email == ""
            assert before[Person("demo", None, request.address)].user_id == now.user_id


@given(histories, requests)
def test_the_same_request_again_changes_nothing(history: list[Request], request: Request):
    users = after(history)
    first = apply(users, request)
    again = resolve(users, request)
    if first:
        assert again == (first[0], ())
    else:
        assert again is None


@given(histories)
def test_all_names_of_a_user_give_the_same_address(history: list[Request]):
    addresses: dict[str, set[str]] = {}
    for known in meaning(after(history)).values():
        addresses.setdefault(known.user_id, set()).add(known.email)
    assert all(len(of_one) == 1 for of_one in addresses.values())


@given(histories)
def test_an_address_means_somebody_who_has_one(history: list[Request]):
    for name, known in meaning(after(history)).items():
        assert known.email or name.email is None


@given(histories)
def test_a_users_address_means_that_user(history: list[Request]):
    users = after(history)
    for known in meaning(users).values():
        if known.email:
            assert identity.find(users, Person("demo", None, known.email)) == known


@given(histories, people())
def test_nobody_is_refused_but_for_names_that_are_known_to_mean_two_users(history: list[Request], person: Person):
    users = after(history)
    found = {known.user_id for name in person.identifiers() if (known := users.find(name))}
    try:
        known = identity.find(users, person)
    except DifferentUsers:
        assert len(found) == 2
    else:
        assert {known.user_id} == found if known else not found


@given(histories, requests)
def test_who_is_resolved_is_found_by_every_name_of_the_request(history: list[Request], request: Request):
    users = after(history)
    resolution = apply(users, request)
    if not resolution:
        return
    known, _ = resolution
    if request.rule == "save":
        assert identity.find(users, request.person) == known
    elif request.rule == "profile":
        assert (
            identity.find(users, request.person._replace(email=None) if request.person.id else request.person)
            == known
        )
    elif known.email == request.address:
        assert identity.find(users, Person("demo", None, request.address)) == known


@given(histories, requests)
@settings(max_examples=200)
def test_links_depend_on_nothing_but_what_is_known(history: list[Request], request: Request):
    users = after(history)
    before = dict(users.known)
    assert resolve(users, request) == resolve(users, request)
    assert users.known == before
    links = (resolve(users, request) or (None, ()))[1]
    assert all(
        isinstance(link.identifier, Identifier) and users.find(link.identifier) != link.known for link in links
    )
