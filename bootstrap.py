#!/usr/bin/env python3
"""Make .venv from the locked requirements: `python3 bootstrap.py local` or `python3 bootstrap.py dev`.

Needs nothing but Python's standard library and a package index that pip can reach. Does nothing if the environment
is up to date; `dev` contains `local`. Every package must match a hash in requirements/*.lock and comes as a wheel,
so no build tool is fetched unchecked. Why pip and not another tool: docs/decisions/0001-environment.md.

This file must parse on any Python, down to 2.7, so that an old one gets a sentence and not a SyntaxError:
no f-strings, no annotations, no keyword-only arguments.
"""
# ruff: noqa: ANN001, ANN201, ANN204, D102, D103, E402, S603, UP032

import sys

OLDEST, TOO_NEW = (3, 11), (3, 14)


def give_up(sentence):
    """End with one clear sentence and exit code 1."""
    sys.stderr.write("bootstrap: " + sentence + "\n")
    sys.exit(1)


def refuse_wrong_python():
    if not OLDEST <= sys.version_info[:2] < TOO_NEW:
        give_up(
            "Sluice needs Python 3.11, 3.12 or 3.13, and this is {}.{} ({}); "
            "install one of them, or name one: make PYTHON=/path/to/python3.12 ...".format(
                sys.version_info[0], sys.version_info[1], sys.executable
            )
        )


refuse_wrong_python()

# From here on the Python is a supported one; only the syntax is still held to what any Python can parse.
import contextlib
import fcntl
import hashlib
import importlib
import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOG = VENV / "install.log"
INCOMPLETE = VENV / ".incomplete"
"""Stands there while an installation is under way, and after one that was interrupted."""
CONTAINED_IN = {"local": ("local", "dev"), "dev": ("dev",)}
"""Which installed sets serve for a wanted one."""


def main(wanted):
    with only_one_at_a_time() as lock:
        if not is_up_to_date(wanted):
            install(wanted, lock)


@contextlib.contextmanager
def only_one_at_a_time():
    """Let `make run` and `make test`, started together, wait for each other; give the lock's file descriptor."""
    lock = os.open(str(ROOT), os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


def is_up_to_date(wanted):
    if INCOMPLETE.exists() or not venv_works():
        return False
    return any(stamp(name).exists() and stamp(name).read_text() == fingerprint(name) for name in CONTAINED_IN[wanted])


def install(wanted, lock):
    if VENV.is_dir() and (INCOMPLETE.exists() or not venv_works()):
        shutil.rmtree(str(VENV))  # half an installation cannot be mended; what pip has fetched is in its cache
    if not VENV.is_dir():
        refuse_python_without_venv()
        say("making .venv with Python " + sys.version.split()[0])
        make_venv()
    INCOMPLETE.touch()
    install_packages(ROOT / "requirements" / (wanted + ".lock"), lock)
    install_project()
    stamp(wanted).write_text(fingerprint(wanted))
    INCOMPLETE.unlink()
    say(".venv is ready")


def stamp(name):
    return VENV / (".installed-" + name)


def fingerprint(name):
    """Give one number for all that an environment of this set depends on."""
    digest = hashlib.sha256()
    for path in ("bootstrap.py", "pyproject.toml", "requirements/{}.lock".format(name)):
        digest.update((ROOT / path).read_bytes())
    digest.update(str(ROOT).encode())  # the environment holds absolute paths
    return digest.hexdigest()


def refuse_python_without_venv():
    try:
        importlib.import_module("venv")
        importlib.import_module("ensurepip")
    except ImportError:
        give_up(
            "this Python ({}) cannot make virtual environments with pip; install that part of it "
            "(on Debian and Ubuntu: apt install python{}.{}-venv) and start again".format(
                sys.executable, sys.version_info[0], sys.version_info[1]
            )
        )


def make_venv():
    VENV.mkdir()
    INCOMPLETE.touch()
    command = [sys.executable, "-m", "venv", str(VENV)]
    made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if made.returncode != 0:
        last = (made.stdout.strip().splitlines() or ["it said nothing"])[-1]
        give_up("the virtual environment {} could not be made: {}".format(VENV, last))


def venv_works():
    """Say whether .venv has a Python that still runs (its base may have been removed) and is a supported one."""
    if not PYTHON.exists():
        return False
    check = "import sys, pip; sys.exit(not {!r} <= sys.version_info[:2] < {!r})".format(OLDEST, TOO_NEW)
    return subprocess.call([str(PYTHON), "-c", check], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def install_packages(requirements, lock):
    command = [str(PYTHON), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    command += ["--require-hashes", "--only-binary=:all:", "--no-deps", "-r", str(requirements)]
    # A user's PIP_USER or PYTHONPATH must not lead the packages elsewhere; an index or a proxy must be kept.
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    environment["PIP_USER"] = "0"
    progress = Progress(total=len(re.findall(r"^[A-Za-z0-9_.\-]+==", requirements.read_text(), re.MULTILINE)))
    said = []
    with LOG.open("w") as log:
        pip = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=(lock,),  # so that pip, if it outlives a killed bootstrap, is waited for by the next one
        )
        for line in pip.stdout:
            log.write(line)
            said.append(line.strip())
            progress.follow(line)
    progress.end()
    if pip.wait() != 0:
        give_up(why_pip_failed(said))


def why_pip_failed(said):
    if any("DO NOT MATCH THE HASHES" in line for line in said):
        return (
            "a package is not the one that requirements/*.lock names (its hash differs), so nothing was installed; "
            "start again, and distrust the package index if it recurs (pip's words are in {})".format(LOG)
        )
    if any("No space left" in line for line in said):
        return "the disk is full; make room in {} and in the temporary directory, and start again".format(ROOT)
    errors = [line.replace("ERROR: ", "", 1) for line in said if line.startswith("ERROR: ")]
    first = (errors or said or ["pip said nothing"])[0]
    if "(from versions: none)" in first:
        first = "the package index did not answer"
    return (
        "the packages could not be installed: {}; check the network, a proxy or PIP_INDEX_URL, and start again "
        "(pip's words are in {})".format(first[:200], LOG)
    )


class Progress:
    """One line that counts packages: redrawn on a terminal, and elsewhere written at the quarters."""

    def __init__(self, total):
        self.total, self.seen, self.shown = total, 0, None
        self.redraws = sys.stdout.isatty()

    def follow(self, line):
        """Take note of a line of pip's."""
        if line.startswith("Collecting "):
            self.seen += 1
            self.show("collecting package {} of {}".format(self.seen, self.total), self.seen * 4 // self.total)
        elif line.startswith("Installing collected packages"):
            self.show("installing {} packages".format(self.seen), "install")

    def show(self, text, phase):
        if self.redraws:
            sys.stdout.write("\r\033[K" + text)
        elif phase != self.shown:
            sys.stdout.write(text + "\n")
        self.shown = phase
        sys.stdout.flush()

    def end(self):
        if self.redraws:
            sys.stdout.write("\r\033[K")
            sys.stdout.flush()


def install_project():
    """Put src/ on the environment's path, with the command `sluice` and the metadata of an installed project.

    It is what a build backend does for an editable install, without fetching one.
    """
    version = re.search(r'^version = "([^"]+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE).group(1)
    query = [str(PYTHON), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.check_output(query, text=True).strip())
    for old in site.glob("sluice-*.dist-info"):
        shutil.rmtree(str(old))
    info = site / "sluice-{}.dist-info".format(version)
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sluice\nVersion: {}\n".format(version))
    (info / "INSTALLER").write_text("bootstrap.py\n")
    (site / "_sluice.pth").write_text("{}\n".format(ROOT / "src"))
    script = VENV / "bin" / "sluice"
    script.write_text(SCRIPT.format(python=PYTHON))
    script.chmod(0o755)


# The shell starts Python, since a path with spaces or of more than 127 bytes cannot stand behind #!.
SCRIPT = """\
#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
from sluice.cli.main import main

main()
"""


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:] not in ([name] for name in CONTAINED_IN):
        give_up("say which set to install: bootstrap.py local, or bootstrap.py dev")
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        give_up("interrupted; the next start does it anew")
    except OSError as error:
        give_up("{}: {}".format(error.filename or "an operation failed", error.strerror))
