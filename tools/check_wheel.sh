#!/usr/bin/env bash
# Build sdist and wheel, check both, install the wheel in an environment of its own, run it outside the checkout, uninstall it.
# dist/ holds what was built, build/check what it was checked with. PYTHON: another version of Python.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
CHECK=$PWD/build/check
export PIP_DISABLE_PIP_VERSION_CHECK=1
unset PYTHONPATH
rm -rf "$CHECK" dist
mkdir -p "$CHECK"

"$PYTHON" -m venv "$CHECK/tools"
"$CHECK/tools/bin/python" -m pip install --quiet --upgrade 'pip>=25.1'
"$CHECK/tools/bin/python" -m pip install --quiet --group release
"$CHECK/tools/bin/python" -m build --outdir dist . > "$CHECK/build.txt"
"$CHECK/tools/bin/twine" check --strict dist/*
"$CHECK/tools/bin/check-wheel-contents" dist/*.whl
# What the repository holds is in the sdist, and nothing else but what setuptools writes: no photograph that lies about.
if git rev-parse --is-inside-work-tree > /dev/null 2>&1; then
  git ls-files | sort > "$CHECK/repository.txt"
  tar -tzf dist/*.tar.gz | sed 's|^[^/]*/||' | grep -v '/$' | grep -v -x -e '' -e PKG-INFO -e setup.cfg -e 'src/dancheong.egg-info/.*' \
    | sort > "$CHECK/sdist.txt"
  diff "$CHECK/repository.txt" "$CHECK/sdist.txt"
fi

WHEEL=$(echo "$PWD"/dist/*.whl)
"$PYTHON" -m venv "$CHECK/fresh"
cd "$CHECK"
fresh/bin/python -m pip install --quiet "$WHEEL"
fresh/bin/python -m pip check
fresh/bin/python -c "
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import write_photo
from dancheong.scenes import scene
write_photo('sample.png', gray_of(scene(7, 320, 240)))"
fresh/bin/dancheong predict sample.png
fresh/bin/dancheong predict - --quiet < sample.png > stream.png
cmp stream.png sample_colored.png
# An extra, once the program is installed, needs no index to know the program's name.
fresh/bin/python -m pip install --quiet --dry-run 'dancheong[tables]'
fresh/bin/python -m pip uninstall --quiet --yes dancheong
if fresh/bin/python -c "import dancheong" 2> left.txt; then
  echo "something of it is left after it was uninstalled" >&2
  exit 1
fi
echo "built, checked, installed, run and uninstalled: $WHEEL"
