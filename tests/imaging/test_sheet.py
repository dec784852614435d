import numpy as np
import pytest

from dancheong.imaging.sheet import sheet


def test_photographs_of_any_kind_stand_in_their_cells() -> None:
    red = np.zeros((10, 20, 3), np.uint8) + np.uint8([255, 0, 0])
    page = sheet([[red, np.full((30, 7), 65535 // 5, np.uint16)], [red]], cell_px=40)
    assert page.dtype == np.uint8
    assert page.shape == (4 + 40 + 4 + 20 + 4, 4 + 2 * 44, 3)
    assert page[24, 20].tolist() == [255, 0, 0]
    assert page[24, 68].tolist() == [51, 51, 51]
    assert page[58, 20].tolist() == [255, 0, 0]
    assert page[58, 68].tolist() == [255, 255, 255]


def test_captions_stand_above_and_are_shortened_to_the_cell() -> None:
    photo = np.full((20, 20), 200, np.uint8)
    plain = sheet([[photo, photo]], cell_px=64)
    page = sheet([[photo, photo]], ["gray", "a caption far too long for a cell of this size"], cell_px=64)
    head = page.shape[0] - plain.shape[0] + 4
    assert np.array_equal(page[head:], plain[4:])
    assert (page[:head, :68] < 128).any()
    assert (page[:head, 72:] < 128).any()
    assert (page[:head, 68:72] == 255).all()


@pytest.mark.parametrize("name", ["te_001.jpg", "경복궁 근정전.tif"])
def test_names_stand_below(name: str) -> None:
    photo = np.full((20, 20), 200, np.uint8)
    plain = sheet([[photo, photo]] * 2, cell_px=64)
    page = sheet([[photo, photo]] * 2, cell_px=64, names=[[name, ""], ["", name]])
    foot = (page.shape[0] - plain.shape[0]) // 2
    height = plain.shape[0] // 2 - 2
    first, second = page[4 + height - 4 :][:foot], page[-foot - 4 : -4]
    assert (first[:, :68] < 128).any()
    assert (first[:, 72:] == 255).all()
    assert (second[:, :68] == 255).all()
    assert (second[:, 72:] < 128).any()


def test_nothing_makes_no_sheet() -> None:
    with pytest.raises(ValueError, match="expected photographs"):
        sheet([])
