"""`sluice keys`: making, showing and revoking the keys of a settings file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from sluice.cli.keyfile.entry import expiry, name_in, new_entry, new_key, new_salt
from sluice.cli.keyfile.file import changing, parse, read
from sluice.cli.keyfile.listed import COLUMNS, as_json, as_row, key_called, keys_of, refuse_unknown
from sluice.cli.keyfile.settings import KeysSettings
from sluice.cli.keyfile.text import new_file, with_key, with_project, without_key
from sluice.cli.reading.shown import show_table
from sluice.contract.projects import WRITE_EVENTS, KeyKind
from sluice.gateway.keys import digest
from sluice.role.clock import system_clock
from sluice.role.settings import load

_settings_file = click.option(
    "--settings-file", type=click.Path(path_type=Path), help="The file of projects and keys (.sluice/sluice.toml)."
)


@click.group()
def command() -> None:
    """Make, show and revoke the keys of a settings file.

    The file holds hashes, never a key. Running gateways notice a change within two seconds.
    """


@command.command()
@click.option("--project", required=True, help="Whose events are sent with the key.")
@click.option("--new-project", is_flag=True, help="Make the project, too.")
@click.option("--name", help="What the key is called in the file (secret, secret-2, ...).")
@click.option("--kind", type=click.Choice([kind.value for kind in KeyKind]), default="secret", show_default=True,
              help="secret: for servers; public: for browsers, may only write.")  # fmt: skip
@click.option("--scope", "scopes", multiple=True, help=f"What the key may do ({WRITE_EVENTS}); may be repeated.")
@click.option("--origin", "origins", multiple=True,
              help="A web origin that may use a public key, like https://shop.example; may be repeated.")  # fmt: skip
@click.option("--expires", help="2027-01-01, a time with its zone, or a number of days or hours: 90d, 12h.")
@_settings_file
def create(
    project: str,
    new_project: bool,
    name: str | None,
    kind: str,
    scopes: tuple[str, ...],
    origins: tuple[str, ...],
    expires: str | None,
    settings_file: Path | None,
) -> None:
    """Make a key and print it: this once, and alone on standard output. The settings file gets its hash.

    A settings file that does not exist is made, with a salt of its own.
    """
    path = load(KeysSettings, settings_file=settings_file).path()
    key_kind = KeyKind(kind)
    until = expiry(expires, datetime.now(UTC)) if expires is not None else None
    key = new_key(key_kind)
    with changing(path) as change:
        is_new_file = change.text is None
        text = _with_project(path, change.text, project, make=new_project)
        known = parse(path, text)
        named = name_in(project, known.projects[project], key_kind, name)
        key_hash = digest(bytes.fromhex(known.salt), key)
        entry = new_entry(named, key_kind, key_hash, scopes=scopes, expires=until, origins=origins)
        change.text = with_key(text, project, entry)
        made = key_called(parse(path, change.text), project, named)
    click.echo(key)
    if is_new_file:
        click.echo(f"made {path}, with a salt of its own", err=True)
    click.echo(f"made {made}", err=True)
    for column, value in zip(COLUMNS[4:], as_row(made, now_ms=0)[4:], strict=True):
        click.echo(f"  {column:<8} {value}", err=True)
    if WRITE_EVENTS not in made.key.scopes:
        click.echo(f"no API takes this key: they all ask for the scope {WRITE_EVENTS}", err=True)
    click.echo("the key is not shown again; running gateways know it within two seconds", err=True)


def _with_project(path: Path, text: str | None, project: str, *, make: bool) -> str:
    """Give the text of a settings file that has the project."""
    if text is not None:
        known = parse(path, text)
        if project in known.projects:
            return text
        if not make:
            refuse_unknown(known, project, hint="; --new-project makes it")
    return with_project(new_file(new_salt()) if text is None else text, project)


@command.command("list")
@click.option("--project", help="Only this project's.")
@click.option("--json", "as_json_array", is_flag=True, help="As a JSON array.")
@_settings_file
def list_keys(project: str | None, as_json_array: bool, settings_file: Path | None) -> None:
    """Show what is known of each key; the keys themselves nobody can show."""
    path = load(KeysSettings, settings_file=settings_file).path()
    keys = keys_of(parse(path, read(path)), project)
    now_ms = system_clock()
    if as_json_array:
        click.echo(json.dumps([as_json(listed, now_ms) for listed in keys], indent=2))
    else:
        show_table(COLUMNS, ["String"] * len(COLUMNS), [as_row(listed, now_ms) for listed in keys])


@command.command()
@click.argument("id_or_name")
@click.option("--project", help="Only among this project's.")
@_settings_file
def revoke(id_or_name: str, project: str | None, settings_file: Path | None) -> None:
    """Take a key out of the settings file, by its id or name as `sluice keys list` shows them."""
    path = load(KeysSettings, settings_file=settings_file).path()
    read(path)  # where there is no file, none is made
    with changing(path) as change:
        text = change.text or ""
        found = key_called(parse(path, text), project, id_or_name)
        change.text = without_key(text, found.project, found.place)
    click.echo(f"revoked {found}; running gateways forget it within two seconds")
