"""What lies in integrations/: the node, the plug-in's call of the program, the IIIF manifest and the PREMIS events."""

import importlib.util
import json
import py_compile
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from dancheong.imaging.color import gray_of
from dancheong.imaging.files import read_photo, write_photo
from dancheong.prediction.colorizer import Colorizer
from dancheong.prediction.folder import FolderOptions, predict_files

ROOT = Path(__file__).resolve().parents[1] / "integrations"
P = "{http://www.loc.gov/premis/v3}"


def loaded(path):
    spec = importlib.util.spec_from_file_location(path.parent.name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def program(monkeypatch):
    monkeypatch.setenv("DANCHEONG_PROGRAM", f"{sys.executable} -m dancheong")


def test_the_node_of_comfyui_colors_a_batch(program, model, photograph):
    torch = pytest.importorskip("torch")
    node = loaded(ROOT / "comfyui_dancheong" / "__init__.py").NODE_CLASS_MAPPINGS["DancheongColorize"]
    assert list(node.INPUT_TYPES()["required"]) == ["image", "model", "vivid", "glare_mode"]
    path = model()
    batch = torch.from_numpy(photograph[None].astype(np.float32) / 255)
    (result,) = getattr(node(), node.FUNCTION)(batch, str(path), 1.0, "off")
    expected = Colorizer.open(path, GLARE_MODE="off")(photograph)
    np.testing.assert_array_equal((result[0].numpy() * 255).round().astype(np.uint8), expected)
    with pytest.raises(RuntimeError, match=r"none\.h5"):
        node().colorize(batch, "none.h5", 1.0, "off")


def test_the_plug_in_of_gimp_calls_the_program_and_leaves_nothing_where_it_fails(program, photograph, tmp_path):
    path = ROOT / "gimp" / "dancheong" / "dancheong.py"
    py_compile.compile(str(path), str(tmp_path / "compiled"), doraise=True)
    plug_in = loaded(path)
    write_photo(tmp_path / "gray.png", gray_of(photograph).astype(np.uint16) * 257)
    plug_in.color_file(tmp_path / "gray.png", tmp_path / "colored.png")
    colored = read_photo(tmp_path / "colored.png").pixels
    assert (colored.shape, colored.dtype) == (photograph.shape, np.uint16)
    (tmp_path / "words.png").write_text("words")
    with pytest.raises(RuntimeError, match="standard input"):
        plug_in.color_file(tmp_path / "words.png", tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


@pytest.fixture
def run(tmp_path, model, photograph):
    """A run of two photographs, one in a subfolder, and one that is damaged."""
    photos = tmp_path / "사진"
    (photos / "안 a").mkdir(parents=True)
    write_photo(photos / "안 a" / "가 1.jpg", gray_of(photograph))
    write_photo(photos / "b.png", gray_of(photograph)[:40])
    (photos / "cut.png").write_bytes((photos / "b.png").read_bytes()[:200])
    results = tmp_path / "out"
    predict_files(Colorizer.open(model()), [photos], results, FolderOptions(manifest=results / "manifest.csv"))
    return photos, results


def script(name, *words, code=0):
    done = subprocess.run([sys.executable, ROOT / "archive" / name, *words], capture_output=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr.decode()


def test_a_iiif_manifest_offers_each_photograph_gray_and_colored(run, photograph):
    photos, results = run
    words = ["--photographs", photos, "--gray", "https://a.example/scans/", "--colored", "https://a.example/colored",
             "--id", "https://a.example/iiif/manifest.json", "--label", "궁"]
    made = json.loads(script("iiif_manifest.py", results, *words))
    assert (made["type"], made["label"], made["id"]) == ("Manifest", {"none": ["궁"]}, "https://a.example/iiif/manifest.json")
    assert made["@context"] == "http://iiif.io/api/presentation/3/context.json"
    assert len(made["items"]) == 2
    ids = [made["id"]]
    for canvas in made["items"]:
        (page,) = canvas["items"]
        (annotation,) = page["items"]
        gray, colored = annotation["body"]["items"]
        assert (canvas["type"], page["type"], annotation["type"]) == ("Canvas", "AnnotationPage", "Annotation")
        assert (annotation["motivation"], annotation["target"]) == ("painting", canvas["id"])
        assert annotation["body"]["type"] == "Choice"
        assert (gray["width"], gray["height"]) == (colored["width"], colored["height"]) == (canvas["width"], canvas["height"])
        ids += [canvas["id"], page["id"], annotation["id"], gray["id"], colored["id"]]
    assert len(set(ids)) == len(ids)
    assert "https://a.example/scans/%EC%95%88%20a/%EA%B0%80%201.jpg" in ids
    assert "https://a.example/colored/b.png" in ids
    assert {one["format"] for canvas in made["items"] for one in canvas["items"][0]["items"][0]["body"]["items"]} == {
        "image/jpeg", "image/png"
    }
    assert "no manifest.csv" in script("iiif_manifest.py", photos, *words, code=1)


def test_premis_tells_each_photograph_with_its_files_and_what_failed(run):
    photos, results = run
    root = ElementTree.fromstring(script("premis_events.py", results))
    assert [child.tag.removeprefix(P) for child in root] == ["object"] * 5 + ["event"] * 3 + ["agent"]
    outcomes = {event.findtext(f"{P}linkingObjectIdentifier/{P}linkingObjectIdentifierValue"):
                event.findtext(f"{P}eventOutcomeInformation/{P}eventOutcome") for event in root.iter(f"{P}event")}
    assert outcomes == {str(photos / "b.png"): "success", str(photos / "cut.png"): "failure",
                        str(photos / "안 a" / "가 1.jpg"): "success"}
    known = {one.findtext(f"{P}objectIdentifier/{P}objectIdentifierValue") for one in root.iter(f"{P}object")}
    agents = {one.findtext(f"{P}agentIdentifier/{P}agentIdentifierValue") for one in root.iter(f"{P}agent")}
    for event in root.iter(f"{P}event"):
        linked = {one.findtext(f"{P}linkingObjectIdentifierValue") for one in event.iter(f"{P}linkingObjectIdentifier")}
        assert linked <= known
        assert event.findtext(f"{P}linkingAgentIdentifier/{P}linkingAgentIdentifierValue") in agents
    assert all(len(one.text) == 64 for one in root.iter(f"{P}messageDigest"))
