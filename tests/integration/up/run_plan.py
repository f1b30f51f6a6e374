"""`sluice up` with a plan of fake roles: `run_plan.py DATA_DIR STAGE...`, a stage being `name=behaviour,...`."""

from __future__ import annotations

import sys
from pathlib import Path

from sluice.contract.errors import Unusable
from sluice.local.up.main import run
from sluice.local.up.plan import Role, Step
from sluice.local.up.settings import UpSettings

FAKE_ROLE = str(Path(__file__).with_name("fake_role.py"))
STOPPED_BY_S = {"first": 2.0, "second": 4.0, "third": 6.0}


def entry(text: str) -> Role | Step:
    name, behaviour = text.split("=")
    command = (sys.executable, FAKE_ROLE, name, behaviour)
    if behaviour == "step":
        return Step(name, command, shows="filled ")
    if name == "failing":
        return Step(name, command)
    return Role(name, command, stopped_by_s=STOPPED_BY_S.get(name, 6.0))


def main() -> None:
    data_dir, *stages = sys.argv[1:]
    plan = tuple(tuple(entry(text) for text in stage.split(",")) for stage in stages)
    try:
        run(UpSettings(data_dir=Path(data_dir)), plan=plan)
    except Unusable as error:
        sys.stderr.write(f"sluice: {error}\n")
        sys.exit(1)


main()
