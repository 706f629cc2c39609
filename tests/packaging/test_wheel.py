"""The wheel: one package, with the page and the weights in it, that serves where it is installed.

It is built from a copy of the files that git knows, and installed into an environment of its own
that borrows the dependencies, but nothing of this checkout, from the one that runs the tests.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "client-demo" / "dist"
STARTED = " at http://"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source") / "lightcone"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.split(
        b"\0"
    ):
        path = ROOT / os.fsdecode(name)
        if name and (path.is_file() or path.is_symlink()):
            copy = source / os.fsdecode(name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy, follow_symlinks=False)
    if PAGE.is_dir():  # else it is built
        shutil.copytree(PAGE, source / "client-demo" / "dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", str(source)]
    subprocess.run(build, check=True, capture_output=True)
    [built] = (source / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment with the wheel."""
    home = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    python = home / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps"]
    subprocess.run([*install, "--quiet", str(wheel)], check=True)
    # a path in a .pth file: the .pth files there, of which this checkout is one, do not count
    [site] = home.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


def alone() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def test_it_holds_one_package_with_page_and_weights(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"lightcone", "lightcone-0.1.0.dist-info"}
    parts = {name.split("/")[1] for name in names if name.startswith("lightcone/")}
    assert parts == {"model", "server", "streaming", "client", "bench", "page"}
    for needed in (
        "lightcone/page/index.html",
        "lightcone/page/status.html",
        "lightcone/model/weights/model.safetensors",
        "lightcone/model/weights/config.json",
        "lightcone/model/weights/README.md",
    ):
        assert needed in names
    assert any(re.fullmatch(r"lightcone/page/assets/.*\.js", name) for name in names)
    unwanted = re.compile(r"__pycache__|\.pyc$|node_modules|(^|/)tests?/|\.mp4$")
    assert [name for name in names if unwanted.search(name)] == []


def test_nothing_of_the_checkout_is_used(installed: Path, tmp_path: Path) -> None:
    code = (
        "import lightcone, lightcone.server.cli.main as m; print(*lightcone.__path__, m.__file__)"
    )
    command = [str(installed / "python"), "-c", code]
    done = subprocess.run(
        command, cwd=tmp_path, env=alone(), capture_output=True, text=True, check=True
    )
    home = str(installed.parent)
    assert all(path.startswith(home) for path in done.stdout.split())


def test_it_serves(installed: Path, tmp_path: Path) -> None:
    command = [str(installed / "lightcone"), "serve", "--world", "probe", "--port", "0"]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(
            command, cwd=tmp_path, env=alone(), stdout=subprocess.PIPE, stderr=log, text=True
        ) as server,
    ):
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            assert STARTED in line, (tmp_path / "log").read_text()
            url = "http://" + line.rpartition(STARTED)[2].strip()
            with httpx.Client(base_url=url, timeout=20, verify=False) as client:
                page = client.get("/")
                assert page.status_code == 200
                [script] = re.findall(r'src="\.?/?(assets/[^"]+\.js)"', page.text)
                assert client.get(f"/{script}").status_code == 200
                assert [world["name"] for world in client.get("/catalogue").json()] == ["probe"]
                made = client.post("/sessions", json={"seed": 1})
                assert made.status_code == 201, made.text
                assert client.delete(made.headers["location"]).status_code == 204
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0, (tmp_path / "log").read_text()


def test_it_generates_with_the_weights_in_it(installed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    flags = ["--world", "court", "--seconds", "0.2", "--out", str(out), "--log", "run.log"]
    command = [str(installed / "lightcone"), "generate", *flags]
    done = subprocess.run(command, cwd=tmp_path, env=alone(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert out.stat().st_size > 1000
