"""Who is meant: of whatever one name is tied to, all names of the same person. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.contract.state_keys import normal_email

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Names = frozenset[str]
"""Names of one person: ids and addresses, as they were written. An id and an address that read the same are one."""


def spellings(name: str) -> Names:
    """Give a name, and where it is an address also the form in which addresses are compared."""
    return frozenset({name, normal_email(name)}) if "@" in name else frozenset({name})


def people(asked: Iterable[Names], ties: Callable[[], Iterable[Names]]) -> Sequence[Names]:
    """Give each person's names, all that ties reach from those that were asked for.

    `ties` gives all ties, again each time: each holds names that mean the same person. People who turn out to be the
    same are one.
    """
    owners: dict[str, set[str]] = {}
    for names in asked:
        _join(owners, names)
    grown = True
    while grown:
        grown = False
        for tie in ties():
            if not owners.keys().isdisjoint(tie):
                grown |= _join(owners, tie)
    return [frozenset(names) for names in {id(names): names for names in owners.values()}.values()]


def _join(owners: dict[str, set[str]], names: Names) -> bool:
    """Make one person of all who have any of these names; tell whether that is new."""
    found = {id(owner): owner for name in names if (owner := owners.get(name)) is not None}
    if len(found) == 1 and names <= next(iter(found.values())):
        return False
    joined = set(names).union(*found.values())
    owners.update(dict.fromkeys(joined, joined))
    return True
