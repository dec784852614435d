"""HEIF is read where the extra is installed, and named where it is not."""

import base64
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from dancheong.imaging.files import PhotoError, list_photos, read_photo, read_size, write_photo

# A red corner on blue over black, (24, 16) upright; stored on its side with an EXIF orientation of 6, and a camera's name.
HEIC = base64.b85decode(
    "0000SW^{RQXk}?*00000ZE0pPXk}?*ZE0a<0005UZDn*}000000000XXk=`10000000000aA{+700000000000000000000G-"
    "+&aV*mgE07O6l0ssL300001>i_`&00000002Y)0ssI200J)n0RR9100000SO5S3IB98aW&i*H00062000$fZf0cy000000RRAKc4ILB0000LX>"
    "Mj^0ssI300IC2MR;ju000004sdC7Z2$lO00031009PRaB^?}008A_aAR)(004Dpc4I>U18@KU0FVFx0000U@BsY%`1k+-"
    "4+CHT0RR|40Sp2E{{wIU00RJ!0009300RIXx&lC90096gLID8-"
    "Z~y=U0FVFx0{{R603M(qfd!W8uA1iHA)vs3000bt00093gkk^z00u+>!E?ch0000JV{dG7ZewhC0096E00w{n000zeb8uw<00000002M$002M$"
    "001asY+-"
    "N!000;O00031000mG00061|Nqzk00092|Nqbc00062000nhX?SS>000032nYxO000STa&L440000PX>e^}0000000001009Pp0s{qvh5!Hn8fk"
    "K6W&i*H000004r63<V*mmG0RRC2005+IWMOmw002NJ0j~+jXongjn3n&0fBbdGPJ560O%=oReT{R!+)VCf{?M5tf?(a4x9Ii@zHMPVxS;C^<xZ"
    "QpP{U2o7C$Zk000I>cxh$;08LE*DgXcg2mk{C4*&uH000L7001%p5&#1L000311^@s7G5`Vq000yK0024w0000(VQpn{VE_OzIWjgnFf}?bF(5"
    "H8IxsLgFfaf"
)

# Of 10 bits, 1024 x 768: (200, 60, 30), and (20, 60, 200) in the upper left.
DEEP = zlib.decompress(base64.b85decode(
    "c-muNV30{GsVvAy%}izhg51nBLl8SRGck>Ufzc^9wIq=N0u(b+a*CjAhJwuG5(YHDSCCnf3uZ9_u~KGEKG;YX2OysjESv_Rfvhqhp`4kSmj+ia3go0RL3t"
    "Tv$%Y{2q0EA!0wBF4vmiMiNLK(QoEcd-;C9A-VEFU**DnSJer5%rMsWv59>)LwK?;}|=I#KI46(bI929|aI!=s?s1gg97#a+OQ+G}B%AVcG$jk&1g%AQtK"
    "n?6Jj0cN0Bsl=B5y>nrNQKzQ!T{FHz#veNS&<21FmrKn0V%P}f?QZw0X@vz$kYsE)a9lm0z-<iNP}^`q(r4#cZ`xtClmAW1K(>p&;S49{=)r^aQ>$U;a%r"
    "H9Xn<7ia}`h`tU=qu9$COQ%gz>iV}BOf1^yacr)LN`cDt$-wj_EwaqVbz36R+g({tQ!46?&+_`MKRYO&4MsK85S4nBB14I~vTpT8|u6V%U`Rn#1<&^hEFb"
    "Q^+$F~@F9OwFUZf(YsPj6fTuL^p1FT19Ao!gpy*O$hM`CFg3uDLsP^?&aztqiOe1UN+%@<nE?-@0boXV0R~d?)KO*VTWGGLx5FvvN}Q!SBp3!@eObW!lwy"
    "vH{@)AhJq8;Q|rY3UrYO2Q(4J>1YDXQK$lJOHlc|5vY984FKeKr<4"
))


@pytest.fixture
def heic(tmp_path: Path) -> Path:
    (tmp_path / "photo.heic").write_bytes(HEIC)
    return tmp_path / "photo.heic"


def test_a_heif_photograph_is_read_upright_with_what_it_says(heic: Path) -> None:
    pytest.importorskip("pi_heif")
    photo = read_photo(heic)
    assert (photo.format, photo.notes) == ("HEIF", ())
    assert read_size(heic) == (16, 24) == photo.pixels.shape[1::-1]
    corner, side, ground = (photo.pixels[at].astype(int) for at in ((3, -4), (-4, -4), (12, 3)))
    assert np.abs(corner - [200, 30, 30]).max() < 12
    assert np.abs(side - [30, 30, 200]).max() < 12
    assert ground.max() < 12
    assert b"Camera" in photo.exif
    write_photo(heic.with_suffix(".tif"), photo.pixels, photo)
    assert np.array_equal(read_photo(heic.with_suffix(".tif")).pixels, photo.pixels)


def test_ten_bits_of_a_large_one_become_sixteen(tmp_path: Path) -> None:
    pytest.importorskip("pi_heif")
    (tmp_path / "deep.heic").write_bytes(DEEP)
    pixels = read_photo(tmp_path / "deep.heic").pixels
    assert (pixels.shape, pixels.dtype) == ((768, 1024, 3), np.uint16)
    assert np.abs(pixels[:190, :290] / 257 - [20, 60, 200]).max() < 2
    assert np.abs(pixels[210:] / 257 - [200, 60, 30]).max() < 2


def test_it_is_found_and_not_written(heic: Path) -> None:
    assert list_photos(heic.parent) == [heic]
    with pytest.raises(PhotoError, match=r"cannot write \.heic; end it in .*\.png"):
        write_photo(heic, np.zeros((4, 4), np.uint8))


def test_without_the_extra_the_cure_is_named(heic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(PhotoError, match=r"needs pi_heif: pip install 'dancheong\[heif\]'"):
        read_photo(heic)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_damaged_one_is_named(heic: Path, share: float) -> None:
    pytest.importorskip("pi_heif")
    heic.write_bytes(HEIC[: int(len(HEIC) * share)])
    with pytest.raises(PhotoError, match=r"photo\.heic"):
        read_photo(heic)


def test_a_decoder_that_dies_is_one_photograph_that_cannot_be_read(heic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Damaged files have crashed it: it runs in a process of its own."""
    pytest.importorskip("pi_heif")
    run = subprocess.run

    def die(command: list[str], **options: object) -> object:
        code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
        return run([command[0], "-c", code], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "run", die)
    with pytest.raises(PhotoError, match="damaged, or of a kind that its decoder does not know; open it in another program"):
        read_photo(heic)
