"""Install the lowest version of each direct dependency that pyproject.toml allows, and run the smoke set of the tests on it.

    python tools/lowest.py                     extras web, tables, heif, scans, c2pa, cluster, hub, in build/lowest
    python tools/lowest.py web,train           other extras

What a dependency needs in turn is of the newest version that fits. The versions that were run are printed.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Sequence
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
PLACE = SOURCE / "build" / "lowest"
EXTRAS = "web,tables,heif,scans,c2pa,cluster,hub"
# What runs without torch, a browser, or long.
SMOKE = [
    "tests/imaging/test_files.py", "tests/imaging/test_color.py", "tests/imaging/test_heif.py",
    "tests/imaging/test_tiff_kinds.py", "tests/imaging/test_metadata.py", "tests/params",
    "tests/prediction/test_folder.py", "tests/prediction/test_hints.py",
    "tests/prediction/test_cluster.py", "tests/prediction/test_credentials.py", "tests/report", "tests/glare/test_detect.py",
    "tests/test_artifact.py", "tests/app/test_help.py", "tests/app/web/test_web_access.py", "tests/app/web/test_web_hints.py",
    "tests/app/web/test_web_unpack.py",
]


def lowest(requirements: Sequence[str]) -> list[str]:
    """The lowest version that each requirement names, as constraints of pip; what names none is left to pip."""
    found = (re.match(r"([\w.-]+)(?:\[[\w,]+\])?\s*>=\s*([\w.]+)", one) for one in requirements)
    return [f"{name[1]}=={name[2]}" for name in found if name]


def main() -> int:
    """Make the environment and run the tests. Returns pytest's exit code."""
    extras = (sys.argv[1:] or [EXTRAS])[0]
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"]]
    wanted += [one for extra in extras.split(",") for one in project["optional-dependencies"][extra]]
    shutil.rmtree(PLACE, ignore_errors=True)
    venv.create(PLACE, with_pip=True)
    python = PLACE / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    constraints = PLACE / "constraints.txt"
    constraints.write_text("".join(f"{one}\n" for one in lowest(wanted)), encoding="utf-8")
    tools = ["pytest>=8", "pytest-timeout>=2.3", "hypothesis>=6.100", "httpx>=0.27"]
    options = ["--progress-bar", "off", "--constraint", constraints]
    install = [python, "-m", "pip", "install", *options, f"{SOURCE}[{extras}]", *tools]
    environment = {name: value for name, value in os.environ.items() if name not in ("PIP_CONSTRAINT", "PYTHONPATH")}
    subprocess.run(install, check=True, env=environment)
    print(constraints.read_text(encoding="utf-8"), flush=True)
    tests = [one for one in SMOKE if (SOURCE / one).exists()]
    return subprocess.run([python, "-m", "pytest", "-q", *tests], cwd=SOURCE, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
