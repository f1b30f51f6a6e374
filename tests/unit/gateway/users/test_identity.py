"""Whom the identifiers of a request mean, and what they mean afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sluice.contract.errors import Invalid
from sluice.gateway.users import identity
from sluice.gateway.users.identity import DifferentUsers, Person
from sluice.gateway.users.memory import MemoryUsers
from sluice.gateway.users.port import Identifier, Known

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluice.gateway.users.identity import Resolution
    from sluice.gateway.users.port import Users


class Directory(MemoryUsers):
    """Keeps what the rules say is to be linked; names are those of project demo."""

    def resolve(self, rule: Callable[[Users, Person], Resolution], person: Person) -> Known:
        known, links = rule(self, person)
        self.known.update(links)
        return known

    def save(self, id: str | None = None, email: str | None = None) -> Known:  # type: ignore[override]  # noqa: A002
        return self.resolve(identity.saved, Person("demo", id, email))

    def profile(self, id: str | None = None, email: str | None = None) -> Known:  # noqa: A002
        return self.resolve(identity.profiled, Person("demo", id, email))

    def whom(self, id: str | None = None, email: str | None = None) -> Known | None:  # noqa: A002
        return identity.find(self, Person("demo", id, email))

    def log_in(self, address: str, id: str | None = None, email: str | None = None) -> Known:  # noqa: A002
        person = Person("demo", id, email)
        found = identity.find(self, person)
        assert found is not None
        known, links = identity.logged_in(self, person, found, address)
        self.known.update(links)
        return known


@pytest.fixture
def users() -> Directory:
    return Directory()


def test_a_person_is_named_by_an_id_an_address_or_both():
    assert Person("demo", "u1").identifiers() == {Identifier("demo", "id", "u1")}
    assert Person("demo", None, "a@x").identifiers() == {Identifier("demo", "email", "a@x")}
    assert len(Person("demo", "u1", "a@x").identifiers()) == 2


# Saving a user


def test_a_user_is_called_by_the_id_it_was_first_saved_with(users: Directory):
    assert users.save("u1") == Known("u1")
    assert users.whom("u1") == Known("u1")


def test_without_an_id_a_user_is_called_by_the_address(users: Directory):
    assert users.save(email="a@x") == Known("a@x", "a@x")
    assert users.whom(email="a@x") == Known("a@x", "a@x")


def test_of_both_names_the_id_is_the_users_and_both_mean_that_user(users: Directory):
    assert users.save("u1", "a@x") == Known("u1", "a@x")
    assert users.whom("u1") == users.whom(email="a@x") == users.whom("u1", "a@x") == Known("u1", "a@x")


def test_an_anonymous_user_gets_an_address(users: Directory):
    users.save("u1")
    assert users.save("u1", "a@x") == Known("u1", "a@x")
    assert users.whom("u1") == users.whom(email="a@x") == Known("u1", "a@x")


def test_a_user_saved_by_address_keeps_its_name_when_it_gets_an_id(users: Directory):
    users.save(email="a@x")
    assert users.save("u1", "a@x") == Known("a@x", "a@x")
    assert users.whom("u1") == Known("a@x", "a@x")


def test_a_new_address_that_comes_with_the_id_is_the_users_and_the_old_one_still_names_it(users: Directory):
    users.save("u1", "old@x")
    assert users.save("u1", "new@x") == Known("u1", "new@x")
    for known in (users.whom("u1"), users.whom(email="new@x"), users.whom(email="old@x"), users.whom("u1", "old@x")):
        assert known == Known("u1", "new@x")


def test_a_former_address_alone_only_says_who_is_meant(users: Directory):
    users.save("u1", "old@x")
    users.save("u1", "new@x")
    assert users.save(email="old@x") == Known("u1", "new@x")


def test_a_former_address_that_comes_with_the_id_is_the_users_again(users: Directory):
    for address in ("old@x", "new@x", "old@x"):
        users.save("u1", address)
    assert users.whom("u1") == users.whom(email="new@x") == Known("u1", "old@x")


def test_a_user_may_have_several_ids_and_one_present_address(users: Directory):
    users.save("u1", "a@x")
    users.save("u2", "a@x")
    assert users.save("u2", "b@x") == Known("u1", "b@x")
    assert users.whom("u1") == users.whom("u2") == users.whom(email="a@x") == Known("u1", "b@x")


def test_a_user_who_was_named_by_an_address_may_change_it(users: Directory):
    users.save(email="a@x")
    users.save("u1", "a@x")
    assert users.save("u1", "b@x") == Known("a@x", "b@x")
    assert users.whom(email="a@x") == users.whom(email="b@x") == Known("a@x", "b@x")


def test_an_id_and_an_address_of_two_users_are_refused_and_nothing_is_linked(users: Directory):
    users.save("u1", "a@x")
    users.save("u2", "b@x")
    before = dict(users.known)
    with pytest.raises(DifferentUsers):
        users.save("u1", "b@x")
    assert users.known == before


def test_different_users_are_a_fault_of_the_request():
    assert issubclass(DifferentUsers, Invalid)


def test_saving_again_links_nothing(users: Directory):
    users.save("u1", "a@x")
    assert identity.saved(users, Person("demo", "u1", "a@x"))[1] == ()


@pytest.mark.parametrize("first", [Person("demo", "a@x"), Person("demo", None, "a@x")])
def test_an_id_and_an_address_that_read_the_same_name_the_same_user(users: Directory, first: Person):
    users.resolve(identity.saved, first)
    users.save(email="a@x")
    assert users.save("a@x") == Known("a@x", "a@x")
    assert users.whom("a@x", "a@x") == users.whom("a@x") == users.whom(email="a@x") == Known("a@x", "a@x")


def test_the_same_names_in_another_project_are_others(users: Directory):
    users.save("u1", "a@x")
    assert identity.find(users, Person("shop", "u1", "a@x")) is None


# Finding the user of an event


def test_nobody_is_found_by_unknown_names(users: Directory):
    users.save("u1")
    assert users.whom("u2", "a@x") is None


@pytest.mark.parametrize("person", [Person("demo", "u1", "unknown@x"), Person("demo", "unknown", "a@x")])
def test_of_two_names_one_may_be_unknown(users: Directory, person: Person):
    users.save("u1", "a@x")
    before = dict(users.known)
    assert identity.find(users, person) == Known("u1", "a@x")
    assert users.known == before


def test_names_of_two_users_find_nobody(users: Directory):
    users.save("u1")
    users.save(email="a@x")
    with pytest.raises(DifferentUsers):
        users.whom("u1", "a@x")


# Profiles


def test_a_profile_takes_the_ids_user_and_leaves_the_other_its_address(users: Directory):
    users.save("u1")
    users.save("u2", "b@x")
    assert users.profile("u1", "b@x") == Known("u1")
    assert users.whom(email="b@x") == Known("u2", "b@x")


def test_a_profile_without_a_conflict_is_saved(users: Directory):
    assert users.profile("u1", "a@x") == Known("u1", "a@x")
    assert users.whom(email="a@x") == Known("u1", "a@x")


# Logging in


def test_an_anonymous_user_who_logs_in_gets_the_address(users: Directory):
    users.save("u1")
    assert users.log_in("a@x", "u1") == Known("u1", "a@x")
    assert users.whom("u1") == users.whom(email="a@x") == Known("u1", "a@x")


def test_an_anonymous_user_who_logs_in_with_anothers_address_is_that_user_from_then_on(users: Directory):
    users.save("u1")
    users.save("u2", "a@x")
    assert users.log_in("a@x", "u1") == Known("u2", "a@x")
    assert users.whom("u1") == users.whom("u1", "a@x") == Known("u2", "a@x")


def test_who_logs_in_with_a_former_address_of_another_user_is_that_user(users: Directory):
    users.save("u1")
    users.save("u2", "old@x")
    users.save("u2", "new@x")
    assert users.log_in("old@x", "u1") == Known("u2", "new@x")


def test_a_user_who_has_an_address_keeps_it_and_nothing_is_linked(users: Directory):
    users.save("u1", "a@x")
    users.save("u2", "b@x")
    before = dict(users.known)
    assert users.log_in("b@x", "u1") == Known("u1", "a@x")
    assert users.log_in("new@x", "u1") == Known("u1", "a@x")
    assert users.known == before


def test_an_unknown_address_beside_the_id_is_not_linked_by_a_login_with_another(users: Directory):
    users.save("u1")
    assert users.log_in("a@x", "u1", "typo@x") == Known("u1", "a@x")
    assert users.whom(email="typo@x") is None


def test_logging_in_again_links_nothing(users: Directory):
    users.save("u1")
    users.save("u2", "a@x")
    for _ in range(2):
        assert users.log_in("a@x", "u1") == Known("u2", "a@x")
    known = users.whom("u1")
    assert known is not None
    assert identity.logged_in(users, Person("demo", "u1"), known, "a@x")[1] == ()


def test_the_id_of_who_became_another_user_may_be_saved_with_that_users_address(users: Directory):
    users.save("u1")
    users.save("u2", "a@x")
    users.log_in("a@x", "u1")
    assert users.save("u1", "a@x") == Known("u2", "a@x")


# What it costs


@pytest.mark.parametrize(
    ("person", "look_ups"),
    [(Person("demo", "u1"), 1), (Person("demo", None, "a@x"), 2), (Person("demo", "u1", "a@x"), 2)],
)
def test_finding_a_user_takes_a_look_up_or_two(users: Directory, person: Person, look_ups: int):
    users.save("u1", "a@x")
    asked: list[Identifier] = []
    found = users.find
    users.find = lambda identifier: asked.append(identifier) or found(identifier)  # type: ignore[func-returns-value, method-assign]
    identity.find(users, person)
    assert len(asked) == look_ups
