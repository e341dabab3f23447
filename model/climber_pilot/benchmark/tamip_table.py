"""The tables of the TAMIP study: every mean with its interval, and paired differences said in words."""

from collections.abc import Sequence

import numpy as np

from model.benchmark_rows import Row
from model.climber_pilot.benchmark.tables import commands, grouped, markdown_table
from model.climber_pilot.benchmark.tamip_sums import Figure, compared, estimated, figures_known, interval_s, steps_of
from model.climber_pilot.user_groups import Interval

READOUT = "TAMIP-readout"
PAIRS = (
    (READOUT, "NIP"),
    (READOUT, "MIP"),
    ("TAMIP-mask", "NIP"),
    ("TAMIP-mask", "MIP"),
    (READOUT, "TAMIP-mask"),
    ("MIP", "NIP"),
)
DAYS_NOTE = (
    "Times are days here: a 15-minute interval means that nothing of the target's own day is read, and so does every "
    "interval below a day; the order within a day is the log's, not the buyer's."
)


def tamip_table(rows: Sequence[Row]) -> str:
    """Per dataset: the variants, their horizon, paired differences and what they say, the interval, the truth."""
    if not rows:
        return "no rows"
    parts = []
    for (dataset,), of_dataset in grouped(rows, "dataset").items():
        parts += dataset_parts(dataset, of_dataset)
    blocks = "\n".join(commands(rows))
    return "\n\n".join([*parts, f"Repeat it:\n\n```bash\n{blocks}\n```"])


def dataset_parts(dataset: str, rows: Sequence[Row]) -> list[str]:
    """Everything about one dataset."""
    variants = {variant: group for (variant,), group in grouped(rows, "variant").items()}
    main = {name: group for name, group in variants.items() if not name.startswith(f"{READOUT} ")}
    figures = figures_known(rows)
    parts = [
        f"### {dataset}",
        introduction(rows),
        figure_table(main, [figure for figure in figures if figure.kind == "next"], costs=True),
        "HR@50 of one list at step t for the events after it, listeners kept out of training:",
        figure_table(main, [figure for figure in figures if figure.kind == "horizon"]),
    ]
    truths = [figure for figure in figures if figure.kind == "truth"]
    if truths:
        parts += ["The same lists of 50 against the known truth:", figure_table(main, truths)]
    parts += differences(variants, figures)
    tried = {name: group for name, group in variants.items() if name.startswith(READOUT)}
    if len(tried) > 1:
        chosen = [figure for figure in figures if figure.sensitive]
        ordered = dict(sorted(tried.items(), key=lambda item: interval_s(item[1][0])))
        named = {f"{interval_s(group[0])} s": group for group in ordered.values()}
        parts += [f"{READOUT} by safety interval:", figure_table(named, chosen, costs=True)]
    return parts


def introduction(rows: Sequence[Row]) -> str:
    """What was counted and how."""
    study, events = rows[0]["config"]["study"], rows[0]["figures"]["events"]
    seeds = len({row["seed"] for row in rows})
    hidden = rows[0]["figures"]["test_targets_without_logged_history"]
    horizon = ", ".join(f"{events[f't+{step}']}" for step in range(1, steps_of(rows[0]) + 1))
    text = (
        f"In %, [95 % interval: bootstrap over groups of users{' and seeds' if seeds > 1 else ''}], {seeds} "
        f"seed{'s' if seeds > 1 else ''}. Next item: {events['next']} users, {events['next inside']} of the targets "
        f"within {study['interval_s']} s of the event before. Logged: as served under lag, events within the interval "
        f"before the target are not in the history yet; {hidden} targets have none then and are not counted. Horizon: "
        f"{horizon} events at steps t+1 ..., at most {study['moments_per_user']} lists of every listener. All exact "
        "rankings of the whole catalogue, seen items removed; epoch chosen by the next item on validation. Dropped: "
        "training targets without visible history; Eq. 1 drops none, its row sees itself, and trains one target per "
        "history and step."
    )
    return f"{text} {DAYS_NOTE}" if study["steps"] < 10 else text


def figure_table(variants: dict[str, list[Row]], figures: Sequence[Figure], *, costs: bool = False) -> str:
    """One line per variant, one column per figure; costs adds dropped targets, seeds and processor time."""
    header = ["", *(figure.title for figure in figures)]
    header += ["dropped targets", "seeds", "CPU minutes a seed"] if costs else []
    lines = []
    for name, rows in variants.items():
        cells = [name, *(shown(estimated(rows, figure)) for figure in figures)]
        if costs:
            kept = rows[0]["figures"]
            dropped = kept["targets_without_visible_history"]
            cells += [f"{dropped} of {kept['training_targets']}", str(len(rows))]
            cells.append(f"{np.mean([row['cpu_minutes'] for row in rows]):.1f}")
        lines.append(cells)
    return markdown_table(header, lines)


def shown(estimate: Interval, sign: str = "") -> str:
    """A share in percent with its interval, or a dash where nothing was counted."""
    if np.isnan(estimate.mean):
        return "-"
    mean, low, high = (f"{100 * value:{sign}.2f}" for value in estimate)
    return f"{mean} [{low}, {high}]"


def differences(variants: dict[str, list[Row]], figures: Sequence[Figure]) -> list[str]:
    """Paired differences of the variants that are there, and one sentence each that says which intervals exclude 0."""
    pairs = [(ours, other) for ours, other in PAIRS if ours in variants and other in variants]
    if not pairs:
        return []
    chosen = [figure for figure in figures if figure.compared]
    found = {pair: [compared(variants[pair[0]], variants[pair[1]], figure) for figure in chosen] for pair in pairs}
    lines = [[f"{ours} - {other}", *(shown(value, "+") for value in values)] for (ours, other), values in found.items()]
    said = [f"- {verdict(*pair, chosen, values)}" for pair, values in found.items()]
    note = (
        f"Paired differences in percentage points; {len(pairs) * len(chosen)} intervals at 95 %, so about "
        f"{0.05 * len(pairs) * len(chosen):.0f} would exclude 0 by chance alone:"
    )
    return [note, markdown_table(["", *(figure.title for figure in chosen)], lines), "\n".join(said)]


def verdict(ours: str, other: str, figures: Sequence[Figure], values: Sequence[Interval]) -> str:
    """One sentence: where the difference's interval lies above 0, below 0, or holds it."""
    known = [(figure.title, value) for figure, value in zip(figures, values, strict=True) if not np.isnan(value.mean)]
    higher = [title for title, value in known if value.low > 0]
    lower = [title for title, value in known if value.high < 0]
    neither = [title for title, value in known if value.low <= 0 <= value.high]
    said = [
        f"{word} in {', '.join(titles)}"
        for word, titles in (("higher", higher), ("lower", lower), ("no difference shown", neither))
        if titles
    ]
    return f"{ours} against {other}: {'; '.join(said)}."
