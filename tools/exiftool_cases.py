"""Color five files as archives have them, and show what ExifTool reads of each and of its result.

    python tools/exiftool_cases.py MODEL.h5 FOLDER [--base SRC]

ExifTool, ImageMagick and heif-enc (libheif-examples) make the files and must be installed. `--base` colors with another
version's `src` as well, for which the model must be one that both read. The last line is one JSON object: of each file, how
many values the result keeps, and which it changes, lacks and adds.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from faithful import gray_profile, said

from dancheong.imaging.color import gray_of
from dancheong.imaging.files import Photo, write_photo
from dancheong.scenes import scene

OWN = Path(__file__).parents[1] / "src"
WORDS = "경복궁 근정전, 유리건판"
GPS = ["-GPSLatitude=37.5796", "-GPSLatitudeRef=N", "-GPSLongitude=126.977", "-GPSLongitudeRef=E"]
# What describes the file rather than the photograph, and differs with every writer.
OF_THE_FILE = ("File:", "ICC", "PNG:Filter", "PNG:Interlace", "PNG:Compression", "IFD0:Strip", "IFD0:Rows", "QuickTime:",
               "Meta:")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--base", type=Path, help="src of another version")
    given = parser.parse_args()
    box = given.folder / "box"
    box.mkdir(parents=True, exist_ok=True)
    make(box)
    colored = {"now": OWN} | ({"base": given.base} if given.base else {})
    for name, src in colored.items():
        command = [sys.executable, "-m", "dancheong", "predict", given.model, str(box), "-o", str(given.folder / name)]
        subprocess.run([*command, "--overwrite"], env=os.environ | {"PYTHONPATH": str(src)}, check=False)
    counts = {}
    for photo in sorted(box.iterdir()):
        views = [said(photo), *(view_of(given.folder / name, photo) for name in ("base", "now") if name in colored)]
        names = [name for name in sorted({*views[0], *views[-1]}) if not name.startswith(OF_THE_FILE)]
        print(f"\n{photo.name}")
        for name in names:
            values = [str(view.get(name, "")) for view in views]
            print(f"  {name} | {' | '.join(value[:70] for value in values)}")
        before, after = views[0], views[-1]
        counts[photo.name] = {
            "kept": sum(before.get(name) == after.get(name) for name in names),
            "changed": [name for name in names if name in before and name in after and before[name] != after[name]],
            "missing": [name for name in names if name not in after], "added": [name for name in names if name not in before],
        }
    print(json.dumps(counts, ensure_ascii=False))


def make(box: Path) -> None:
    """Write the five files."""
    color = scene(11, 960, 640)
    gray = gray_of(color)
    deep = gray.astype(np.uint16) * np.uint16(257)

    # A gallery's JPEG of the years before UTF-8: captions in CP949.
    korean, caption = box / "1_korean.jpg", box.parent / "caption"
    caption.write_bytes(WORDS.encode("cp949"))
    iptc = b"\x1c\x02\x78" + len(caption.read_bytes()).to_bytes(2, "big") + caption.read_bytes()
    write_photo(korean, gray, Photo(gray, "JPEG", iptc=iptc, comments=(caption.read_bytes(),), dpi=(300, 300)))
    tell(korean, f"-EXIF:ImageDescription<={caption}", f"-EXIF:Artist<={caption}", f"-EXIF:UserComment={WORDS}",
         f"-EXIF:XPTitle={WORDS}", f"-XMP-dc:Title={WORDS}")

    # A camera set to Adobe RGB, which says so in its EXIF alone (DCF 2.0).
    adobe = box / "2_adobe_rgb.jpg"
    write_photo(adobe, color)
    tell(adobe, "-ExifIFD:ColorSpace=Uncalibrated", "-InteropIFD:InteropIndex=R03 - DCF option file (Adobe RGB)",
         "-EXIF:Make=NIKON", "-EXIF:Model=D850", "-EXIF:DateTimeOriginal=2019:03:04 10:00:00", "-EXIF:FNumber=8",
         "-EXIF:ISO=64", *GPS)

    # An archive's scan.
    scan = box / "3_scan.tif"
    tifffile.imwrite(scan, deep, photometric="minisblack", resolution=(600, 600), resolutionunit="INCH",
                     iccprofile=gray_profile(), metadata=None)
    tell(scan, "-charset", "iptc=UTF8", "-IPTC:CodedCharacterSet=UTF8", f"-IPTC:Caption-Abstract={WORDS}",
         "-IPTC:DateCreated=1926:05:01", "-IPTC:Keywords=palace", "-IPTC:Keywords=glass plate", "-EXIF:Make=Epson",
         "-EXIF:Model=Expression 12000XL",
         "-EXIF:Copyright=An archive", "-XMP-xmp:CreatorTool=SilverFast 8.8", f"-XMP-dc:Description={WORDS}")

    # A telephone's photograph, held upright.
    phone, plain = box / "4_phone.heic", box.parent / "plain.jpg"
    write_photo(plain, color)
    tell(plain, "-n", "-EXIF:Orientation=6", "-EXIF:Make=Apple", "-EXIF:Model=iPhone 15",
         "-EXIF:DateTimeOriginal=2024:05:01 10:00:00", "-EXIF:OffsetTimeOriginal=+09:00",
         "-EXIF:LensModel=iPhone 15 back camera 6.86mm f/1.6", *GPS, "-EXIF:GPSAltitude=38.5")
    subprocess.run(["heif-enc", "-q", "90", "-o", str(phone), str(plain)], check=True, capture_output=True)

    # The scan as ImageMagick converts it: EXIF, IPTC and XMP become raw profiles.
    converted = str(box / "5_magick.png")
    subprocess.run(["convert", "-quiet", str(scan), "-define", "png:exclude-chunks=eXIf", converted], check=True)


def tell(path: Path, *words: str) -> None:
    subprocess.run(["exiftool", "-q", "-m", "-overwrite_original", *words, str(path)], check=True)


def view_of(folder: Path, photo: Path) -> dict[str, Any]:
    """Of the result; of none, that there is none."""
    found = next(folder.glob(f"{photo.stem}.*"), None)
    return {} if found is None else said(found)


if __name__ == "__main__":
    main()
