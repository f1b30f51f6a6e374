"""The rules as they are now: those of the documents, and what the settings file says of each project."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sluice.processors.rules.rulebook import Rulebook
from sluice.role.ready import say_status
from sluice.role.settings_file import SettingsFile, SettingsFollower, source_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluice.contract.projects import Projects
    from sluice.processors.rules.canonical.visitor import Visitors
    from sluice.processors.settings import ProcessorSettings


class RulesInForce:
    """Follows the settings file while `follow` runs; a file that cannot be taken leaves the rules as they were.

    Whoever decides asks for them once for each batch, so that a batch goes by one version of the file.
    """

    def __init__(
        self, visitors: Visitors, file: SettingsFile | None, say: Callable[[str], None] = say_status
    ) -> None:
        """Without a file, the documents' rules hold for every project. Raises `Unusable` for one that is wrong.

        `say` takes a few words for whoever supervises this process while a change cannot be taken, and none after.
        """
        self._rules = Rulebook(visitors)
        self._follower = SettingsFollower(file, say=say) if file else None
        if self._follower:
            self._take(self._follower.load())

    def now(self) -> Rulebook:
        """Give the rules that are in force."""
        return self._rules

    async def follow(self) -> None:
        """Take every change of the file, until the task is cancelled."""
        if self._follower:
            await self._follower.follow(self._take)

    def _take(self, projects: Projects) -> None:
        self._rules = replace(self._rules, projects=projects.projects)


def settings_file(settings: ProcessorSettings) -> SettingsFile | None:
    """Give the settings file of the processors, where there is one."""
    source = source_of(settings.settings_file, local=settings.local)
    return SettingsFile(source) if source else None
