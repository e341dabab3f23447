import os

from service.trainer.listing import listing


def test_a_listing_tells_names_sizes_and_times(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "a").write_bytes(b"1")
    table = tmp_path / "table"
    table.write_bytes(b"1")
    seen = [listing(tmp_path / "deep", table)]
    assert listing(tmp_path / "deep", table) == seen[0]

    def changed():
        seen.append(listing(tmp_path / "deep", table))
        assert len(set(seen)) == len(seen)

    (tmp_path / "deep" / "b").write_bytes(b"1")
    changed()
    (tmp_path / "deep" / "b").rename(tmp_path / "deep" / "c")
    changed()
    os.utime(table, ns=(1, 1))
    changed()
    table.write_bytes(b"22")
    os.utime(table, ns=(1, 1))
    changed()
    assert listing(None, tmp_path / "nothing") == listing(None, None)
