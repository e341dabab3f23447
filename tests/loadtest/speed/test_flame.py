import pytest

from loadtest.speed import flame


def test_an_unknown_cell_is_refused(release_root, tmp_path, monkeypatch):
    monkeypatch.setattr(flame, "sampler", lambda: "py-spy")
    out = tmp_path / "flame.svg"
    assert flame.main(["--release-root", str(release_root), "--cell", "lukewarm", "--out", str(out)]) == 2
    assert not out.exists()


def test_a_flame_graph_shows_what_the_service_does(release_root, tmp_path, caplog):
    try:
        flame.sampler()
    except ValueError as absent:
        pytest.skip(str(absent))
    out = tmp_path / "flame.svg"
    if flame.main(["--release-root", str(release_root), "--seconds", "2", "--out", str(out)]):
        assert "py-spy ended" in caplog.text
        pytest.skip("py-spy may not trace processes here")
    assert "inference.py" in out.read_text()
