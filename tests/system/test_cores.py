"""How many cores there are."""

from dancheong.system import cores as module


def test_cores_are_those_that_a_container_pays_for(tmp_path, monkeypatch):
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    for text, expected in (("400000 100000\n", 4), ("150000 100000\n", 2), ("max 100000\n", 64), ("10000 100000", 1)):
        (tmp_path / "cpu.max").write_text(text)
        monkeypatch.setattr(module, "_CONTAINER_LIMIT", tmp_path / "cpu.max")
        assert module.cores() == expected
    monkeypatch.setattr(module, "_CONTAINER_LIMIT", tmp_path / "none")
    assert module.cores() == 64
