"""Folder runs: every photograph once, failures told, originals untouched."""

import hashlib
import json
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dancheong.artifact import write_artifact
from dancheong.imaging.color import gray_of
from dancheong.imaging.files import read_photo, read_provenance, write_photo
from dancheong.params import ParamError, Params
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.folder import FolderOptions, filter_files, predict_files
from dancheong.prediction.search import find_photos, of_shard


@pytest.fixture(scope="module")
def colorizer(tmp_path_factory, new_artifact):
    path = tmp_path_factory.mktemp("model") / "m.h5"
    write_artifact(path, new_artifact())
    return Colorizer.open(path, threads=1)


@pytest.fixture
def photos(tmp_path, photograph):
    """경복궁 and its subfolder, with spaces and Korean names, and files that cannot be read."""
    folder = tmp_path / "경복궁 사진"
    (folder / "근정전 안").mkdir(parents=True)
    write_photo(folder / "a 하나.jpg", photograph)
    write_photo(folder / "둘.png", gray_of(photograph).astype(np.uint16) * 257)
    write_photo(folder / "근정전 안" / "셋.tif", gray_of(photograph)[:20, :31])
    write_photo(folder / "근정전 안" / "a 하나.webp", photograph[:10])
    (folder / "broken.png").write_bytes((folder / "둘.png").read_bytes()[:200])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "notes.txt").write_text("no photograph")
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*")) if path.is_file()
    }


def by_name(results):
    return {result.input.name: result for result in results}


def test_one_bad_file_does_not_stop_the_folder(colorizer, photos, tmp_path):
    before, seen = contents(photos), []
    results = predict_files(colorizer, [photos], tmp_path / "결과", FolderOptions(progress=lambda *one: seen.append(one)))
    assert [(done, total) for _, done, total in seen] == [(done, 6) for done in range(1, 7)]
    assert sorted(str(result.input) for result, _, _ in seen) == sorted(str(result.input) for result in results)
    assert {name: result.status for name, result in by_name(results).items()} == {
        "a 하나.jpg": "ok", "둘.png": "ok", "셋.tif": "ok", "a 하나.webp": "ok", "broken.png": "failed", "empty.jpg": "failed",
    }
    assert set(contents(tmp_path / "결과")) == {"a 하나.jpg", "둘.png", "근정전 안/셋.tif", "근정전 안/a 하나.webp"}
    for result in results:
        if result.status == "failed":
            assert result.error
            assert result.input.name not in result.error
            assert not result.output.exists()
            continue
        color, source = read_photo(result.output), read_photo(result.input)
        assert color.pixels.shape == (*source.pixels.shape[:2], 3)
        assert color.pixels.dtype == source.pixels.dtype
        assert color.format == source.format
        assert (result.height, result.width) == source.pixels.shape[:2]
        assert result.seconds > 0
    assert contents(photos) == before


def test_the_files_hold_what_the_colorizer_gives(colorizer, photos, tmp_path):
    predict_files(colorizer, [photos / "둘.png"], tmp_path / "out")
    np.testing.assert_array_equal(
        read_photo(tmp_path / "out" / "둘.png").pixels, colorizer(read_photo(photos / "둘.png").pixels)
    )


def test_what_is_there_is_skipped_or_replaced_when_asked(colorizer, photos, tmp_path):
    out = tmp_path / "out"
    predict_files(colorizer, [photos], out)
    done = contents(out)
    result = read_photo(out / "둘.png")
    write_photo(out / "둘.png", 65535 - result.pixels, result)
    retouched = contents(out)
    again = by_name(predict_files(colorizer, [photos], out))
    assert again["둘.png"].status == "skipped"
    assert again["셋.tif"].status == "skipped"
    assert again["broken.png"].status == "failed"
    assert contents(out) == retouched != done
    assert by_name(predict_files(colorizer, [photos], out, FolderOptions(overwrite=True)))["둘.png"].status == "ok"
    assert contents(out) == done


def test_an_original_is_never_overwritten(colorizer, photos):
    before = contents(photos)
    for overwrite in (False, True):
        results = predict_files(colorizer, [photos], photos, FolderOptions(overwrite=overwrite))
        assert {result.status for result in results} == {"failed"}
        assert "original" in by_name(results)["둘.png"].error
    results = predict_files(colorizer, [photos / "둘.png"], photos / "근정전 안" / "..", FolderOptions(overwrite=True))
    assert [result.status for result in results] == ["failed"]
    assert contents(photos) == before


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links here")
def test_a_link_to_an_original_is_not_a_way_around(colorizer, photos, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "둘.png").symlink_to(photos / "둘.png")
    before = contents(photos)
    results = predict_files(colorizer, [photos / "둘.png"], tmp_path / "out", FolderOptions(overwrite=True))
    assert [result.status for result in results] == ["failed"]
    assert contents(photos) == before


def test_results_inside_the_folder_of_photographs_are_not_colored_again(colorizer, photos):
    first = predict_files(colorizer, [photos], photos / "out", FolderOptions(mask_dir=photos / "masks"))
    again = predict_files(colorizer, [photos], photos / "out", FolderOptions(mask_dir=photos / "masks"))
    assert [result.input for result in again] == [result.input for result in first]
    assert {result.status for result in again} == {"skipped", "failed"}


def test_names_that_would_meet_are_told_apart(colorizer, tmp_path, photograph):
    for name in ("one/a.jpg", "one/a.png", "one/b.png", "two/a.jpg", "two/A.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_photo(tmp_path / name, photograph[:9, :9])
    folders = [tmp_path / "one", tmp_path / "two"]
    results = predict_files(colorizer, folders, tmp_path / "out", FolderOptions(suffix=".png"))
    assert [result.status for result in results] == ["ok"] * 5
    names = [result.output.name for result in results]
    assert len({name.casefold() for name in names}) == 5
    assert "b.png" in names
    assert "a_jpg.png" in names
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)
    again = predict_files(colorizer, folders, tmp_path / "out", FolderOptions(suffix=".png"))
    assert {result.status for result in again} == {"skipped"}
    kept = predict_files(colorizer, [tmp_path / "one"], tmp_path / "own")
    assert [result.output.name for result in kept] == ["a.jpg", "a.png", "b.png"]


def test_masks_of_photographs_with_one_stem_are_told_apart(region, tmp_path, photograph):
    (tmp_path / "in").mkdir()
    write_photo(tmp_path / "in" / "a.jpg", photograph)
    write_photo(tmp_path / "in" / "a.png", photograph)
    results = predict_files(region, [tmp_path / "in"], tmp_path / "out", FolderOptions(mask_dir=tmp_path / "masks"))
    assert {result.mask.name for result in results} == {"a_jpg.png", "a_png.png"}


def test_inputs_that_are_missing_or_empty_are_told(colorizer, tmp_path):
    (tmp_path / "nothing").mkdir()
    results = predict_files(colorizer, [tmp_path / "gone.png", tmp_path / "nothing"], tmp_path / "out")
    assert [result.status for result in results] == ["failed", "failed"]
    assert results[0].error == "no such file or folder"
    assert "no photographs" in results[1].error


def test_the_same_photograph_twice_is_done_once(photos):
    names = [path.name for path in find_photos([photos / "둘.png", photos, photos / "근정전 안"])[0]]
    assert len(names) == len(set(names)) == 6


def test_shards_divide_the_work(colorizer, photos, tmp_path):
    whole = list(find_photos([photos])[0])
    parts = [of_shard(whole, (index, 4)) for index in range(1, 5)]
    assert {path for part in parts for path in part} == set(whole)
    assert all(part for part in parts)
    results = [
        result for index in range(1, 5)
        for result in predict_files(colorizer, [photos], tmp_path / "out", FolderOptions(shard=(index, 4)))
    ]
    alone = predict_files(colorizer, [photos], tmp_path / "alone")
    assert sorted(result.input for result in results) == sorted(result.input for result in alone)
    assert contents(tmp_path / "out") == contents(tmp_path / "alone")
    with pytest.raises(ParamError, match="1 <= i <= n"):
        predict_files(colorizer, [photos], tmp_path / "out", FolderOptions(shard=(0, 4)))


def test_a_fault_in_the_middle_leaves_no_half_file(colorizer, photos, tmp_path, monkeypatch):
    from dancheong.imaging import files

    def disk_full(path, *_, **__):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "encode", disk_full)
    results = predict_files(colorizer, [photos / "둘.png"], tmp_path / "out")
    assert results[0].status == "failed"
    assert "the disk is full" in results[0].error
    assert "Errno" not in results[0].error
    assert contents(tmp_path / "out") == {}


def test_results_as_json(new_artifact, photos, tmp_path):
    write_artifact(tmp_path / "m.h5", new_artifact())
    records = [result.record() for result in predict_files(str(tmp_path / "m.h5"), [photos], tmp_path / "out")]
    json.dumps(records, allow_nan=False)
    for record in records:
        assert {"input", "output", "seconds", "width", "height", "status"} <= record.keys()
        assert ("error" in record) == (record["status"] == "failed")


def test_a_photograph_beyond_memory_gb_fails_alone(new_artifact, tmp_path, photograph):
    write_artifact(tmp_path / "m.h5", new_artifact(memory_gb=0.25))
    (tmp_path / "in").mkdir()
    Image.fromarray(np.zeros((8000, 7000, 3), np.uint8)).save(tmp_path / "in" / "large.jpg", progressive=True)
    write_photo(tmp_path / "in" / "small.jpg", photograph)
    results = by_name(predict_files(tmp_path / "m.h5", [tmp_path / "in"], tmp_path / "out"))
    assert results["small.jpg"].status == "ok"
    assert results["large.jpg"].status == "failed"
    assert "MEMORY_GB is 0.25" in results["large.jpg"].error
    assert "progressive" in results["large.jpg"].error


# -- masks and the filter alone ----------------------------------------------------------------------------------------


def glaring(photograph: np.ndarray) -> np.ndarray:
    gray = gray_of(photograph) // 2
    gray[20:24, 10:14] = 255
    return gray


def test_masks_are_written_and_drawn_masks_are_used(new_artifact, tmp_path, photograph):
    write_artifact(tmp_path / "m.h5", new_artifact(glare_mode="region"))
    model = Colorizer.open(tmp_path / "m.h5")
    for place in ("in/안", "drawn/안"):
        (tmp_path / place).mkdir(parents=True)
    gray = glaring(photograph)
    write_photo(tmp_path / "in" / "안" / "빛.tif", gray)
    write_photo(tmp_path / "in" / "other.png", gray // 2)
    drawing = np.zeros_like(gray)
    drawing[18:26, 8:16] = 255
    write_photo(tmp_path / "drawn" / "안" / "빛.png", drawing)
    options = FolderOptions(mask_dir=tmp_path / "masks", drawn_masks=tmp_path / "drawn")
    results = by_name(predict_files(model, [tmp_path / "in"], tmp_path / "out", options))
    mask = read_photo(tmp_path / "masks" / "안" / "빛.png").pixels
    np.testing.assert_array_equal(mask, drawing)
    assert results["빛.tif"].mask == tmp_path / "masks" / "안" / "빛.png"
    assert results["빛.tif"].glare_share == pytest.approx(64 / gray.size, rel=1e-3)
    np.testing.assert_array_equal(read_photo(results["빛.tif"].output).pixels, model(gray, drawing))
    assert (tmp_path / "masks" / "other.png").exists()
    write_photo(tmp_path / "drawn" / "other.png", drawing[:5])
    (failed,) = predict_files(model, [tmp_path / "in" / "other.png"], tmp_path / "o2", options)
    assert failed.status == "failed"
    assert "mask" in failed.error


@pytest.mark.parametrize("cores", ["no", "yes"])
def test_what_is_invented_is_told_in_mask_notes_and_metadata(new_artifact, tmp_path, photograph, cores):
    write_artifact(tmp_path / "m.h5", new_artifact(glare_mode="region"))
    model = Colorizer.open(tmp_path / "m.h5", fix_cores=cores)
    drawing = np.zeros(photograph.shape[:2], np.uint8)
    drawing[12:30, 4:22] = 255
    write_photo(tmp_path / "in.png", glaring(photograph))
    (tmp_path / "drawn").mkdir()
    write_photo(tmp_path / "drawn" / "in.png", drawing)
    options = FolderOptions(mask_dir=tmp_path / "masks", drawn_masks=tmp_path / "drawn")
    (result,) = predict_files(model, [tmp_path / "in.png"], tmp_path / "out", options)
    mask = read_photo(result.mask).pixels
    assert np.array_equal(mask > 0, drawing > 0)
    told = [note for note in result.notes if "invented" in note]
    share = read_provenance(result.output).invented
    if cores == "no":
        assert (told, share, mask.max()) == ([], None, 255)
    else:
        # The clipped spot and its rim stand out in the mask; what was only darkened is 254.
        assert (mask == 255)[20:24, 10:14].all()
        assert (mask == 254).sum() > (mask == 255).sum()
        assert len(told) == 1
        assert float(share.rstrip("%")) > 0
    # Without a clipped pixel nothing is invented, and where 255 stands for invention nothing has it.
    write_photo(tmp_path / "dull.png", (photograph * 0.7).astype(np.uint8))
    write_photo(tmp_path / "drawn" / "dull.png", drawing)
    (result,) = predict_files(model, [tmp_path / "dull.png"], tmp_path / "out", options)
    assert read_photo(result.mask).pixels.max() == (255 if cores == "no" else 254)
    assert read_provenance(result.output).invented is None


def test_folders_that_would_mix_are_refused(colorizer, photos, tmp_path):
    with pytest.raises(ParamError, match="folder of their own"):
        predict_files(colorizer, [photos], tmp_path / "out", FolderOptions(mask_dir=tmp_path / "out"))
    with pytest.raises(ParamError, match="folder of their own"):
        predict_files(colorizer, [photos], tmp_path / "out", FolderOptions(mask_dir=tmp_path / "d", drawn_masks=tmp_path / "d"))
    with pytest.raises(ParamError, match=r"\.gif"):
        predict_files(colorizer, [photos], tmp_path / "out", FolderOptions(suffix=".gif"))


def test_the_filter_alone(tmp_path, photograph):
    (tmp_path / "in").mkdir()
    gray = glaring(photograph)
    write_photo(tmp_path / "in" / "빛.png", gray)
    write_photo(tmp_path / "in" / "color.png", photograph)
    (tmp_path / "in" / "bad.png").write_bytes(b"no")
    params = Params(glare_mode="region", det_method="threshold")
    options = FolderOptions(mask_dir=tmp_path / "masks", sheet_path=tmp_path / "s.png")
    results = by_name(filter_files(params, [tmp_path / "in"], tmp_path / "out", options))
    assert {result.status for result in results.values()} == {"ok", "failed"}
    record = results["빛.png"].record()
    assert record["glare_share"] > 0
    assert 0 <= record["clip_share"] <= 1
    assert record["abstained"] is False
    mask, filtered = (read_photo(tmp_path / folder / "빛.png").pixels for folder in ("masks", "out"))
    assert mask.shape == gray.shape
    np.testing.assert_array_equal(filtered[mask == 0], gray[mask == 0])
    assert (filtered[mask == 255] < gray[mask == 255]).any()
    assert read_photo(tmp_path / "out" / "color.png").pixels.shape == photograph.shape
    assert read_photo(tmp_path / "s.png").pixels.ndim == 3


def test_the_filter_alone_follows_a_table_for_training(tmp_path, photograph):
    write_photo(tmp_path / "a.png", photograph)
    params = Params(glare_mode="global", glare_stage="train")
    (result,) = filter_files(params, [tmp_path / "a.png"], tmp_path / "out")
    assert (read_photo(result.output).pixels != photograph).any()
    (result,) = filter_files(Params(glare_mode="off"), [tmp_path / "a.png"], tmp_path / "off")
    np.testing.assert_array_equal(read_photo(result.output).pixels, photograph)


@pytest.mark.parametrize(
    ("sheet", "words"),
    [("in/a.png", "original photograph"), ("notes.png", "--overwrite"), ("s.pdf", ".png"), ("in", "was expected"),
     ("link.png", "original photograph")],
)
def test_a_sheet_replaces_nothing(tmp_path, photograph, sheet, words):
    (tmp_path / "in").mkdir()
    write_photo(tmp_path / "in" / "a.png", photograph)
    (tmp_path / "notes.png").write_bytes(b"mine")
    (tmp_path / "link.png").symlink_to(tmp_path / "in" / "a.png")
    before = contents(tmp_path)
    with pytest.raises(ParamError) as error:
        filter_files(Params(), [tmp_path / "in"], tmp_path / "out", FolderOptions(sheet_path=tmp_path / sheet))
    assert words in str(error.value)
    assert contents(tmp_path) == before
    if sheet == "notes.png":
        filter_files(Params(), [tmp_path / "in"], tmp_path / "out", FolderOptions(overwrite=True, sheet_path=tmp_path / sheet))
        assert read_photo(tmp_path / sheet).pixels.ndim == 3


# -- drawn masks -------------------------------------------------------------------------------------------------------


@pytest.fixture
def region(tmp_path, new_artifact):
    write_artifact(tmp_path / "region.h5", new_artifact(glare_mode="region"))
    return Colorizer.open(tmp_path / "region.h5", threads=1)


def test_drawn_masks_are_matched_as_people_name_them(region, tmp_path, photograph):
    """Decomposed Korean, another letter case, .PNG: the same stem to a person."""
    gray = glaring(photograph)
    drawing = np.zeros_like(gray)
    drawing[18:26, 8:16] = 255
    (tmp_path / "in").mkdir()
    (tmp_path / "drawn").mkdir()
    for name, mask in (("빛 Gate.tif", unicodedata.normalize("NFD", "빛 gate.PNG")), ("b.png", "B.png"), ("c.png", "")):
        write_photo(tmp_path / "in" / name, gray)
        if mask:
            write_photo(tmp_path / "m.png", drawing)
            (tmp_path / "m.png").rename(tmp_path / "drawn" / mask)
    write_photo(tmp_path / "drawn" / "nobody.png", drawing)
    said = []
    results = predict_files(
        region, [tmp_path / "in"], tmp_path / "out", FolderOptions(mask_dir=tmp_path / "masks", drawn_masks=tmp_path / "drawn",
        tell=said.append),
    )
    used = {result.input.name: bool((read_photo(result.mask).pixels == drawing).all()) for result in results}
    assert used == {"빛 Gate.tif": True, "b.png": True, "c.png": False}
    assert len(said) == 1
    assert "1 (nobody.png)" in said[0]


def test_a_missing_folder_of_drawn_masks_stops(region, tmp_path, photograph):
    write_photo(tmp_path / "a.png", photograph)
    with pytest.raises(ParamError, match="no folder"):
        predict_files(region, [tmp_path / "a.png"], tmp_path / "out", FolderOptions(drawn_masks=tmp_path / "masks"))
    assert not (tmp_path / "out").exists()


def test_masks_that_are_not_used_are_told_and_not_written(colorizer, tmp_path, photograph):
    write_photo(tmp_path / "a.png", photograph)
    (tmp_path / "drawn").mkdir()
    (tmp_path / "drawn" / "a.png").write_bytes(b"not even looked at")
    for mode, run in {
        "off": lambda out, options: predict_files(colorizer, [tmp_path / "a.png"], out, options),
        "global": lambda out, options: filter_files(Params(glare_mode="global"), [tmp_path / "a.png"], out, options),
    }.items():
        said = []
        options = FolderOptions(mask_dir=tmp_path / "masks", drawn_masks=tmp_path / "drawn", tell=said.append)
        (result,) = run(tmp_path / mode, options)
        assert (result.status, result.mask) == ("ok", None)
        assert [sentence.split(":")[0] for sentence in said] == ["drawn masks are not used", "no masks are written"]
        assert all(f"GLARE_MODE={mode}" in sentence for sentence in said)
    assert not (tmp_path / "masks").exists()


def test_a_result_says_where_its_color_came_from_and_keeps_what_the_photograph_said(colorizer, photograph, tmp_path):
    """Also what was given up on the way is told: the pages after the first, what the format has no place for."""
    pages = [Image.fromarray(photograph), Image.fromarray(photograph[::-1])]
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:], dpi=(600, 600), tiffinfo={315: "An archive"})
    (result,) = predict_files(colorizer, [tmp_path / "scan.tif"], tmp_path / "out")
    assert result.notes == ("the first of 2 pages was read",)
    assert result.record()["notes"] == result.notes
    written = read_photo(tmp_path / "out" / "scan.tif")
    assert written.dpi == (600, 600)
    assert colorizer.digest.encode() in written.xmp
    assert b"compositeWithTrainedAlgorithmicMedia" in written.xmp
    with Image.open(tmp_path / "out" / "scan.tif") as image:
        assert image.tag_v2[315] == "An archive"
    (filtered,) = filter_files(Params(), [tmp_path / "scan.tif"], tmp_path / "filtered")
    assert b"algorithmicallyEnhanced" in read_photo(filtered.output).xmp


def test_the_luminance_of_a_16_bit_scan_stays_within_rounding(colorizer, tmp_path):
    codes = np.random.default_rng(4).integers(0, 65536, (60, 80)).astype(np.uint16)
    codes[:2] = np.arange(160).reshape(2, 80) * 411
    write_photo(tmp_path / "scan.tif", codes)
    (result,) = predict_files(colorizer, [tmp_path / "scan.tif"], tmp_path / "out")
    coded = read_photo(result.output).pixels / 65535
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4) @ [0.212671, 0.715160, 0.072169]
    gray = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055) * 65535
    assert np.ptp(coded, axis=2).max() > 0.01
    assert np.abs(gray - codes).max() < 0.6


def test_an_enlarged_photograph_says_what_enlarged_it(photograph, tmp_path):
    from dancheong.prediction.folder import upscale_files
    from dancheong.upscaling.upscaler import Upscaler

    upscaler = Upscaler.open(threads=1)
    write_photo(tmp_path / "a.png", photograph[:20, :30])
    (result,) = upscale_files(upscaler, [tmp_path / "a.png"], tmp_path / "out")
    assert upscaler.digest.encode() in read_photo(result.output).xmp
