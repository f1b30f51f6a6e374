"""Migrations as values: the files beside this one, and which of them are still to be applied."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING

from sluice.contract.errors import Unusable
from sluice.sinks.schema.layout import SingleServer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sluice.sinks.schema.layout import Layout

_FILE = re.compile(r"(\d{3})_\w+\.sql")
_MAKES = re.compile(
    r"^CREATE (?:(?:TABLE|VIEW|MATERIALIZED VIEW) IF NOT EXISTS|OR REPLACE VIEW) sluice\.(\w+)", re.MULTILINE
)


@dataclass(frozen=True)
class Migration:
    """One file: a template of statements that end in a semicolon at the end of a line."""

    name: str
    template: str

    @property
    def sha256(self) -> str:
        """Give the hash by which a change of an applied migration is seen: of its text for a single server."""
        return sha256(SingleServer().render(self.template).encode()).hexdigest()

    def statements(self, layout: Layout) -> list[str]:
        """Give the statements for a layout, in order."""
        parts = re.split(r";\s*$", layout.render(self.template), flags=re.MULTILINE)
        return [part.strip() for part in parts if part.strip()]

    @property
    def makes(self) -> frozenset[str]:
        """Give the names of the tables and views that it makes."""
        return frozenset(_MAKES.findall(SingleServer().render(self.template)))


def packaged() -> list[Migration]:
    """Give the migrations that come with this version, in order."""
    files = sorted(resources.files("sluice.sinks.schema").iterdir(), key=lambda file: file.name)
    return [Migration(file.name, file.read_text("utf-8")) for file in files if _FILE.fullmatch(file.name)]


def script(layout: Layout) -> str:
    """Give all migrations as one text, for people: what `migrate` would execute on an empty database."""
    return "\n".join(
        f"-- {migration.name}\n" + "".join(f"{statement};\n\n" for statement in migration.statements(layout))
        for migration in packaged()
    )


def pending(migrations: Iterable[Migration], applied: Mapping[str, str]) -> list[Migration]:
    """Give the migrations that are still to be applied; `applied` holds the hashes of those that were, by name.

    Raises `Unusable` when an applied one was changed or is not known here.
    """
    known = {migration.name: migration for migration in migrations}
    for name, applied_hash in sorted(applied.items()):
        if name not in known:
            raise Unusable(f"ClickHouse has migration {name}, which this version lacks: run a version that has it")
        if known[name].sha256 != applied_hash:
            raise Unusable(
                f"migration {name} was changed after it was applied: restore it, and make a new one instead"
            )
    return [migration for migration in known.values() if migration.name not in applied]
