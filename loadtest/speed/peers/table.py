"""The table of the comparison."""

from collections.abc import Sequence

from loadtest.speed.cell import SATURATION
from model.benchmark_rows import Row


def peer_table(rows: Sequence[Row]) -> str:
    """A line per server; ratios are of each row to the first one's, above 1 where the first is better."""
    alone = {row["cell"]["server"]: row["figures"] for row in rows if row["cell"]["concurrency"] == 1}
    saturated = {row["cell"]["server"]: row for row in rows if row["cell"]["concurrency"] == SATURATION}
    lines = [
        "| server | CPU us/request, 1 in flight | at saturation | answers/s | answers per CPU s | p50 / p99 ms "
        "| processes' Pss MiB | same positions | CPU to ours | answers/s of ours |",
        "|--|--|--|--|--|--|--|--|--|--|",
    ]
    reference = next(iter(saturated.values()))["figures"] if saturated else None
    for name, row in saturated.items():
        figures, same = row["figures"], row["agreement"]
        assert reference is not None
        cost = figures["server_cpu_us_per_request"]
        latencies = figures["latencies_ms"]
        single = f"{alone[name]['server_cpu_us_per_request']:,.0f}" if name in alone else "-"
        comparable = same >= row["least_agreement"]
        ratios = (
            f"{cost / reference['server_cpu_us_per_request']:.2f}x "
            f"| {reference['throughput_per_s'] / figures['throughput_per_s']:.2f}x"
            if comparable
            else "not comparable | not comparable"
        )
        lines.append(
            f"| {name} | {single} | {cost:,.0f} | {figures['throughput_per_s']:,.0f} "
            f"| {figures['throughput_per_server_cpu_s']:,.0f} | {latencies['p50']:.1f} / {latencies['p99']:.1f} "
            f"| {sum(figures['pss_mib']):,.0f} | {100 * same:.2f} % | {ratios} |"
        )
    return "\n".join(lines) + "\n"
