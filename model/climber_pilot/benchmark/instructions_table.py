"""The table of the instructions suite."""

from collections.abc import Mapping, Sequence
from typing import Any

from model.benchmark_rows import Row
from model.climber_pilot.benchmark.instruction_modes import BEST, DIFFERENCES, PRETRAINED, TUNED, modes_of
from model.climber_pilot.benchmark.tables import commands, grouped, markdown_table, over_seeds, percent
from model.climber_pilot.evaluate import CUTS
from model.metrics import Estimate

HIT_RATES = tuple(f"hr@{cut}" for cut in CUTS)
FIGURES = (*HIT_RATES, *(f"cc@{cut}" for cut in CUTS), f"filled@{CUTS[-1]}")
COMPARED = "strict search"
"""What the gain of guided attention is shown over, in words too."""


def instructions_table(rows: Sequence[Row]) -> str:
    """Per dataset and attribute every mode in %, mean over seeds ± standard error, and CGSA strict minus that mode in
    points with its 95 % interval over users; beneath it in words, computed from it, which mode is best."""
    parts = []
    for (dataset,), of_dataset in grouped(rows, "dataset").items():
        parts += [f"### {dataset}", explanation(of_dataset)]
        for attribute in attributes_of(of_dataset):
            parts += attribute_part(attribute, of_dataset)
        parts += [uninstructed_line(of_dataset), kept_epochs_line(of_dataset)]
    blocks = "\n".join(commands(rows))
    return "\n\n".join([*filter(None, parts), f"Repeat it:\n\n```bash\n{blocks}\n```"]) if rows else "no rows"


def explanation(rows: Sequence[Row]) -> str:
    """How the table is to be read."""
    seeds = len({row["seed"] for row in rows})
    return (
        f"In %, mean over {seeds} seeds ± standard error. Instruction = one true attribute value of the held-out item; "
        "exact ranking of the whole catalogue, seen items removed. filled: share of the places that hold an item. "
        "shuffled: the values belong to other users. Last three columns: CGSA strict minus the row, points of HR, with "
        "the 95 % bootstrap interval over users, seeds averaged."
    )


def attributes_of(rows: Sequence[Row]) -> list[str]:
    """The attributes of the rows, in order."""
    return list(dict.fromkeys(attribute for row in rows for attribute in row["figures"]["attributes"]))


def mode_estimates(attribute: str, rows: Sequence[Row], part: str = "modes") -> dict[str, dict[str, Estimate]]:
    """Mode -> figure -> mean over seeds and its error, in the order of the modes; part: "modes" or "shuffled"."""
    found: dict[str, dict[str, Estimate]] = {}
    for variant in (PRETRAINED, *TUNED):
        own = [row for row in rows if row["variant"] == variant]
        for mode in modes_of(variant):
            of_mode = [row | {"figures": _modes(row, attribute, part)[mode.name]} for row in own]
            if of_mode:
                found[mode.name] = {name: over_seeds(of_mode, name) for name in of_mode[0]["figures"]}
    return found


def differences_of(attribute: str, rows: Sequence[Row]) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Mode -> figure -> CGSA strict's difference to it; of the row over the most seeds."""
    own = [row["figures"] for row in rows if row["variant"] == DIFFERENCES]
    if not own:
        return {}
    against: dict[str, dict[str, Mapping[str, Any]]] = max(own, key=lambda figures: int(figures["seeds"]))[
        "attributes"
    ][attribute]["against"]
    return against


def attribute_part(attribute: str, rows: Sequence[Row]) -> list[str]:
    """Heading, table and verdict of one attribute."""
    estimates = mode_estimates(attribute, rows)
    if not estimates:
        return []
    shuffled, differences = mode_estimates(attribute, rows, "shuffled"), differences_of(attribute, rows)
    lines = []
    for mode, figures in estimates.items():
        gaps = [interval_text(differences[mode][name]) if mode in differences else "" for name in HIT_RATES]
        cells = [percent(figures[name]) for name in FIGURES]
        lines.append([mode, *cells, percent(shuffled[mode][HIT_RATES[0]]), *gaps])
    names = [name.replace("hr", "HR").replace("cc", "CC") for name in (*FIGURES, *HIT_RATES)]
    header = ["", *names[: len(FIGURES)], "HR@10 shuffled", *(f"Δ {name}" for name in names[len(FIGURES) :])]
    trained = [row for row in rows if row["variant"] != DIFFERENCES]
    users = trained[0]["figures"]["attributes"][attribute]["users"]
    still_true = trained[0]["figures"]["attributes"][attribute]["shuffled"]["still_true"]
    title = (
        f"Instruction: {attribute} ({users} users; after shuffling the held-out item still satisfies "
        f"{100 * still_true:.1f} % of the instructions)"
    )
    return [title, markdown_table(header, lines), verdict(estimates, differences)]


def verdict(
    estimates: Mapping[str, Mapping[str, Estimate]], differences: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> str:
    """Which mode has the highest hit rate at every cut, and what guided attention adds to strict search alone."""
    highest = []
    for name in HIT_RATES:
        top = max(figures[name].mean for figures in estimates.values())
        highest.append(" = ".join(mode for mode, figures in estimates.items() if figures[name].mean == top))
    cuts = " / ".join(str(cut) for cut in CUTS)
    text = f"Highest HR at {cuts}: {' / '.join(highest)}."
    if COMPARED in differences:
        gains = "; ".join(interval_text(differences[COMPARED][name]) for name in HIT_RATES)
        clear = [judged(differences[COMPARED][name]) for name in HIT_RATES]
        text += f" {BEST} minus {COMPARED} at {cuts}: {gains} ({' / '.join(clear)})."
    return text


def interval_text(difference: Mapping[str, Any]) -> str:
    """A difference of shares in points, with its interval."""
    mean, low, high = (100 * difference[name] for name in ("mean", "low", "high"))
    return f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]"


def judged(difference: Mapping[str, Any]) -> str:
    """What the interval allows to say."""
    if difference["low"] > 0:
        return "more"
    return "less" if difference["high"] < 0 else "no clear difference"


def uninstructed_line(rows: Sequence[Row]) -> str:
    """What tuning does to those who ask for nothing."""
    parts = []
    for variant in (PRETRAINED, *TUNED):
        own = [row | {"figures": row["figures"]["uninstructed"]} for row in rows if row["variant"] == variant]
        if own:
            parts.append(f"{variant} {' / '.join(percent(over_seeds(own, name)) for name in HIT_RATES)}")
    return f"Without an instruction, all users, HR@10 / 20 / 50: {'; '.join(parts)}." if parts else ""


def kept_epochs_line(rows: Sequence[Row]) -> str:
    """Which epoch of tuning validation chose for every seed; 0 is the network before any step."""
    parts = []
    for variant in TUNED:
        epochs = [str(row["figures"]["best_epoch"]) for row in rows if row["variant"] == variant]
        if epochs:
            parts.append(f"{variant} {', '.join(epochs)}")
    return f"Epoch of tuning that validation chose, per seed (0: before any step): {'; '.join(parts)}." if parts else ""


def _modes(row: Row, attribute: str, part: str) -> Mapping[str, Mapping[str, float]]:
    figures = row["figures"]["attributes"][attribute]
    modes: Mapping[str, Mapping[str, float]] = figures["modes"] if part == "modes" else figures["shuffled"]["modes"]
    return modes
