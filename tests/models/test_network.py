"""The U-Net: canonical counts, exact sizes at every kernel, where dropout and normalization are; and as a predictor."""

import json
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from dancheong.imaging.resize import pad_to_multiple
from dancheong.models.blocks import initialize
from dancheong.models.network import Network, as_predictor, load_network, to_weights
from dancheong.models.table import Row, Table, unet_table
from dancheong.params import Params

PAPER = Params(ngf=64, ndf=64, depth=0, norm="batch", dropout=0.5, upsample="transposed", resol=256)


def on_paper(c_in: int, c_out: int) -> Network:
    """The canonical generator without its 200 MB of weights."""
    with torch.device("meta"):
        return Network(unet_table(PAPER, c_in, c_out))


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(8).uniform(-1, 1, shape).astype(np.float32)


def small(c_in: int = 1, c_out: int = 2, seed: int = 1, **settings: object) -> Network:
    generator = Network(unet_table(Params(**({"ngf": 2, "encoder": "unet", "depth": 3} | settings)), c_in, c_out))
    initialize(generator, seed)
    return generator


@pytest.mark.parametrize(("c_in", "c_out", "count"), [(3, 3, 54_413_955), (1, 3, 54_411_907), (1, 2, 54_409_858)])
def test_canonical_count_of_parameters(c_in: int, c_out: int, count: int) -> None:
    assert sum(parameter.numel() for parameter in on_paper(c_in, c_out).parameters()) == count


def test_canonical_state_has_82_tensors() -> None:
    assert len(on_paper(3, 3).state_dict()) == 82


def test_canonical_compute_is_6_05_gmac() -> None:
    table = unet_table(PAPER, 3, 3)
    # A transposed convolution multiplies once for each input pixel, a convolution once for each output pixel.
    sides = {row.name: 256 * table.scales[row.name if row.kind == "conv" else row.inputs[0]] for row in table.rows}
    macs = float(sum(row.ksize**2 * row.c_in * row.c_out * sides[row.name] ** 2 for row in table.rows))
    assert macs / 1e9 == pytest.approx(6.05, abs=0.005)


def test_the_documented_table_is_the_canonical_network() -> None:
    table = unet_table(PAPER, 3, 3)

    def line_of(row: Row) -> str:
        side_px = 256 * table.scales[row.name]
        channels = f"{row.c_in:4} -> {row.c_out:4}"
        return f"{row.name:6}{channels} {int(side_px):5}  {row.before:6}  {row.norm:5}  {row.dropout or ''}".rstrip()

    lines = ["name     in -> out   size  before  norm   dropout", *map(line_of, table.rows)]
    documented = [line.strip() for line in (unet_table.__doc__ or "").splitlines()]
    assert all(line in documented for line in lines)


def test_canonical_network_runs_at_its_smallest_size() -> None:
    with torch.device("meta"):
        assert on_paper(3, 3)(torch.empty(1, 3, 256, 512)).shape == (1, 3, 256, 512)


@pytest.mark.parametrize(("resol", "levels"), [(256, 8), (200, 7), (1024, 10), (16, 4)])
def test_depth_follows_resol_and_each_row_halves_or_doubles(resol: int, levels: int) -> None:
    table = unet_table(Params(resol=resol, depth=0), 1, 2)
    assert table.multiple_px == 2**levels
    scales = [table.scales[row.name] for row in table.rows]
    assert [1 / scale for scale in scales] == [2**level for level in (*range(1, levels + 1), *range(levels)[::-1])]


@pytest.mark.parametrize("upsample", ["transposed", "resize"])
@pytest.mark.parametrize("ksize", range(3, 9))
def test_every_kernel_halves_and_doubles_exactly(ksize: int, upsample: str) -> None:
    generator = small(ksize=ksize, upsample=upsample)
    sizes: dict[str, tuple[int, int]] = {}
    for row in generator.table.rows:
        generator.get_submodule(row.name).register_forward_hook(
            lambda _module, _inputs, out, block=row.name: sizes.update({block: tuple(out.shape[2:])})
        )
    height, width = 8 * 3, 8 * 5
    assert generator(torch.randn(2, 1, height, width)).shape == (2, 2, height, width)
    for k in (1, 2, 3):
        assert sizes[f"enc{k}"] == (height >> k, width >> k)
        assert sizes[f"dec{k}"] == (height >> (k - 1), width >> (k - 1))


def test_skips_come_before_what_came_up() -> None:
    generator = small()
    seen = {}
    generator.get_submodule("enc1").register_forward_hook(lambda _m, _i, out: seen.update(skip=out))
    generator.get_submodule("dec2").register_forward_hook(lambda _m, _i, out: seen.update(up=out))
    generator.get_submodule("dec1").register_forward_pre_hook(lambda _m, inputs: seen.update(joined=inputs[0]))
    generator(torch.randn(1, 1, 16, 16))
    assert torch.equal(seen["joined"], torch.cat([seen["skip"], seen["up"]], dim=1))


def test_output_is_bounded_by_tanh() -> None:
    generator = small()
    with torch.no_grad():
        generator.get_submodule("dec1.conv").weight.mul_(1e4)
        out = generator(torch.randn(1, 1, 32, 32))
    assert 0.9 < out.abs().max() <= 1


@pytest.mark.parametrize(
    ("resol", "blocks"),
    [(256, ["dec7", "dec6", "dec5"]), (128, ["dec6", "dec5"]), (32, []), (512, ["dec8", "dec7", "dec6", "dec5"])],
)
def test_dropout_is_on_the_wide_rows_that_take_a_skip(resol: int, blocks: list[str]) -> None:
    with torch.device("meta"):
        generator = Network(unet_table(PAPER.model_copy(update={"resol": resol}), 3, 3))
    dropouts = {name.split(".")[0]: part.p for name, part in generator.named_modules() if isinstance(part, nn.Dropout)}
    assert dropouts == dict.fromkeys(blocks, 0.5)


@pytest.mark.parametrize("norm", ["batch", "instance", "channel", "none"])
def test_no_norm_at_both_ends_and_the_bottleneck(norm: str) -> None:
    rows = {row.name: row for row in unet_table(Params(norm=norm, depth=4), 1, 2).rows}
    assert {block for block, row in rows.items() if row.norm == "none"} >= {"enc1", "enc4", "dec1"}
    assert {rows[block].norm for block in ("enc2", "enc3", "dec4", "dec3", "dec2")} == {norm}


@pytest.mark.parametrize("norm", ["instance", "channel", "none"])
def test_every_row_has_exactly_one_shift_without_batch_norm(norm: str) -> None:
    for row in unet_table(Params(norm=norm), 1, 2).rows:
        assert row.bias == (row.norm == "none")


def test_biases_with_batch_norm_are_the_reference_s() -> None:
    assert [row.name for row in unet_table(PAPER, 3, 3).rows if row.bias] == ["dec1"]


@pytest.mark.parametrize("norm", ["channel", "none", "instance"])
def test_prediction_in_training_mode_does_not_depend_on_the_batch(norm: str) -> None:
    generator = small(norm=norm)
    pictures = torch.randn(3, 1, 16, 16)
    alone = torch.cat([generator(picture[None]) for picture in pictures])
    torch.testing.assert_close(generator(pictures), alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("norm", ["channel", "none"])
def test_pixels_far_away_do_not_matter(norm: str) -> None:
    generator = small(norm=norm, depth=2, upsample="resize", ksize=3)
    picture = torch.randn(1, 1, 64, 64)
    changed = picture.clone()
    changed[..., 40:] += 3.0
    torch.testing.assert_close(generator(changed)[..., :24], generator(picture)[..., :24], rtol=0, atol=0)
    assert not torch.equal(generator(changed)[..., 40:], generator(picture)[..., 40:])


def test_pixels_far_away_do_matter_to_instance_norm() -> None:
    generator = small(norm="instance", depth=2)
    picture = torch.randn(1, 1, 64, 64)
    changed = picture.clone()
    changed[..., 40:] *= 9
    assert not torch.allclose(generator(changed)[..., :24], generator(picture)[..., :24], atol=1e-5)


@pytest.mark.parametrize("depth", [1, 2])
def test_shallow_networks_work(depth: int) -> None:
    assert small(depth=depth)(torch.randn(2, 1, 4, 8)).shape == (2, 2, 4, 8)


@pytest.mark.parametrize("shape", [(1, 2, 16, 16), (1, 16, 16), (1, 1, 0, 8)])
def test_a_wrong_input_is_refused_in_words(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"takes .*, not"):
        small()(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(20, 16), (1, 1), (3, 65), (17, 9)])
def test_any_size_is_padded_as_prediction_pads(shape: tuple[int, int]) -> None:
    generator = small(norm="batch").eval()
    picture = np.random.default_rng(4).uniform(-1, 1, shape).astype(np.float32)
    padded, (height, width) = pad_to_multiple(picture, generator.multiple_px)
    network = as_predictor(load_network(generator.table, to_weights(generator)))
    with torch.no_grad():
        out = generator(torch.from_numpy(picture)[None, None])
    assert out.shape == (1, 2, *shape)
    np.testing.assert_array_equal(out.numpy(), network(padded[None, None])[..., :height, :width])


def test_a_wrong_size_is_told_what_to_pad_to() -> None:
    with pytest.raises(ValueError, match="pad the input to 24 x 16"):
        small().table.check_input((1, 1, 20, 16))


@pytest.mark.parametrize("upsample", ["transposed", "resize"])
def test_a_table_survives_json_and_rebuilds_the_network(upsample: str) -> None:
    generator = small(ksize=5, norm="channel", upsample=upsample, dropout=0.5, depth=6)
    table = Table.from_json(json.dumps(generator.table.to_json()))
    assert table == generator.table
    rebuilt = load_network(table, to_weights(generator))
    picture = torch.randn(1, 1, 64, 64)
    assert torch.equal(rebuilt.eval()(picture), generator.eval()(picture))


# -- as a predictor ----------------------------------------------------------------------------------------------------


def test_weights_are_a_copy_that_training_cannot_change() -> None:
    generator = small()
    weights = to_weights(generator)
    before = weights["enc1.conv.weight"].copy()
    with torch.no_grad():
        generator.get_submodule("enc1.conv").weight.add_(1)
    np.testing.assert_array_equal(weights["enc1.conv.weight"], before)


def test_half_precision_weights_are_taken_as_single() -> None:
    generator = small()
    halves = {name: array.astype(np.float16) for name, array in to_weights(generator).items()}
    loaded = load_network(generator.table, halves)
    assert {tensor.dtype for tensor in loaded.parameters()} == {torch.float32}
    out = as_predictor(load_network(generator.table, halves))(noise(1, 1, 16, 16))
    assert out.dtype == np.float32


def test_a_loaded_generator_can_be_trained_on() -> None:
    generator = small()
    loaded = load_network(generator.table, to_weights(generator))
    loaded.train()(torch.randn(2, 1, 16, 16)).sum().backward()
    assert all(parameter.grad is not None for parameter in loaded.parameters())


def test_wrong_weights_are_refused_by_name() -> None:
    generator = small()
    weights = to_weights(generator)
    with pytest.raises(ValueError, match=r"enc2\.norm\.bias"):
        load_network(generator.table, {name: array for name, array in weights.items() if name != "enc2.norm.bias"})
    with pytest.raises(ValueError, match="stranger"):
        load_network(generator.table, weights | {"stranger": np.zeros(1)})
    with pytest.raises(ValueError, match=r"enc1\.conv\.weight has shape \(1,\)"):
        load_network(generator.table, weights | {"enc1.conv.weight": np.zeros(1)})


def test_a_wrong_size_is_refused_before_the_network() -> None:
    generator = small()
    network = as_predictor(load_network(generator.table, to_weights(generator)))
    with pytest.raises(ValueError, match="multiples of 8"):
        network(noise(1, 1, 20, 16))


def predictor_of(generator: Network, **settings: object) -> Callable[[np.ndarray], np.ndarray]:
    return as_predictor(load_network(generator.table, to_weights(generator)), **settings)


def test_prediction_is_frozen_unless_the_paper_asks() -> None:
    generator = small(depth=6, dropout=0.5, norm="batch")
    frozen = predictor_of(generator)
    picture = noise(2, 1, 64, 64)
    np.testing.assert_allclose(frozen(picture)[:1], frozen(picture[:1]), rtol=0, atol=1e-4)

    paper = predictor_of(generator, predict_dropout=True)
    assert np.abs(paper(picture)[:1] - paper(picture[:1])).max() > 1e-3, "batch statistics depend on the batch"
    assert np.abs(paper(picture) - predictor_of(generator, predict_dropout=True, seed=1)(picture)).max() > 1e-3


def test_the_paper_s_prediction_repeats_and_leaves_the_random_state_alone() -> None:
    paper = predictor_of(small(depth=6, dropout=0.5), predict_dropout=True)
    picture = noise(1, 1, 64, 64)
    before = torch.get_rng_state()
    np.testing.assert_array_equal(paper(picture), paper(picture))
    assert torch.equal(before, torch.get_rng_state())
