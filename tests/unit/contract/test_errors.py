from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

from sluice.contract import errors

CLASSES = {name: found for name, found in vars(errors).items() if inspect.isclass(found)}


def test_every_error_is_in_the_tree():
    assert all(issubclass(found, errors.SluiceError) for found in CLASSES.values())


def test_the_tree_that_the_module_draws_is_the_real_one():
    drawn = re.findall(r"^[│├└─ ]*(\w+)", (errors.__doc__ or "").partition("\n\n")[2], re.MULTILINE)
    assert sorted(drawn) == sorted(CLASSES)
    for name, found in CLASSES.items():
        line = next(line for line in (errors.__doc__ or "").splitlines() if re.search(rf"[─ ]{name} |^{name}$", line))
        level = len(re.match(r"[│├└─ ]*", line).group()) // 4  # type: ignore[union-attr]
        assert level == len(found.__mro__) - len(errors.SluiceError.__mro__)


def test_a_throttled_request_is_told_when_to_come_back():
    error = errors.Throttled("Rate limit exceeded", 7)
    assert (str(error), error.retry_after_s) == ("Rate limit exceeded", 7)


def test_the_contract_imports_none_of_the_rest():
    """The kernel that all roles share: no I/O, and nothing of gateway, processors or sinks."""
    for path in Path(inspect.getfile(errors)).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert not name.startswith("sluice.") or name.startswith("sluice.contract"), (path.name, name)
                assert name.split(".")[0] not in {"os", "socket", "time", "asyncio", "aiokafka", "aiohttp"}, path.name
