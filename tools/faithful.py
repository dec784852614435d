"""Color a 16-bit gray TIFF with a profile and metadata, and show what of it the result still says.

    python tools/faithful.py MODEL.h5 FOLDER

The scan is a scene that dancheong draws, with a gray profile of gamma 2.2 and the EXIF, IPTC and XMP of a plate in an archive.
Its luminance is compared with the result's in floating point, and ExifTool (which must be installed) reads both.
"""

import argparse
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from dancheong.imaging.files import read_photo
from dancheong.scenes import scene

Float64 = NDArray[np.float64]

GAMMA = 563 / 256  # 2.2, as a profile can write it
LUMINANCE = np.array([0.212671, 0.715160, 0.072169])
SAID = [
    "-EXIF:Make=Epson", "-EXIF:Model=Expression 12000XL", "-EXIF:DateTimeOriginal=1926:05:01 09:00:00",
    "-EXIF:CreateDate=2019:03:04 10:00:00", "-EXIF:Artist=An archive", "-EXIF:Copyright=An archive",
    "-EXIF:ImageDescription=Geunjeongjeon, glass plate", "-EXIF:GPSLatitude=37.5796", "-EXIF:GPSLatitudeRef=N",
    "-EXIF:GPSLongitude=126.977", "-EXIF:GPSLongitudeRef=E", "-IPTC:CodedCharacterSet=UTF8", "-IPTC:ObjectName=근정전",
    "-IPTC:Keywords=palace", "-IPTC:Keywords=glass plate", "-IPTC:DateCreated=1926:05:01", "-XMP-dc:Title=근정전",
    "-XMP-dc:Subject=palace", "-XMP-dc:Subject=glass plate", "-XMP-xmp:CreatorTool=SilverFast 8.8",
    "-XMP-xmp:CreateDate=2019:03:04 10:00:00+09:00",
    "-XMP-iptcExt:DigitalSourceType=http://cv.iptc.org/newscodes/digitalsourcetype/negativeFilm",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    scan, result = given.folder / "scan.tif", given.folder / "colored" / "scan.tif"
    codes = write_scan(scan)
    subprocess.run([sys.executable, "-m", "dancheong", "predict", given.model, str(scan), "-o", str(result.parent),
                    "--overwrite"], check=True)
    before, after = said(scan), said(result)
    width = max(map(len, {*before, *after}))
    for name in sorted({*before, *after}):
        sign = "=" if before.get(name) == after.get(name) else "|"
        print(f"{name:{width}} {before.get(name, '')!s:44.44} {sign} {after.get(name, '')!s:.60}")
    print(json.dumps(differences(codes, result, read_photo(scan).pixels)))


def write_scan(path: Path) -> NDArray[np.uint16]:
    """Write the scan; its codes."""
    linear = linear_of(scene(11, 2400, 1600).astype(np.float64) / 255) @ LUMINANCE
    grain = np.random.default_rng(0).normal(0, 0.004, linear.shape)
    light = np.clip(cv2.GaussianBlur(linear, (0, 0), 1.2) * (1 + grain), 0, 1)
    codes = np.rint(light ** (1 / GAMMA) * 65535).astype(np.uint16)
    tifffile.imwrite(
        path, codes, photometric="minisblack", resolution=(600, 600), resolutionunit="INCH", iccprofile=gray_profile(),
        metadata=None,
    )
    subprocess.run(["exiftool", "-q", "-overwrite_original", "-charset", "iptc=UTF8", *SAID, str(path)], check=True)
    return codes


def gray_profile() -> bytes:
    """The smallest ICC profile that says gray, of `GAMMA`."""
    tags = {b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061),
            b"kTRC": b"curv\0\0\0\0" + struct.pack(">IH", 1, round(GAMMA * 256)) + b"\0\0"}
    table, data, start = b"", b"", 132 + 12 * len(tags)
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, start + len(data), len(tag))
        data += tag
    head = struct.pack(">I4sI4s4s4s", start + len(data), b"lcms", 0x04200000, b"mntr", b"GRAY", b"XYZ ")
    head += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


def said(path: Path) -> dict[str, Any]:
    """What ExifTool reads of a file, but for the file's own date and place."""
    command = ["exiftool", "-json", "-G1", "-x", "System:all", "-x", "ExifTool:all", "-x", "Composite:all", str(path)]
    read: list[dict[str, Any]] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {name: value for name, value in read[0].items() if name != "SourceFile"}


def differences(codes: NDArray[np.uint16], result: Path, as_read: NDArray[Any]) -> dict[str, Any]:
    """Of sRGB codes of 16 bits: the gray of the result against the scan's, and against the scan as it was read."""
    pixels = read_photo(result).pixels
    gray = code_of(linear_of(pixels / 65535) @ LUMINANCE)
    to_scan = np.abs(gray - code_of((codes / 65535) ** GAMMA))
    to_read = np.abs(gray - as_read)
    return {
        "bits": pixels.dtype.itemsize * 8, "levels_of_the_scan": len(np.unique(codes)),
        "levels_of_the_result": len(np.unique(np.rint(gray))),
        "largest_difference_to_the_scan": round(float(to_scan.max()), 3), "mean": round(float(to_scan.mean()), 3),
        "largest_difference_to_the_scan_as_read": round(float(to_read.max()), 3),
        "mean_spread_of_channels": round(float(np.ptp(pixels.astype(int), axis=2).mean()), 1),
    }


def linear_of(coded: Float64) -> Float64:
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def code_of(linear: Float64) -> Float64:
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055) * 65535


if __name__ == "__main__":
    main()
