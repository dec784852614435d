"""The host program's Pillow stays as it was: what dancheong needs otherwise, it keeps to itself."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from dancheong.imaging.files import read_photo, write_photo

COMPARE = """
import copy, importlib, pkgutil, sys
import PIL
from PIL import Image

for module in pkgutil.iter_modules(PIL.__path__):
    try:
        importlib.import_module(f"PIL.{module.name}")
    except ImportError:  # needs Qt, Tk or another system
        pass
Image.init()
CACHED = {"_initialized"}
PLAIN = (dict, list, set, tuple, int, float, str, bytes, type(None))


PLAIN = (dict, list, set, tuple, int, float, str, bytes, type(None))


def state():
    return {
        (name, key): repr(value) if isinstance(value, PLAIN) else id(value)
        for name, module in list(sys.modules.items()) if name == "PIL" or name.startswith("PIL.")
        for key, value in list(vars(module).items()) if not key.startswith("__") and key not in CACHED
    }


before = state()
import dancheong

modules = [
    module.name for module in pkgutil.walk_packages(dancheong.__path__, "dancheong.", onerror=lambda name: None)
    if not any(part.startswith("_") for part in module.name.split("."))
]
known = 0
for name in modules:
    try:
        importlib.import_module(name)
        known += 1
    except (ImportError, RuntimeError, OSError):  # of an extra that is not installed, or does not load
        pass
assert known > 50, known
from dancheong.imaging.files import read_photo, write_photo

for photo in sys.argv[1:]:
    read = read_photo(photo)
    write_photo(photo, read.pixels, read)
after = state()
changed = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
assert not changed, changed
"""


def test_importing_and_reading_leave_the_globals_of_pillow_alone(tmp_path):
    exif = Image.Exif()
    exif[34665] = {37500: b"notes", 41728: b"\x03", 36867: "1926:05:01 09:00:00"}
    names = [tmp_path / f"photo{suffix}" for suffix in (".jpg", ".png", ".tif", ".webp")]
    for name in names:
        Image.fromarray(np.arange(768, dtype=np.uint8).reshape(16, 16, 3)).save(name, exif=exif.tobytes())
    done = subprocess.run([sys.executable, "-c", COMPARE, *map(str, names)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_low_limit_of_the_host_program_does_not_concern_us(tmp_path, monkeypatch, suffix, orientation):
    path = tmp_path / f"photo{suffix}"
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(pixels).save(path, exif=exif)
    expected = read_photo(path).pixels
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    found = read_photo(path).pixels
    assert np.array_equal(found, expected)
    assert found.shape == ((60, 40, 3) if orientation == 6 else (40, 60, 3))
    write_photo(path, found)


def test_bytes_of_no_type_stay_so(tmp_path):
    exif = Image.Exif()
    exif[34665] = {37500: [bytearray(b"notes")], 41728: [bytearray(b"\x03")]}
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "a.jpg", exif=exif.tobytes())
    photo = read_photo(tmp_path / "a.jpg")
    for suffix in (".jpg", ".tif", ".png", ".webp"):
        write_photo(tmp_path / f"b{suffix}", photo.pixels, photo)
        with Image.open(tmp_path / f"b{suffix}") as image:
            details = image.getexif()
            details.get_ifd(34665)
            types = _types(details, 34665)
            assert (types[37500], types[41728]) == (7, 7)


def _types(exif, tag):
    """The types that the entries of a sub-directory are declared with."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    exif.fp.seek(exif[tag])
    directory = ImageFileDirectory_v2(exif.head, group=tag)
    directory.load(exif.fp)
    return directory.tagtype
