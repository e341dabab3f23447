"""Tables of what was measured, in markdown."""

from collections.abc import Sequence

from model.benchmark_rows import Row

STAGES = ("parse", "history", "retrieval", "slate", "serialise", "total")


def cost_table(rows: Sequence[Row]) -> str:
    """A line per cell: what a request costs and how many can be had."""
    lines = [
        "| items | cache | P | history | answer | workers | in flight | CPU us/request | redis us/request | answers/s "
        "| p50 / p99 ms | Pss MiB |",
        "|--|--|--|--|--|--|--|--|--|--|--|--|",
    ]
    for row in rows:
        cell, figures = row["cell"], row["figures"]
        latencies = figures["latencies_ms"]
        lines.append(
            f"| {cell['num_items']:,} | {cell['cache']} | {cell['conditions'] or 'none'} "
            f"| {cell['history_events']} {cell['history']} | {cell['answer']} | {cell['workers']} "
            f"| {cell['concurrency']} | {figures['server_cpu_us_per_request']:,.0f} "
            f"| {figures['redis_cpu_us_per_request']:,.0f} | {figures['throughput_per_s']:,.0f} "
            f"| {latencies['p50']:.1f} / {latencies['p99']:.1f} | {max(figures['pss_mib']):,.0f} |"
        )
    return "\n".join(lines) + "\n"


def stage_table(rows: Sequence[Row]) -> str:
    """Mean of every Server-Timing stage where one request is under way at a time, in microseconds."""
    lines = ["| cell | " + " | ".join(f"{name} us" for name in STAGES) + " |", "|--" * (len(STAGES) + 1) + "|"]
    for row in rows:
        if row["cell"]["concurrency"] == 1:
            stages = row["figures"]["stages_ms"]
            cells = [f"{1000 * stages[name]:,.0f}" if name in stages else "-" for name in STAGES]
            lines.append(f"| {row['name']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def goal_table(rows: Sequence[Row]) -> str:
    """The goals of serving speed that CPU time decides, each against what was measured; left out where it was not."""
    costs = {row["name"]: row["figures"]["server_cpu_us_per_request"] for row in rows if row["cell"]["concurrency"] > 1}
    named = {name.rpartition("-c")[0]: cost for name, cost in costs.items()}
    sizes = list(dict.fromkeys(row["cell"]["num_items"] for row in rows))
    workers = rows[0]["cell"]["workers"] if rows else 1

    def cost(cache: str, p: int, n: int, size: int) -> float | None:
        return named.get(f"{cache}-p{p}-n{n}-v{size}-json-stored-w{workers}")

    goals: list[tuple[str, float | None, float, str]] = []
    if sizes:
        goal = cost("warm", 4, 100, sizes[0])
        goals = [
            ("warm request, P = 4, history 100", goal, 900, "CPU us"),
            ("cold request, P = 4, history 100", cost("cold", 4, 100, sizes[0]), 3000, "CPU us"),
            ("P = 8 to P = 1", _ratio(cost("warm", 8, 100, sizes[0]), cost("warm", 1, 100, sizes[0])), 1.5, "x"),
            ("history 1,000 to 100", _ratio(cost("warm", 4, 1000, sizes[0]), goal), 2, "x"),
        ]
        goals += [
            (f"{size:,} items to {sizes[0]:,}", _ratio(cost("warm", 4, 100, size), goal), 3, "x") for size in sizes[1:]
        ]
    lines = ["| goal | measured | at most | met |", "|--|--|--|--|"]
    for name, measured, limit, unit in goals:
        if measured is not None:
            met = "yes" if measured <= limit else "no"
            lines.append(f"| {name} | {measured:,.{2 if unit == 'x' else 0}f} {unit} | {limit:,g} {unit} | {met} |")
    return "\n".join(lines) + "\n"


def _ratio(one: float | None, other: float | None) -> float | None:
    return None if one is None or not other else one / other
