"""Write deploy/constraints.txt: the one version of every package that the container is built from.

    python tools/lock.py        asks pip (from 22.2 on) what it would install, and installs nothing
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
EXTRAS = "web,tables,heif,scans"
HEAD = f"# Versions of what deploy/Dockerfile installs (extras {EXTRAS}); written by tools/lock.py.\n"


def locked(report: dict[str, list[dict[str, dict[str, str]]]]) -> str:
    """The lines of the file, from pip's report of an installation."""
    found = {re.sub(r"[-_.]+", "-", one["metadata"]["name"]).lower(): one["metadata"]["version"] for one in report["install"]}
    found.pop("dancheong")
    return HEAD + "".join(f"{name}=={version}\n" for name, version in sorted(found.items()))


def main() -> None:
    """Ask pip and write the file."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        words = ["install", "--dry-run", "--quiet", "--ignore-installed", "--report", report, f"{SOURCE}[{EXTRAS}]"]
        subprocess.run([sys.executable, "-m", "pip", *words], check=True)
        text = locked(json.loads(report.read_text(encoding="utf-8")))
    (SOURCE / "deploy" / "constraints.txt").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
