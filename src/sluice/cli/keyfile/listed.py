"""Keys as people and scripts see them: what is known of each, never the key. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sluice.contract.errors import Unusable

if TYPE_CHECKING:
    from sluice.contract.projects import ProjectKey, Projects

COLUMNS = ("project", "name", "kind", "id", "scopes", "origins", "expires")


class Listed(NamedTuple):
    """A key, its project, and its place among the project's keys, counted from 0."""

    project: str
    place: int
    key: ProjectKey

    def __str__(self) -> str:
        return f"{self.key.kind} key '{self.key.name}' of project {self.project}, id {self.key.id}"


def keys_of(known: Projects, project: str | None) -> list[Listed]:
    """Give the keys of one project, or of all.

    Raises `Unusable` when there is no such project.
    """
    refuse_unknown(known, project)
    return [
        Listed(name, place, key)
        for name, owner in known.projects.items()
        if project in {None, name}
        for place, key in enumerate(owner.keys)
    ]


def refuse_unknown(known: Projects, project: str | None, hint: str = "") -> None:
    """Raise `Unusable` with the names of the projects when this one is not among them."""
    if project is not None and project not in known.projects:
        names = ", ".join(sorted(known.projects)) or "none at all"
        raise Unusable(f"the settings file has no project {project}, only {names}{hint}")


def key_called(known: Projects, project: str | None, id_or_name: str) -> Listed:
    """Give the key of this id or name.

    Raises `Unusable` when there is none, or more than one.
    """
    found = [listed for listed in keys_of(known, project) if id_or_name in {listed.key.id, listed.key.name}]
    if not found:  # what was asked for is not repeated: it may be the key itself
        raise Unusable("the settings file has no key of this id or name; `sluice keys list` shows those that it has")
    if len(found) > 1:
        ids = ", ".join(f"{listed.key.id} (project {listed.project})" for listed in found)
        raise Unusable(f"{len(found)} keys have this name, and nothing was changed; give the id of one: {ids}")
    return found[0]


def as_json(listed: Listed, now_ms: int) -> dict[str, Any]:
    """Give what is known of a key, for scripts."""
    key = listed.key
    return {
        "project": listed.project,
        "name": key.name,
        "kind": key.kind.value,
        "id": key.id,
        "scopes": sorted(key.scopes),
        "origins": sorted(key.origins),
        "expires": key.expires and key.expires.isoformat().replace("+00:00", "Z"),
        "expired": key.expired(now_ms),
    }


def as_row(listed: Listed, now_ms: int) -> list[str]:
    """Give what is known of a key, in the order of `COLUMNS`."""
    known = as_json(listed, now_ms)
    return [
        *(known[column] for column in ("project", "name", "kind", "id")),
        ", ".join(known["scopes"]) or "none",
        ", ".join(known["origins"]) or "any",
        (known["expires"] or "never") + (" (expired)" if known["expired"] else ""),
    ]
