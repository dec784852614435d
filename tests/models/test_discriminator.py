"""The PatchGAN: canonical counts, map size, and a receptive field measured by gradient, not by formula."""

import pytest
import torch

from dancheong.models.blocks import initialize
from dancheong.models.discriminator import Discriminator, ReceptiveField, add_spectral_norm, discriminator_rows, receptive_field
from dancheong.params import ParamError, Params

PAPER = Params(d_spectral=False, ngf=64, ndf=64, depth=0, norm="batch", dropout=0.5, upsample="transposed", resol=256)
PATCHES = ["1", "16", "34", "70", "142", "286"]


def on_paper(c_pair: int) -> Discriminator:
    with torch.device("meta"):
        return Discriminator(discriminator_rows(PAPER, c_pair))


@pytest.mark.parametrize(("c_pair", "count"), [(6, 2_768_705), (4, 2_766_657), (3, 2_765_633)])
def test_canonical_count_of_parameters(c_pair: int, count: int) -> None:
    assert sum(parameter.numel() for parameter in on_paper(c_pair).parameters()) == count


def test_canonical_state_has_22_tensors() -> None:
    assert len(on_paper(6).state_dict()) == 22


def test_canonical_map_is_30_by_30_at_256() -> None:
    with torch.device("meta"):
        assert on_paper(6)(torch.empty(1, 6, 256, 256)).shape == (1, 1, 30, 30)


def test_canonical_compute_is_3_20_gmac() -> None:
    rows = discriminator_rows(PAPER, 6)
    macs = sum(row.ksize**2 * row.c_in * row.c_out * row.out_px**2 for row in rows)
    # The two 1-pixel margins of the last rows are why this is not the 3.2 of exact halves.
    assert macs / 1e9 == pytest.approx(3.20, abs=0.1)


@pytest.mark.parametrize("patch", PATCHES)
def test_receptive_field_measured_by_gradient(patch: str) -> None:
    rows = discriminator_rows(Params(d_spectral=False, ndf=1, norm="none", patch_size=patch, resol=512), 1)
    discriminator = Discriminator(rows).double()
    with torch.no_grad():
        for parameter in discriminator.parameters():
            # All positive: nothing that reaches the logit can cancel.
            parameter.fill_(0.1)
    picture = torch.rand(1, 1, 512, 512, dtype=torch.float64, requires_grad=True)
    logits = discriminator(picture)
    assert logits.shape[-1] == rows[-1].out_px
    row, column = logits.shape[2] // 2, logits.shape[3] // 2 - 1
    (gradient,) = torch.autograd.grad(logits[0, 0, row, column], picture)
    field = receptive_field(rows)
    assert field.size_px == int(patch)
    for axis, index in ((1, row), (0, column)):
        seen = gradient[0, 0].sum(axis).nonzero().flatten()
        first = index * field.stride_px - field.padding_px
        assert first >= 0, "a patch at the border would not show its extent"
        assert seen.tolist() == list(range(first, first + int(patch)))


def test_canonical_receptive_field_is_70() -> None:
    assert on_paper(6).field == ReceptiveField(size_px=70, stride_px=8, padding_px=23)


@pytest.mark.parametrize("norm", ["batch", "instance", "channel", "none"])
def test_bias_exactly_where_no_norm_follows(norm: str) -> None:
    rows = discriminator_rows(Params(d_spectral=False, norm=norm), 3)
    assert rows[0].norm == rows[-1].norm == "none"
    assert {row.norm for row in rows[1:-1]} == {norm}
    assert all(row.bias == (row.norm == "none") for row in rows)


@pytest.mark.parametrize("patch", PATCHES)
@pytest.mark.parametrize("norm", ["batch", "instance", "channel", "none"])
def test_the_smallest_picture_gives_one_row_of_logits(patch: str, norm: str) -> None:
    # One picture a batch: no normalization may be left with a single value.
    rows = discriminator_rows(Params(d_spectral=False, ndf=1, norm=norm, patch_size=patch, resol=512), 3)
    field = receptive_field(rows)
    side = field.size_px - 2 * field.padding_px
    discriminator = Discriminator(rows)
    initialize(discriminator, 1)
    assert discriminator(torch.randn(1, 3, side, side + field.stride_px)).shape == (1, 1, 1, 2)


@pytest.mark.parametrize("patch", ["70", "142", "286"])
def test_a_patch_too_large_for_resol_is_refused(patch: str) -> None:
    # However deep the generator is: what it pads, the discriminator never sees.
    for depth in (2, 9):
        with pytest.raises(ParamError, match=f"PATCH_SIZE={patch} .*RESOL=16"):
            discriminator_rows(Params(d_spectral=False, resol=16, depth=depth, patch_size=patch), 3)


def test_a_limited_discriminator_stretches_nothing() -> None:
    """Every convolution's largest singular value comes to 1, and the weights it began with keep their directions."""
    discriminator = Discriminator(discriminator_rows(Params(ndf=4, patch_size="16"), 3))
    initialize(discriminator, 1)
    drawn = {name: weight.clone() for name, weight in discriminator.named_parameters() if name.endswith("weight")}
    add_spectral_norm(discriminator)
    for _ in range(30):
        discriminator(torch.zeros(1, 3, 16, 16))
    for name, weight in drawn.items():
        now = discriminator.get_submodule(name.removesuffix(".weight")).weight.detach()
        assert torch.linalg.matrix_norm(now.flatten(1), 2).item() == pytest.approx(1, rel=2e-2)
        assert torch.nn.functional.cosine_similarity(now.flatten(), weight.flatten(), 0) > 0.9999
    assert all(row.norm == "none" and row.bias for row in discriminator.rows)
