"""The examples of docs/client.md, run as they stand."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from serving import Served

DOCS = Path(__file__).parents[2] / "docs" / "client.md"
SERVER = "http://127.0.0.1:8080"
EXAMPLES = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
LINES = 6


def test_there_are_examples_and_they_are_short() -> None:
    assert len(EXAMPLES) >= 10
    for example in EXAMPLES:
        assert len(example.splitlines()) <= LINES, example
        assert max(len(line) for line in example.splitlines()) <= 110


@pytest.mark.parametrize("example", EXAMPLES, ids=range(1, len(EXAMPLES) + 1))
def test_an_example_runs(example: str, probes: Served) -> None:
    source = example.replace(SERVER, probes.url)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    names: dict[str, Any] = {}
    result = eval(compile(source, str(DOCS), "exec", flags, dont_inherit=True), names)
    if inspect.iscoroutine(result):
        asyncio.run(result)
    if (envs := names.get("env") or names.get("envs")) is not None:
        envs.close()
