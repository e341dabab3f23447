import json
import re
import subprocess
import sys
from contextlib import ExitStack

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from safetensors.numpy import load_file, save, save_file

from model.mapped_arrays import create_arrays, map_arrays

ARRAYS = st.dictionaries(
    st.text(min_size=1, max_size=8).filter(lambda name: name != "__metadata__"),
    arrays_of.arrays(
        st.sampled_from([np.float64, np.float32, np.float16, np.int64, np.int32, np.uint16, np.int8, np.bool_]),
        arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5),
    ),
    max_size=4,
)


@given(ARRAYS)
def test_reads_what_safetensors_writes(tmp_path_factory, arrays):
    path = tmp_path_factory.mktemp("arrays") / "a.safetensors"
    path.write_bytes(save(arrays, metadata={"made": "here"}))
    mapped = map_arrays(path)
    assert set(mapped) == set(arrays)
    for name, array in arrays.items():
        assert mapped[name].dtype == array.dtype
        np.testing.assert_array_equal(mapped[name], array)
        assert not mapped[name].flags.writeable
        assert mapped[name].base is not None or array.size == 0


def written(tmp_path, header, body=b"\0" * 16):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = tmp_path / "bad.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path


def entry(dtype="F32", shape=(4,), offsets=(0, 16)):
    return {"a": {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}}


def test_a_whole_file_is_read(tmp_path):
    assert map_arrays(written(tmp_path, entry()))["a"].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "header",
    [
        entry(offsets=(4, 20)),
        entry(offsets=(0, 12)),
        entry(offsets=(-16, 0)),
        entry(offsets=(16, 0)),
        entry(offsets=(0,)),
        entry(shape=(5,)),
        entry(shape=(-4, -1)),
        entry(shape=(2**62, 4)),
        entry(shape=(4.0,)),
        entry(shape=(True, 4)),
        entry(dtype="BF16"),
        entry(dtype="O"),
        {"a": []},
        [],
        b"{",
        b"\xff\xff",
    ],
)
def test_a_header_that_does_not_describe_the_file_is_refused(tmp_path, header):
    with pytest.raises(ValueError, match=re.compile("expected|Expect|decode")):
        map_arrays(written(tmp_path, header))


@pytest.mark.parametrize("content", [b"", b"\1\0\0", (100).to_bytes(8, "little") + b"{}", b"\xff" * 8 + b"{}"])
def test_a_file_that_ends_too_early_is_refused(tmp_path, content):
    path = tmp_path / "short.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="expected"):
        map_arrays(path)


READER = """
import re, sys
from pathlib import Path
from model.mapped_arrays import create_arrays, map_arrays
array = map_arrays(Path(sys.argv[1]))["vectors"]
array.sum()
sys.stdout.write("read\\n")
sys.stdout.flush()
sys.stdin.readline()
text = Path("/proc/self/smaps").read_text()
mapping = re.search(re.escape(sys.argv[1]) + r"\\n(.*?)(?=\\n[0-9a-f]+-|\\Z)", text, re.DOTALL).group(1)
sizes = {name: int(size) for name, size in re.findall(r"^(\\w+):\\s+(\\d+) kB", mapping, re.MULTILINE)}
sys.stdout.write(" ".join(str(sizes[name]) for name in sys.argv[2:]) + "\\n")
"""
SIZES = ("Rss", "Pss", "Shared_Clean", "Shared_Dirty")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/smaps of Linux")
def test_two_processes_share_the_bytes(tmp_path):
    path = tmp_path / "vectors.safetensors"
    save_file({"vectors": np.ones((4096, 256), dtype=np.float32)}, path)
    command = [sys.executable, "-c", READER, str(path), *SIZES]
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(2)
        )
        assert (first.stdout.readline(), second.stdout.readline()) == ("read\n", "read\n")
        # The second still has its mapping when the first is asked.
        told, _ = first.communicate("\n")
        second.communicate("\n")
    sizes_kib = dict(zip(SIZES, map(int, told.split()), strict=True))
    assert sizes_kib["Rss"] >= 4096
    assert sizes_kib["Pss"] <= 0.6 * sizes_kib["Rss"]
    # Dirty are pages that the writer has not brought to disk yet.
    assert sizes_kib["Shared_Clean"] + sizes_kib["Shared_Dirty"] == sizes_kib["Rss"]


def test_a_file_that_is_filled_in_place_is_a_safetensors_file(tmp_path):
    path = tmp_path / "new.safetensors"
    created = create_arrays(path, {"a": ((3, 2), "F16"), "b": ((4,), "I64"), "c": ((0, 5), "F32")})
    created["a"][1] = [1.5, -2]
    created["b"][:] = np.arange(4)
    for array in created.values():
        array.flush()
    for found in (map_arrays(path), load_file(path)):
        np.testing.assert_array_equal(found["a"], np.array([[0, 0], [1.5, -2], [0, 0]], np.float16))
        np.testing.assert_array_equal(found["b"], np.arange(4))
        assert found["c"].shape == (0, 5)
    with pytest.raises(FileExistsError):
        create_arrays(path, {"a": ((1,), "F32")})
