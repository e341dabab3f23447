"""Compare matchers: python -m model.image_text.benchmark --pairs FOLDER --features STORE --seeds 3 --out DIR.

Every variant is trained on the part train, chosen on val and judged once per seed on test. A finished row in
OUT/rows.jsonl is never measured again, a killed training goes on where it was. --rows FILE only shows kept rows.
"""

import argparse
import hashlib
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from model.image_text.benchmark.comparisons import comparison_table
from model.image_text.benchmark.report import plot, table
from model.image_text.benchmark.rows import ROWS_FILE, Row, Rows
from model.image_text.benchmark.variants import VARIANTS, Variant, trainings, with_seed
from model.image_text.captions import Captions
from model.image_text.checkpoint import load_checkpoint
from model.image_text.data import Features
from model.image_text.evaluate import judge, report_of, stages
from model.image_text.retrieval_metrics import rsum_by_image
from model.image_text.train import arguments_of_data, captions_of, prepare, train

logger = logging.getLogger(__name__)

TEXTS_FOLDER = "texts"
PLOT_FILE = "rsum.svg"


def measure(
    variant: Variant, seed: int, captions: Captions, features: Features, out: Path, extra: Sequence[str] = ()
) -> Row:
    """Train what is not trained yet, evaluate on the test part, and return the row.

    extra: names of the folders whose pairs are among those of captions that train.
    """
    cache, configs = out / TEXTS_FOLDER, trainings()
    runs = []
    for name in variant.trainings:
        run = out / "runs" / "-".join([*name.split(), *extra, str(seed)])
        if not _finished(run):
            train(prepare(with_seed(configs[name], seed), captions, features, cache), run, resume=True)
        runs.append(run)
    ensemble, judged = judge(runs, captions, features, "test", cache)
    found = stages(ensemble, judged)
    report = report_of(ensemble, judged, found, "test")
    by_image = {
        stage: [round(share, 1) for share in rsum_by_image(*ranked_by, judged.relevant).tolist()]
        for stage, ranked_by in found.items()
    }
    facts = [load_checkpoint(run).facts for run in runs]
    cpu_minutes = round(sum(one["cpu_minutes"] for one in facts), 2)
    validation = [one["validation"] for one in facts]
    more = {"extra_pairs": list(extra), "cpu_minutes": cpu_minutes, "validation": validation, "rsum_by_image": by_image}
    return key_of(variant, seed, captions, features) | report | more


def key_of(variant: Variant, seed: int, captions: Captions, features: Features) -> Row:
    """What makes two rows the same measurement."""
    configs = trainings()
    content = json.dumps([asdict(with_seed(configs[name], seed)) for name in variant.trainings], sort_keys=True)
    return {
        "variant": variant.name,
        "seed": seed,
        "config_sha256": hashlib.sha256(content.encode()).hexdigest()[:16],
        "data_revision": captions.revision(),
        "feature_space": features.feature_space,
    }


def _finished(run: Path) -> bool:
    try:
        return bool(load_checkpoint(run).facts["validation"])
    except ValueError:
        return False


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.image_text.benchmark", description=__doc__)
    shown = "--rows" in (sys.argv[1:] if argv is None else argv)
    parser.add_argument("--rows", type=Path, help="show the rows of this file and measure nothing")
    if not shown:
        arguments_of_data(parser)
    parser.add_argument("--variants", help="names separated by commas; all where absent")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        rows = Rows(arguments.rows).all() if shown else _measured(arguments)
    except (ValueError, OSError) as error:
        logger.error("%s", error)
        return 2
    plot(rows, arguments.out / PLOT_FILE)
    sys.stdout.write(table(rows) + "\n" + comparison_table(rows))
    return 0


def _measured(arguments: argparse.Namespace) -> list[Row]:
    names = [name.strip() for name in arguments.variants.split(",")] if arguments.variants else None
    known = [variant.name for variant in VARIANTS]
    unknown = set(names or ()) - set(known)
    if unknown:
        raise ValueError(f"expected variants among {known}, got {sorted(unknown)}")
    variants = [variant for variant in VARIANTS if names is None or variant.name in names]
    captions, features = captions_of(arguments), Features(arguments.features, arguments.feature_space)
    rows, found = Rows(arguments.out / ROWS_FILE), []
    with tqdm(total=len(variants) * arguments.seeds, unit="row") as bar:
        for seed in range(arguments.seeds):
            for variant in variants:
                bar.set_description(f"{variant.name}, seed {seed}")
                key = key_of(variant, seed, captions, features)
                if rows.find(key) is None:
                    extra = [folder.name for folder in arguments.extra_pairs]
                    rows.add(measure(variant, seed, captions, features, arguments.out, extra))
                row = rows.find(key)
                assert row is not None
                found.append(row)
                bar.update()
    return found


if __name__ == "__main__":
    sys.exit(main())
