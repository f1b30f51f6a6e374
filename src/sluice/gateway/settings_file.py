"""The settings file of a gateway, which refuses the demo keys anywhere but on one's own machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.contract.errors import Unusable
from sluice.gateway.keys import KeyRing
from sluice.role.settings_file import SettingsFile, source_of

if TYPE_CHECKING:
    from sluice.contract.projects import Projects
    from sluice.gateway.settings import GatewaySettings

DEMO_KEYS = ("pulse_prod_demo", "demo_public", "pulse_prod_load")
"""Everybody knows these keys; they are good on one's own machine only."""

LOOPBACK = "127.0.0.1"


def settings_file(settings: GatewaySettings) -> SettingsFile:
    """Give the settings file of a gateway; the local stack's own where none is named.

    Raises `Unusable` when there is none.
    """
    source = source_of(settings.settings_file, local=settings.local)
    if source is None:
        raise Unusable("set SLUICE_SETTINGS_FILE to the file of projects and keys; `sluice keys create` makes one")
    if settings.local and settings.gateway_host == LOOPBACK:
        return SettingsFile(source)
    return SettingsFile(source, refuse_demo_keys)


def refuse_demo_keys(parsed: Projects) -> None:
    """Raise `Unusable` for a file that holds one of the demo keys."""
    if KeyRing(parsed).holds_any(DEMO_KEYS):
        raise Unusable(
            f"the settings file holds the demo keys, which everybody knows: they are good only with "
            f"SLUICE_LOCAL=1 and SLUICE_GATEWAY_HOST={LOOPBACK}"
        )
