"""The retrieval suite: Climber-Pilot, its baselines and a peer on one split, ranked by one code, no instruction."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from model.benchmark_rows import Row, Run
from model.climber_pilot.baselines import Baseline, LastItemTransition, Popularity
from model.climber_pilot.benchmark.configurations import described, overridden, pretraining_of, with_seed
from model.climber_pilot.benchmark.held_out import checkpoint_figures, held_out_figures, split_of, split_settings
from model.climber_pilot.benchmark.joined import TOWERS, joined_runs
from model.climber_pilot.benchmark.learning_curve import learning_curve
from model.climber_pilot.benchmark.peers import PEER, PEER_RECIPE, require_peer, train_peer
from model.climber_pilot.benchmark.retrieval_plots import plot_hit_rates, plot_learning_curves
from model.climber_pilot.benchmark.retrieval_table import retrieval_table
from model.climber_pilot.checkpoint import load_checkpoint
from model.climber_pilot.config import ClimberPilotConfig
from model.climber_pilot.evaluate import baseline_scores
from model.climber_pilot.histories import Split
from model.climber_pilot.stages import popularity
from model.climber_pilot.train import train
from model.datasets.dataset import Dataset

JOINED = ("climber-pilot", "climber-pilot without titles", "climber-pilot history only")
"""The variants whose seeds are joined as towers too."""

WITHOUT_TITLES = {"network": {"title_buckets": 0}}
HISTORY_ONLY = {"network": {"request_clock": False}}
IDS_ONLY = {"network": {"use_attributes": False, "title_buckets": 0, "request_clock": False}}

# The objective and schedule of SASRec as it is trained today: every position, full softmax, two layers of width 64.
NEXT_ITEM: dict[str, dict[str, Any]] = {
    # One layer of the backbone and the only branch make two.
    "network": {"width": 64, "num_layers": 1, "num_branches": 1, "use_attributes": False},
    "objective": {"tamip": "off", "softmax_precision": "bfloat16", "branch_weights": (1.0,)},
    "pretrain": {"epochs": 20, "learning_rate": 1e-3, "patience_epochs": 3},
}

BASELINES: dict[str, Callable[[Split, np.ndarray], Baseline]] = {
    "last-item transition": LastItemTransition,
    "popularity": lambda _, counts: Popularity(counts),
}


class RetrievalSuite:
    """How often is the next item among the first 10, 20, 50 of the whole catalogue?"""

    name = "retrieval"

    def runs(self, dataset: Dataset, config: ClimberPilotConfig, seeds: Sequence[int], device: str) -> list[Run]:
        """Every variant under every seed; what learns nothing runs once."""
        revision = dataset.revision()
        runs: list[Run] = []
        for variant, settings in trained_variants(config).items():
            trained = {}
            for seed in seeds:
                execute = partial(run_trained, dataset, with_seed(settings, seed), device)
                trained[seed] = Run(self.name, dataset.name, variant, seed, described(settings), revision, execute)
            runs += trained.values()
            if variant in JOINED:
                runs += joined_runs(dataset, settings, variant, trained, list(seeds))
        split = split_settings(config)
        for seed in seeds:
            execute = partial(run_peer, dataset, config, seed, device)
            recipe = split | {"recipe": PEER_RECIPE}
            runs.append(Run(self.name, dataset.name, PEER, seed, recipe, revision, execute, require_peer))
        for variant in BASELINES:
            execute = partial(run_baseline, dataset, config, variant)
            runs.append(Run(self.name, dataset.name, variant, 0, split, revision, execute))
        return runs

    def table(self, rows: Sequence[Row]) -> str:
        """See retrieval_table."""
        return retrieval_table(in_order(rows))

    def plots(self, rows: Sequence[Row], out: Path) -> list[Path]:
        """Hit rate of every seed against the anchors, and validation over epochs."""
        rows = in_order(rows)
        return [*plot_hit_rates(rows, out), *plot_learning_curves(rows, out)]


def in_order(rows: Sequence[Row]) -> list[Row]:
    """Rows as the suite runs its variants, whatever order they were kept in; variants it no longer has come last."""
    everything = {"network": {"request_clock": True, "title_buckets": 1}}
    every_trained = trained_variants(overridden(ClimberPilotConfig(), everything))
    joined = {variant: [f"{variant} {name}" for name in TOWERS.values()] for variant in JOINED}
    order = [name for variant in every_trained for name in (variant, *joined.get(variant, []))] + [PEER, *BASELINES]
    place = {variant: i for i, variant in enumerate(order)}
    return sorted(rows, key=lambda row: (place.get(row["variant"], len(place)), row["seed"]))


def trained_variants(config: ClimberPilotConfig) -> dict[str, ClimberPilotConfig]:
    """Name -> configuration of what this product's own code trains; all share the split of `config`."""
    shared: dict[str, dict[str, Any]] = {
        "network": {"max_history": config.network.max_history},
        "objective": {
            "targets": config.objective.targets,
            "held_out_user_share": config.objective.held_out_user_share,
        },
        "pretrain": {"batch_size": config.pretrain.batch_size},
    }
    variants = {"climber-pilot": config}
    if config.network.title_buckets:
        variants["climber-pilot without titles"] = overridden(config, WITHOUT_TITLES)
    if config.network.request_clock:
        # Published records know nothing of the moment they are asked at.
        variants["climber-pilot history only"] = overridden(config, HISTORY_ONLY)
    variants["climber-pilot ids only"] = overridden(config, IDS_ONLY)
    variants["next item (K=1) ids only"] = overridden(overridden(ClimberPilotConfig(), shared), NEXT_ITEM)
    # A change of the tuning leaves these runs what they were.
    return {name: pretraining_of(settings) for name, settings in variants.items()}


def run_trained(dataset: Dataset, config: ClimberPilotConfig, device: str, work: Path) -> dict[str, Any]:
    """Pre-train, or go on with it, and rank the test targets once."""
    folder = train("pretrain", config, dataset, work, resume=True, device=device)
    checkpoint = load_checkpoint(folder)
    figures = checkpoint_figures(checkpoint, split_of(dataset, config), work)
    spent = checkpoint.facts["cpu_minutes"] + figures["test_cpu_minutes"]
    return figures | {"cpu_minutes": spent} | learning_curve(folder, checkpoint.facts["validation"])


def run_peer(dataset: Dataset, config: ClimberPilotConfig, seed: int, device: str, work: Path) -> dict[str, Any]:
    """Train the peer on the same split and rank the same targets."""
    split, num_items = split_of(dataset, config), len(dataset.catalogue())
    peer = train_peer(split, num_items, config.network.max_history, seed, work, device)
    figures = held_out_figures(split, num_items, peer.scorer, work)
    spent = peer.cpu_minutes + figures["test_cpu_minutes"]
    return figures | {"cpu_minutes": spent} | learning_curve(work, peer.validation)


def run_baseline(dataset: Dataset, config: ClimberPilotConfig, variant: str, work: Path) -> dict[str, Any]:
    """Count training events and rank the same targets."""
    split, num_items = split_of(dataset, config), len(dataset.catalogue())
    baseline = BASELINES[variant](split, popularity(split, num_items))
    return held_out_figures(split, num_items, lambda targets: partial(baseline_scores, baseline, targets), work)
