"""The `sluice` command group, and the one place where an error becomes a sentence and an exit code.

Each command is a file of this package, `<name>.py`, holding a click command called `command`. It is imported only
when it is asked for, so that `sluice --help` and the light commands need not wait for the heavy ones.
"""

from __future__ import annotations

import errno
import importlib
import logging
import os
import sys
from typing import NoReturn

import click

from sluice.contract.errors import SluiceError

# In the order in which `sluice --help` shows them; the text is all that the help needs of a command.
COMMANDS: dict[str, str] = {
    "up": "Start the whole pipeline on this machine, in the foreground.",
    "send": "Send events to a gateway.",
    "query": "Ask ClickHouse and print the rows.",
    "where": "Find an event, wherever it is by now.",
    "tail": "Show events as they are accepted and decided.",
    "audit": "Prove that every accepted event has exactly one row.",
    "rejected": "Look at events that were not stored, and send them in again.",
    "users": "Save the users of a file, and forget people.",
    "keys": "Make, show and revoke the keys of a settings file.",
    "gateway": "Run the gateway: HTTP in, Kafka out.",
    "processors": "Run the processors: rules between the two topics.",
    "sinks": "Run the sinks: processed events into ClickHouse.",
    "topics": "Create and inspect the Kafka topics.",
    "rollups": "Hold the roll-ups against the event log, or make them anew.",
    "migrate": "Bring the ClickHouse schema up to date.",
    "broker": "Run the embedded Kafka broker alone.",
    "clickhouse": "Run the embedded ClickHouse alone.",
}

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if the table has none of that name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"sluice.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table, importing none."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sluice", message="%(prog)s %(version)s")
def sluice() -> None:
    """Streaming ingestion: HTTP to Kafka to Faust to ClickHouse, with an exact account of every event."""
    from sluice.cli.settings import MODELS
    from sluice.role.settings import refuse_unknown

    refuse_unknown(MODELS.values())
    # What fails is said in one sentence; a role's own log has these records all the same.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())


def main() -> NoReturn:
    """Run the command that was asked for; an error that means something ends in its sentence and exit code 1."""
    try:
        sluice(prog_name="sluice")
    except SluiceError as error:
        sys.stderr.write(f"sluice: {error}\n")
        sys.exit(1)
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        sys.stderr.write(f"sluice: {error.filename or 'a file'} cannot be written: {error.strerror}\n")
        sys.exit(1)
    sys.exit(0)


if __name__ == "__main__":
    main()
