"""Write the documentation that is generated: docs/parameters.md from the schema, docs/cli.md from --help."""

import sys
from pathlib import Path

from dancheong.app.reference import commands_markdown, parameters_markdown

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = {"parameters.md": parameters_markdown, "cli.md": commands_markdown}

if __name__ == "__main__":
    stale = [name for name, make in PAGES.items() if not (DOCS / name).exists() or (DOCS / name).read_text("utf-8") != make()]
    if "--check" in sys.argv:
        sys.exit(f"out of date: {', '.join(stale)}; run tools/make_docs.py" if stale else 0)
    for name in stale:
        (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
        print(f"wrote docs/{name}")
