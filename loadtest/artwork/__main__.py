"""What covers cost: python -m loadtest.artwork --root ROOT --out DIR measures search, uploads and making a release.

ROOT has a small artwork release, whose networks, regions and vectors a library of --covers is made from: vectors are
synthetic and regions replicated, and every row says so. Sentences are those that the small release knows, or
--sentence-file has. Rows go to DIR/rows.jsonl.
"""

import argparse
import random
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from loadtest.artwork.asking import AskingError, searches, uploads
from loadtest.artwork.library import SIMULATED, make_library
from loadtest.speed.rows import keep, row
from loadtest.speed.servers import Servers, StartError, end_on_sigterm, free_port
from model.artwork.cover_index import EXACT_UP_TO
from model.artwork.inference import ArtworkRelease
from model.release import current_release, verify_release

UNITS = {
    "latency_ms": "ms of wall time, closed loop, as the client sees it",
    "stages_ms": "ms of wall time inside the service",
    "cpu_s": "seconds of CPU",
    "server_cpu_ms_per_request": "ms of CPU of the service's whole process tree",
}
WARM_UP = 30
KNOWN = 20


def main(argv: list[str] | None = None) -> int:
    """0, or 2 with the reason where nothing could be measured."""
    options = _parser().parse_args(argv)
    end_on_sigterm()
    try:
        measure(options)
    except (ValueError, OSError, StartError, AskingError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def measure(options: argparse.Namespace) -> None:
    """Make the library, start a service on it, ask."""
    sentences = _sentences(options)
    root = options.out / f"library-{options.covers}"
    if not (root / "current").exists():
        root.mkdir(parents=True, exist_ok=True)
        made = make_library(options.root, root, options.covers, options.exact_up_to)
        index = verify_release(current_release(root)).manifest["facts"]["index"]
        figures = {"cpu_s": round(made.cpu_s, 1), "wall_s": round(made.wall_s, 1), "index": index}
        _keep(options, "release", {"covers": options.covers}, figures, root)
    with Servers(options.out / "logs") as servers:
        url = _start(servers, options, root)
        pid = servers.pids["service"]
        for in_flight, rerank, instructed, known in product(options.in_flight, *[(False, True)] * 3):
            cell = {"covers": options.covers, "rerank": rerank, "instruction": instructed, "known": known}
            cell |= {"in_flight": in_flight}
            warm_up = _bodies(sentences, options, root, cell, "warm up")
            # Every one of the few known sentences, a few of the new ones.
            searches(url, pid, warm_up if known else warm_up[:WARM_UP], 1)
            bodies = _bodies(sentences, options, root, cell, "measure")
            _keep(options, "search", cell, searches(url, pid, bodies, in_flight), root)
        if options.images is not None:
            pictures = sorted(options.images.glob("*.jpg"))[: options.uploads]
            uploads(url, pid, pictures[:3])
            _keep(options, "upload", {"covers": options.covers}, uploads(url, pid, pictures), root)


def _start(servers: Servers, options: argparse.Namespace, root: Path) -> str:
    port = free_port()
    environment = {
        "REC_ARTWORK_ROOT": str(root),
        "REC_PORT": str(port),
        "REC_DEFAULT_DEADLINE_MS": "9000",
        "REC_ARTWORK_THREADS": str(options.threads),
        "REC_LOG_LEVEL": "WARNING",
    }
    if options.parts is not None:
        environment["REC_PARTS_DIR"] = str(options.parts)
    return servers.start_http("service", [sys.executable, "-m", "service"], environment, port, "/health/ready")


def _bodies(
    sentences: Sequence[str], options: argparse.Namespace, root: Path, cell: dict[str, Any], purpose: str
) -> list[dict[str, Any]]:
    """As many questions as asked for, others for each cell and purpose.

    Known sentences come again, so that the service has them encoded already; new ones are those of the file or the
    release with two words more, of other sentences.
    """
    instructions = [_instruction(root)] if cell["instruction"] else []
    drawn = random.Random(f"{purpose} {cell}")
    chosen = drawn.choices(sentences[:KNOWN] if cell["known"] else sentences, k=options.requests)
    if not cell["known"]:
        words = [word for sentence in sentences for word in sentence.split()]
        chosen = [" ".join((sentence, *drawn.choices(words, k=2))) for sentence in chosen]
    return [{"sentence": one, "k": 20, "rerank": cell["rerank"], "instructions": instructions} for one in chosen]


def _instruction(root: Path) -> dict[str, Any]:
    """One that a good part of the covers satisfy."""
    catalogue = ArtworkRelease.load(current_release(root)).library.base.catalogue
    name = next(name for name in catalogue.attributes if name != "cover_style")
    attribute = catalogue.attributes[name]
    return {"where": {name: {"any": list(attribute.values[:2])}}}


def _sentences(options: argparse.Namespace) -> Sequence[str]:
    if options.sentence_file is not None:
        return [line for line in options.sentence_file.read_text().splitlines() if line.strip()]
    known = ArtworkRelease.load(current_release(options.root)).sentences
    if known is None:
        raise ValueError("expected --sentence-file: the small release knows no sentences")
    return known.texts


def _keep(options: argparse.Namespace, kind: str, cell: dict[str, Any], figures: dict[str, Any], root: Path) -> None:
    name = ", ".join(f"{key} {value}" for key, value in cell.items())
    facts = ArtworkRelease.load(current_release(root))
    one = row(kind, name, cell, figures, release=facts.release_id, networks=facts.identity.facts(), simulated=SIMULATED)
    keep(options.out, one | {"units": UNITS, "threads": options.threads})
    sys.stdout.write(f"{kind}: {name}\n  {figures}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadtest.artwork", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder with a small artwork release in force")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--covers", type=int, default=100_000)
    parser.add_argument("--exact-up-to", type=int, default=EXACT_UP_TO, help="above it the first stage reads clusters")
    parser.add_argument("--requests", type=int, default=400, help="of each cell")
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1, 2], help="clients that ask at once")
    parser.add_argument("--threads", type=int, default=1, help="REC_ARTWORK_THREADS")
    parser.add_argument("--sentence-file", type=Path, help="one sentence a line")
    parser.add_argument("--parts", type=Path, help="folder of python -m model.vision.parts prepare, for uploads")
    parser.add_argument("--images", type=Path, help="folder of JPEG files to upload")
    parser.add_argument("--uploads", type=int, default=40)
    return parser


if __name__ == "__main__":
    sys.exit(main())
