"""`python -m sluice.local.clickhouse` runs the embedded ClickHouse alone."""

import sys

from sluice.contract.errors import Unusable
from sluice.local.clickhouse.main import run
from sluice.local.clickhouse.settings import ClickHouseSettings
from sluice.role.settings import load

try:
    run(load(ClickHouseSettings))
except Unusable as error:
    sys.exit(str(error))
