import subprocess
import sys

import pytest

from model.release import set_current, write_release
from model.signature import new_key, public_key_of
from service.release_commands import main


@pytest.fixture
def ids(tmp_path):
    made = [write_release(tmp_path, {"weights.safetensors": b"1"}, {"number": number}) for number in range(2)]
    for release in made:
        set_current(tmp_path, release.release_id)
    return [release.release_id for release in made]


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    return status, capsys.readouterr()


def test_rollback_current_and_list(tmp_path, ids, capsys, monkeypatch):
    first, second = ids
    assert run(capsys, "current", "--root", tmp_path)[1].out == f"{second}\n"
    listed = run(capsys, "list", "--root", tmp_path)[1].out.splitlines()
    assert sorted(line.split()[0] for line in listed) == sorted(ids)
    assert {line.split()[0]: line.split()[2:] for line in listed} == {second: ["in", "force"], first: ["-1"]}
    monkeypatch.setenv("REC_RELEASE_ROOT", str(tmp_path))
    assert run(capsys, "rollback")[1].out == f"{second} -> {first}\n"
    status, told = run(capsys, "rollback")
    assert (status, told.out) == (2, "")
    assert "no_earlier" in told.err
    assert run(capsys, "current", second)[1].out == f"{second}\n"


def test_what_cannot_be_done_is_told(tmp_path, ids, capsys, monkeypatch):
    assert "bad_current" in run(capsys, "current", "nonsense", "--root", tmp_path)[1].err
    assert run(capsys, "list", "--root", tmp_path / "nowhere")[0] == 2
    new_key(tmp_path / "key")
    monkeypatch.setenv("REC_RELEASE_PUBLIC_KEY", public_key_of(tmp_path / "key"))
    assert "unsigned" in run(capsys, "rollback", "--root", tmp_path)[1].err
    (tmp_path / ids[0] / "manifest.json").unlink()
    assert "missing_manifest" in run(capsys, "list", "--root", tmp_path)[1].out
    monkeypatch.delenv("REC_RELEASE_ROOT", raising=False)
    with pytest.raises(SystemExit):
        main(["list"])


def test_the_command_waits_for_no_torch(tmp_path, ids):
    """A rollback is due within a second; the libraries of the model alone take longer to load."""
    show = "import runpy, sys; sys.argv = ['releases', 'rollback', '--root', sys.argv[1]]\n"
    show += "try: runpy.run_module('service.releases', run_name='__main__')\n"
    show += "finally: assert not {'torch', 'numpy', 'fastapi'} & set(sys.modules), sorted(sys.modules)"
    result = subprocess.run([sys.executable, "-c", show, tmp_path], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, f"{ids[1]} -> {ids[0]}\n"), result.stderr
