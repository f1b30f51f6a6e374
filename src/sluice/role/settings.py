"""Settings from the environment, typed, with one clear sentence for each mistake.

Each role has one model that derives from `RoleSettings`; a field `gateway_port` is set by the variable
`SLUICE_GATEWAY_PORT`. Only these models read the environment.
"""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from sluice.contract.errors import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PREFIX = "SLUICE_"


class RoleSettings(BaseSettings):
    """What all settings models share: the prefix of the variables, and that they are frozen once read."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, env_ignore_empty=True)


S = TypeVar("S", bound=RoleSettings)


def load(model: type[S], **overrides: Any) -> S:
    """Read a role's settings from the environment.

    `overrides` are values from the command line, which win; those that are None are left out.

    Raises `Unusable` naming each wrong variable and what is wrong with it.
    """
    try:
        return model(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise Unusable("; ".join(_sentences(error))) from None


def refuse_unknown(models: Iterable[type[RoleSettings]], environment: Mapping[str, str] = os.environ) -> None:
    """Refuse a variable that no role knows, since a misspelt setting would otherwise be ignored silently.

    Raises `Unusable` with the nearest name that exists.
    """
    known = {variable(name) for model in models for name in model.model_fields}
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else "; the settings are listed in docs/settings.md"
            raise Unusable(f"{name} is not a setting of Sluice{hint}")


def variable(field: str) -> str:
    """Give the environment variable that sets a field."""
    return PREFIX + field.upper()


def _sentences(error: ValidationError) -> list[str]:
    problems = []
    for problem in error.errors():
        words = problem["msg"].removeprefix("Value error, ")
        problems.append(f"{variable(str(problem['loc'][0]))}: {words}" if problem["loc"] else words)
    return problems
