"""fetch against a publisher of our own: whole files with the right hash, or none."""

import hashlib
import http.server
import io
import json
import tarfile
import threading
import zipfile

import pytest

from model.datasets.fetch import fetch
from model.datasets.publications import PUBLICATIONS, Publication
from model.datasets.report import DatasetError


class Publisher(http.server.BaseHTTPRequestHandler):
    """Serves `files`, honours ranges, keeps the requests; `cut` ends every answer that many bytes early."""

    files: dict[str, bytes]
    cut: int
    requests: list[tuple[str, str | None]]

    def do_GET(self):
        wanted = self.headers.get("Range")
        type(self).requests.append((self.path, wanted))
        content = self.files.get(self.path.lstrip("/"))
        if content is None:
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if start >= len(content) > 0:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : len(content) - self.cut])

    def log_message(self, *_):
        """Quiet."""


@pytest.fixture
def publisher():
    handler = type("Handler", (Publisher,), {"files": {}, "cut": 0, "requests": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    handler.address = f"http://127.0.0.1:{server.server_address[1]}"
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


def zipped(**members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("folder/", "")
        for name, text in members.items():
            archive.writestr(f"folder/{name.replace('_', '.')}", text)
    return buffer.getvalue()


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_an_archive_is_verified_and_the_wanted_files_are_kept(publisher, tmp_path):
    content = zipped(a_csv="alpha", b_csv="beta", c_csv="gamma")
    publisher.files["set.zip"] = content
    wanted = Publication(f"{publisher.address}/set.zip", sha256(content), ("a.csv", "c.csv"))
    kept = fetch("set", [wanted], tmp_path)
    assert [path.read_text() for path in kept] == ["alpha", "gamma"]
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["a.csv", "c.csv", "fetched.json"]
    record = json.loads((tmp_path / "set" / "fetched.json").read_text())[wanted.address]
    assert record["sha256"] == hashlib.sha256(content).hexdigest()
    assert record["bytes"] == len(content)


def test_a_tar_may_carry_anything_but_only_the_wanted_file_is_written(publisher, tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in (("../../evil.txt", b"evil"), ("deep/folder/wanted.tsv", b"rows")):
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    publisher.files["set.tar.gz"] = buffer.getvalue()
    md5 = f"md5:{hashlib.md5(buffer.getvalue()).hexdigest()}"
    kept = fetch("set", [Publication(f"{publisher.address}/set.tar.gz", md5, ("wanted.tsv",))], tmp_path / "data")
    assert kept[0].read_bytes() == b"rows"
    assert not list(tmp_path.rglob("evil.txt"))


def test_a_file_that_is_there_is_not_downloaded_again_but_a_changed_one_is(publisher, tmp_path):
    publisher.files["one.gz"] = b"content"
    wanted = Publication(f"{publisher.address}/one.gz", sha256(b"content"))
    path = fetch("set", [wanted], tmp_path)[0]
    fetch("set", [wanted], tmp_path)
    assert len(publisher.requests) == 1
    path.write_bytes(b"tampered")
    fetch("set", [wanted], tmp_path)
    assert path.read_bytes() == b"content"


def test_another_hash_is_refused_and_nothing_is_left(publisher, tmp_path):
    publisher.files["one.gz"] = b"something else"
    with pytest.raises(DatasetError, match="is not the file that was published: expected sha256"):
        fetch("set", [Publication(f"{publisher.address}/one.gz", sha256(b"content"))], tmp_path)
    assert list((tmp_path / "set").iterdir()) == []


def test_without_a_hash_the_first_download_is_trusted_and_a_later_other_one_refused(publisher, tmp_path):
    publisher.files["one.gz"] = b"first"
    wanted = Publication(f"{publisher.address}/one.gz")
    path = fetch("set", [wanted], tmp_path)[0]
    path.unlink()
    publisher.files["one.gz"] = b"later"
    with pytest.raises(DatasetError, match="is not the file that was first fetched"):
        fetch("set", [wanted], tmp_path)
    assert not path.exists()
    publisher.files["one.gz"] = b"first"
    assert fetch("set", [wanted], tmp_path)[0].read_bytes() == b"first"


@pytest.mark.parametrize("pinned", [True, False])
def test_a_broken_download_is_resumed_only_where_a_hash_judges_the_result(publisher, tmp_path, pinned):
    content = bytes(range(256)) * 40
    publisher.files["one.gz"] = content
    wanted = Publication(f"{publisher.address}/one.gz", sha256(content) if pinned else None)
    publisher.cut = 1_000
    with pytest.raises(DatasetError, match=r"one\.gz"):
        fetch("set", [wanted], tmp_path)
    assert not (tmp_path / "set" / "one.gz").exists()
    publisher.cut = 0
    assert fetch("set", [wanted], tmp_path)[0].read_bytes() == content
    assert publisher.requests[-1][1] == (f"bytes={len(content) - 1_000}-" if pinned else None)


def test_what_cannot_be_had_says_why(publisher, tmp_path):
    with pytest.raises(DatasetError, match="could not be downloaded"):
        fetch("set", [Publication(f"{publisher.address}/gone.zip")], tmp_path)
    content = zipped(a_csv="alpha")
    publisher.files["set.zip"] = content
    with pytest.raises(DatasetError, match=r"expected b\.csv in set\.zip, got folder/a\.csv"):
        fetch("set", [Publication(f"{publisher.address}/set.zip", sha256(content), ("b.csv",))], tmp_path)
    publisher.files["set.zip"] = b"no archive"
    with pytest.raises(DatasetError, match="no readable archive"):
        fetch("set", [Publication(f"{publisher.address}/set.zip", sha256(b"no archive"), ("b.csv",))], tmp_path)


def test_the_published_addresses_are_well_formed():
    for publications in PUBLICATIONS.values():
        for publication in publications:
            assert publication.address.startswith("https://")
            if publication.digest:
                algorithm, _, value = publication.digest.partition(":")
                assert len(bytes.fromhex(value)) == hashlib.new(algorithm).digest_size
