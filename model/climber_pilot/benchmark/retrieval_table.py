"""The table of the retrieval suite."""

from collections.abc import Sequence

from model.benchmark_rows import Row
from model.climber_pilot.benchmark.anchors import Anchor, anchors
from model.climber_pilot.benchmark.tables import commands, grouped, markdown_table, over_seeds, percent
from model.climber_pilot.evaluate import CUTS

OURS = "climber-pilot"
FIGURES = (*(f"hr@{cut}" for cut in CUTS), "ndcg@10", "coverage@50", "overlap@10")
HEADER = ["", *(name.replace("hr", "HR").replace("ndcg", "NDCG") for name in FIGURES), "seeds", "CPU minutes a seed"]


def retrieval_table(rows: Sequence[Row]) -> str:
    """One table per dataset: every variant in %, mean over seeds ± standard error, above the published figures."""
    parts = []
    for (dataset,), of_dataset in grouped(rows, "dataset").items():
        known = anchors(dataset)
        lines = [variant_line(variant, group) for (variant,), group in grouped(of_dataset, "variant").items()]
        lines += [anchor_line(anchor) for anchor in known]
        users = of_dataset[0]["figures"]["users"]
        parts += [
            f"### {dataset}",
            f"In %, mean over seeds ± standard error; {users} users, exact ranking of the whole catalogue, seen items "
            "removed, epoch chosen on validation.",
            markdown_table(HEADER, lines),
            *shared_towers(of_dataset),
            *reached(of_dataset, known),
        ]
    blocks = "\n".join(commands(rows))
    return "\n\n".join([*parts, f"Repeat it:\n\n```bash\n{blocks}\n```"]) if rows else "no rows"


def variant_line(variant: str, rows: Sequence[Row]) -> list[str]:
    """The cells of one variant."""
    minutes = sum(row["cpu_minutes"] for row in rows) / len(rows)
    figures = [percent(over_seeds(rows, name)) for name in FIGURES]
    return [variant, *figures, str(len(rows)), f"{minutes:.1f}"]


def anchor_line(anchor: Anchor) -> list[str]:
    """The cells of one published figure, its source in place of what it has no figures for."""
    hit_rates = [f"{100 * anchor.hit_rate[cut]:.2f}" for cut in CUTS]
    return [f"*{anchor.name}*: {anchor.source}", *hit_rates, *[""] * (len(HEADER) - 1 - len(CUTS))]


def shared_towers(rows: Sequence[Row]) -> list[str]:
    """A warning where networks of several towers are among the rows."""
    if not any("tower_seeds" in row["config"] for row in rows):
        return []
    return ["Networks of several towers are joined of these seeds and share them: their standard errors are too small."]


def reached(rows: Sequence[Row], known: Sequence[Anchor]) -> list[str]:
    """What Climber-Pilot's mean is of every published figure, in words; nothing where one of them is missing."""
    ours = [row for row in rows if row["variant"] == OURS]
    if not ours:
        return []
    means = {cut: over_seeds(ours, f"hr@{cut}").mean for cut in CUTS}
    shares = [
        f"{anchor.name} {' / '.join(f'{means[cut] / anchor.hit_rate[cut]:.3f}' for cut in CUTS)}" for anchor in known
    ]
    return [f"{OURS} over each published figure, HR@10 / 20 / 50: {'; '.join(shares)}."] if shares else []
