"""ONNX part: a network in a file, checked at start and run through onnxruntime."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnxruntime as ort

from model.vision.part import InputSpec, PartError, PartManifest, read_part

# A run late by chance is tried again: only a network that is always late is refused.
TIMED_RUNS = 3
_QUIET = 3
# Role -> shape; None is any size, the same name the same size.
Shapes = Mapping[str, tuple[int | str | None, ...]]


class OnnxPart:
    """A verified network; `run` may be called from several threads.

    shapes: what each role of the manifest's outputs must look like, on a dummy input of zeros. Roles in `optional` may
    be missing in the manifest. Raises PartError, with the role and the shape that was found.
    """

    def __init__(
        self,
        manifest_path: Path,
        kind: str,
        shapes: Shapes,
        *,
        threads: int = 1,
        optional: frozenset[str] = frozenset(),
        dummy: Callable[[InputSpec], dict[str, np.ndarray]] | None = None,
    ) -> None:
        self.manifest, self.path = read_part(manifest_path, kind)
        if self.manifest.input is None:
            raise PartError("bad_manifest", f"expected an input in {manifest_path.name}, got none")
        self.input: InputSpec = self.manifest.input
        self._session = _open(self.path, threads)
        self._inputs = {one.name for one in self._session.get_inputs()}
        self._names = _output_names(self.manifest, self._session, shapes, optional)
        self.dims = self._check((dummy or _zeros)(self.input), shapes)

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Role -> array; feeds that the network has no input for are left out."""
        given = {name: value for name, value in feeds.items() if name in self._inputs}
        values = self._session.run(list(self._names.values()), given)
        return dict(zip(self._names, values, strict=True))

    def _check(self, feeds: dict[str, np.ndarray], shapes: Shapes) -> dict[str, int]:
        times_ms = []
        for _ in range(TIMED_RUNS):
            started_s = time.perf_counter()
            try:
                outputs = self.run(feeds)
            except Exception as error:  # onnxruntime raises classes of its own, derived from nothing in common
                message = f"expected {self.path.name} to run on {_shown(feeds)}, got {error}"
                raise PartError("bad_network", message) from None
            times_ms.append((time.perf_counter() - started_s) * 1e3)
            if self.manifest.max_ms is None or times_ms[-1] <= self.manifest.max_ms:
                break
        else:
            message = f"expected a run of {self.path.name} in {self.manifest.max_ms} ms, got {min(times_ms):.1f}"
            raise PartError("too_slow", message)
        return _match(shapes, {role: value.shape for role, value in outputs.items()})


def _open(path: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise PartError("bad_network", f"expected a network in {path.name}, got {error}") from None


def _output_names(
    manifest: PartManifest, session: ort.InferenceSession, shapes: Shapes, optional: frozenset[str]
) -> dict[str, str]:
    there = {output.name for output in session.get_outputs()}
    inputs = {one.name for one in session.get_inputs()}
    if manifest.input is not None and manifest.input.name not in inputs:
        raise PartError(
            "missing_output", f"expected the input {manifest.input.name!r}, the network has {sorted(inputs)}"
        )
    unknown = set(manifest.outputs) - set(shapes)
    if unknown:
        raise PartError("bad_manifest", f"expected roles {sorted(shapes)} for a {manifest.kind}, got {sorted(unknown)}")
    names = {}
    for role in shapes:
        name = manifest.outputs.get(role)
        if name is None and role in optional:
            continue
        if name is None or name not in there:
            raise PartError("missing_output", f"expected the role {role!r} as output {name!r}, got {sorted(there)}")
        names[role] = name
    return names


def _match(shapes: Shapes, found: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """Sizes of the named axes; PartError wrong_shape where a role's shape is not the expected one."""
    sizes: dict[str, int] = {}
    for role, shape in found.items():
        expected = shapes[role]
        fits = len(shape) == len(expected)
        for want, size in zip(expected, shape, strict=False):
            if isinstance(want, str):
                fits &= sizes.setdefault(want, size) == size
            else:
                fits &= want is None or want == size
        if not fits:
            known = f" with {sizes}" if sizes else ""
            raise PartError("wrong_shape", f"expected {role} as {list(expected)}{known}, got {list(shape)}")
    return sizes


def _zeros(spec: InputSpec) -> dict[str, np.ndarray]:
    height, width = spec.size
    return {spec.name: spec.tensor(np.zeros((1, height, width, 3), np.uint8))}


def _shown(feeds: Mapping[str, np.ndarray]) -> str:
    return ", ".join(f"{name} {list(value.shape)}" for name, value in feeds.items())
