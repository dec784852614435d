"""Real trainings of a tiny upscaler: it learns, it resumes bit for bit, and it goes on from weights of others."""

import json
from typing import get_args

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dancheong.artifact import read_artifact
from dancheong.imaging.files import list_photos
from dancheong.models.discriminator import discriminator_rows
from dancheong.models.table import compact_table
from dancheong.params import ParamError, Params
from dancheong.scenes import write_scenes
from dancheong.training.checkpoint import ResumeError
from dancheong.training.step import Networks
from dancheong.training.trainer import new_discriminator
from dancheong.upscaling import trainer as trainer_module
from dancheong.upscaling import trainer as upscaler_trainer
from dancheong.upscaling.network import Compact, from_weights, initialize_compact
from dancheong.upscaling.patches import PATCH_PX
from dancheong.upscaling.trainer import upscale_step
from dancheong.upscaling.training import train_upscaler

TINY = Params(sr_scale="2", sr_images=24, batch_size=4, device="cpu", precision="32-true")
ADVERSARIAL = TINY.model_copy(update={"sr_lambda_gan": 0.1, "gan_start": 0.1, "ndf": 4, "patch_size": "16"})


@pytest.fixture(autouse=True)
def _tiny_network(monkeypatch):
    monkeypatch.setattr(trainer_module, "FEATURES", 8)
    monkeypatch.setattr(trainer_module, "LAYERS", 1)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("궁 사진") / "train"
    write_scenes(folder, 4, 1, 72, 48)
    return folder


def changed(**values):
    return TINY.model_copy(update=values)


def stop_after(images):
    return lambda progress: progress.images_seen >= images


def same_weights(a, b):
    return all(a.weights[name].tobytes() == b.weights[name].tobytes() for name in a.weights)


@pytest.mark.parametrize("params", [TINY, ADVERSARIAL], ids=["l1", "adversarial"])
def test_resuming_is_exact(photos, tmp_path, params):
    given = {"val": photos}
    whole = train_upscaler(photos, tmp_path / "whole.h5", params, **given)
    assert whole.images_seen == 24
    first = train_upscaler(photos, tmp_path / "parts.h5", params, watch=stop_after(8), **given)
    assert first.stopped
    second = train_upscaler(photos, tmp_path / "parts.h5", params, resume=True, **given)
    assert not second.stopped
    assert (second.losses, second.val) == (whole.losses, whole.val)
    a, b = (read_artifact(tmp_path / name) for name in ("whole.h5", "parts.h5"))
    assert same_weights(a, b)
    assert [{**row, "seconds": 0} for row in a.history] == [{**row, "seconds": 0} for row in b.history]
    assert not (tmp_path / "parts.h5.resume").exists()


@pytest.mark.slow
def test_the_adversarial_part_begins_after_l1_and_only_the_generator_is_stored(photos, tmp_path):
    params = ADVERSARIAL.model_copy(update={"gan_start": 0.5})
    train_upscaler(photos, tmp_path / "m.h5", params)
    artifact = read_artifact(tmp_path / "m.h5")
    assert [sorted(row) for row in artifact.history] == [["images", "l1"]] * 3 + [
        ["d_fake", "d_real", "g_gan", "images", "l1"]
    ] * 3
    train_upscaler(photos, tmp_path / "l1.h5", TINY)
    plain = read_artifact(tmp_path / "l1.h5")
    assert artifact.weights.keys() == plain.weights.keys()
    assert not same_weights(artifact, plain)
    # Until it begins, and where it never does, training is that of L1 bit for bit.
    train_upscaler(photos, tmp_path / "never.h5", params.model_copy(update={"gan_start": 1.0}))
    assert same_weights(read_artifact(tmp_path / "never.h5"), plain)


@pytest.mark.parametrize(("lambda_gan", "kept"), [(0.0, 30.0), (0.1, 20.0)])
def test_weights_are_chosen_by_psnr_only_where_l1_alone_is_learned(photos, tmp_path, monkeypatch, lambda_gan, kept):
    params = ADVERSARIAL.model_copy(update={"sr_images": 8, "sr_lambda_gan": lambda_gan})
    train_upscaler(photos, tmp_path / "alone.h5", params)
    found = iter([30.0, 20.0])
    picture = np.zeros((9, 9), np.uint8)
    monkeypatch.setattr(upscaler_trainer, "score", lambda network, pairs: ({"val_psnr": next(found)}, [[picture] * 4]))
    result = train_upscaler(photos, tmp_path / "val.h5", params, val=photos)
    assert result.val["val_psnr"] == kept
    is_last = same_weights(*(read_artifact(tmp_path / name) for name in ("alone.h5", "val.h5")))
    assert is_last == (kept == 20.0)


def test_each_network_is_frozen_while_the_other_learns():
    params = ADVERSARIAL.model_copy(update={"resol": 24})
    network = Compact(1, 4, 1, 2)
    initialize_compact(network, 1)
    judge = new_discriminator(params, 1, False)
    seen = []
    judge.register_forward_hook(lambda module, given, out: seen.append((given[0].requires_grad, _trains(judge), given[0])))
    optimizers = [torch.optim.SGD(part.parameters(), lr=0.1) for part in (network, judge)]
    networks = Networks(network, optimizers[0], judge, optimizers[1], judge)
    small, truth = torch.rand(2, 1, 12, 12), torch.rand(2, 1, 24, 24)
    before = [tensor.clone() for tensor in network.parameters()]
    losses = upscale_step(networks, small, truth, 0.5, lambda loss: loss.backward(), True)
    # The fake detached, the truth, then the fake for the generator: pictures alone, in [-1, 1].
    assert [entry[:2] for entry in seen] == [(False, True), (False, True), (True, False)]
    torch.testing.assert_close(seen[1][2], truth * 2 - 1)
    torch.testing.assert_close(seen[2][2], seen[0][2])
    assert all((a != b).any() for a, b in zip(before, network.parameters(), strict=True))
    assert set(losses) == {"d_fake", "d_real", "g_gan", "l1"}


def _trains(network):
    return all(parameter.requires_grad for parameter in network.parameters())


def test_resuming_with_other_rows_is_refused(photos, tmp_path):
    train_upscaler(photos, tmp_path / "m.h5", TINY, watch=stop_after(8))
    with pytest.raises(ResumeError, match="SR_PLANES"):
        train_upscaler(photos, tmp_path / "m.h5", changed(sr_planes="rgb"), resume=True)


@pytest.mark.slow
def test_it_learns(photos, tmp_path):
    params = changed(sr_images=800, batch_size=8, sr_degradation="clean")
    result = train_upscaler(photos, tmp_path / "m.h5", params, val=photos)
    rows = [row for row in read_artifact(tmp_path / "m.h5").history if "l1" in row]
    assert np.mean([row["l1"] for row in rows[-10:]]) < 0.9 * np.mean([row["l1"] for row in rows[:10]])
    assert result.val["val_psnr"] > result.val["val_psnr_bicubic"] - 1
    logged = [json.loads(line) for line in (tmp_path / "m_log" / "losses.jsonl").read_text().splitlines()]
    assert sum("val_psnr" in row for row in logged) == 10
    assert len(list_photos(tmp_path / "m_log")) == 10


def test_the_file_says_what_it_is_and_answers_its_self_test(photos, tmp_path):
    train_upscaler(photos, tmp_path / "m.h5", changed(sr_scale="4", sr_planes="rgb", sr_images=4), category="PALACE")
    artifact = read_artifact(tmp_path / "m.h5")
    assert (artifact.kind, artifact.category, artifact.params.sr_scale) == ("upscaler", "PALACE", "4")
    assert artifact.architecture == compact_table(3, 8, 1, 4)
    with torch.no_grad():
        answer = from_weights(artifact.weights)(torch.from_numpy(artifact.selftest_input))
    np.testing.assert_array_equal(answer.numpy(), artifact.selftest_output)


@pytest.mark.parametrize("patch_size", get_args(Params.model_fields["patch_size"].annotation))
def test_every_discriminator_can_judge_a_patch(patch_size):
    assert discriminator_rows(Params(patch_size=patch_size, resol=2 * PATCH_PX), 1)


def test_weights_of_others_are_stored_as_they_are_or_trained_on(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer_module, "FEATURES", 4)
    train_upscaler(photos, tmp_path / "first.h5", changed(sr_images=4, sr_planes="rgb"))
    network = from_weights(read_artifact(tmp_path / "first.h5").weights)
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, tmp_path / "w.safetensors")
    given = {"init": tmp_path / "w.safetensors", "val": photos}
    kept = train_upscaler(photos, tmp_path / "kept.h5", changed(sr_images=0), **given)
    stored = read_artifact(tmp_path / "kept.h5")
    assert same_weights(stored, read_artifact(tmp_path / "first.h5"))
    assert (stored.architecture.rows[0].c_out, stored.params.sr_planes) == (4, "rgb")
    assert kept.images_seen == 0
    assert kept.val["val_psnr"] > 10
    train_upscaler(photos, tmp_path / "further.h5", TINY, **given)
    further = read_artifact(tmp_path / "further.h5")
    assert further.architecture.rows[0].c_out == 4
    assert not same_weights(stored, further)


def test_rows_that_do_not_go_together_are_refused(photos, tmp_path):
    with pytest.raises(ParamError, match="--init"):
        train_upscaler(photos, tmp_path / "m.h5", changed(sr_images=0))
    with pytest.raises(ParamError, match="DEVICES"):
        train_upscaler(photos, tmp_path / "m.h5", changed(batch_size=3, devices=2))
    assert not (tmp_path / "m.h5").exists()
