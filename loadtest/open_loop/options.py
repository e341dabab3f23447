"""Options: the command line of the open loop, and the parts of a run that it describes."""

import argparse
from pathlib import Path

from loadtest.open_loop.fleet import Load
from loadtest.open_loop.mix import DEFAULT_MIX, parse_mix
from loadtest.open_loop.summary import Bounds
from loadtest.open_loop.sweep import Search
from loadtest.open_loop.target import Target
from loadtest.open_loop.traffic import Habits
from loadtest.open_loop.vocabulary import read_vocabulary

HABITS, BOUNDS, SEARCH = Habits(), Bounds(), Search()


def parser(description: str | None) -> argparse.ArgumentParser:
    """All options with their defaults."""
    found = argparse.ArgumentParser(
        prog="python -m loadtest.open_loop",
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    found.add_argument(
        "--url",
        nargs="+",
        default=["http://127.0.0.1:8000"],
        help="address of the running service, or of each of its workers: a user always asks the same one",
    )
    found.add_argument("--out", type=Path, required=True, help="folder for report.json and report.html")
    found.add_argument("--rate", type=float, default=100.0, help="requests per second")
    found.add_argument("--duration-s", type=float, default=30.0)
    found.add_argument("--warmup-s", type=float, default=2.0, help="at the same rate, before anything counts")
    found.add_argument("--seed", type=int, default=0)
    found.add_argument("--processes", type=int, default=1, help="of the generator")
    found.add_argument("--timeout-s", type=float, default=10.0, help="after which a request is given up")
    _add_traffic(found.add_argument_group("traffic"))
    _add_bounds(found.add_argument_group("what counts"))
    _add_stall(found.add_argument_group("negative control"))
    _add_sweep(found.add_argument_group("sweep"))
    return found


def load_of(arguments: argparse.Namespace) -> Load:
    """What all measurements have in common; asks the service for its vocabulary. Raises ValueError."""
    habits = Habits(
        mix=parse_mix(arguments.mix),
        users=arguments.users,
        zipf=arguments.zipf,
        unknown_share=arguments.unknown_share,
        compound_share=arguments.compound_share,
        k=arguments.k,
        columns=arguments.columns,
        prefix=arguments.user_prefix,
    )
    targets = tuple(Target.of(url) for url in arguments.url)
    return Load(
        targets=targets,
        vocabulary=read_vocabulary(targets[0]),
        habits=habits,
        processes=arguments.processes,
        timeout_s=arguments.timeout_s,
        server_pid=arguments.server_pid,
    )


def bounds_of(arguments: argparse.Namespace) -> Bounds:
    """What counts as good, and when a run is void."""
    return Bounds(
        good_within_ms=arguments.good_within_ms,
        max_lag_ms=arguments.max_lag_ms,
        max_cpu_share=arguments.max_cpu_share,
    )


def search_of(arguments: argparse.Namespace) -> Search:
    """How the knee is looked for."""
    return Search(
        first_per_s=arguments.rate,
        factor=arguments.sweep_factor,
        most_per_s=arguments.sweep_most,
        step_s=arguments.duration_s,
        warmup_s=arguments.warmup_s,
        p99_limit_ms=arguments.p99_limit_ms,
        goodput_share=arguments.goodput_share,
        overloads=tuple(float(factor) for factor in arguments.overloads.split(",") if factor),
        recovery_s=arguments.recovery_s,
    )


def _add_traffic(group: argparse._ArgumentGroup) -> None:
    mix = ",".join(f"{kind}={share:g}" for kind, share in DEFAULT_MIX.items())
    group.add_argument("--mix", default=mix, help="shares of actions: recommend-N for N instructions, page, events")
    group.add_argument("--users", type=int, default=HABITS.users, help="known users")
    group.add_argument("--zipf", type=float, default=HABITS.zipf, help="how unequal users are; 0: all the same")
    group.add_argument("--unknown-share", type=float, default=HABITS.unknown_share, help="for users nobody knows")
    group.add_argument("--compound-share", type=float, default=HABITS.compound_share, help="with two attributes")
    group.add_argument("--k", type=int, default=HABITS.k, help="length of the lists")
    group.add_argument("--columns", action="store_true", help="ask for columnar answers")
    group.add_argument("--user-prefix", default=HABITS.prefix, help="of all user ids")
    group.add_argument("--plant-users", type=int, default=0, help="store histories for so many users first")
    group.add_argument("--history-events", type=int, default=100, help="in each planted history")


def _add_bounds(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--good-within-ms", type=float, default=BOUNDS.good_within_ms, help="a later answer is not good")
    group.add_argument("--max-lag-ms", type=float, default=BOUNDS.max_lag_ms, help="p99 of the generator's own lag")
    group.add_argument("--max-cpu-share", type=float, default=BOUNDS.max_cpu_share, help="of a core per process")


def _add_stall(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--server-pid", type=int, help="of the service, on this machine; its CPU time is then reported")
    group.add_argument("--plant-stall-ms", type=float, help="hold the service still for so long; needs --server-pid")
    group.add_argument("--plant-stall-at-s", type=float, default=5.0, help="from the first second that counts")
    group.add_argument(
        "--closed-loop-rate",
        type=float,
        help="run a closed loop beside, one request at a time; default with a stall: 20/s",
    )


def _add_sweep(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--sweep", action="store_true", help="from --rate on, --duration-s each, until the knee is past")
    group.add_argument("--sweep-factor", type=float, default=SEARCH.factor, help="from one rate to the next")
    group.add_argument("--sweep-most", type=float, default=SEARCH.most_per_s, help="highest rate to try")
    group.add_argument("--p99-limit-ms", type=float, default=SEARCH.p99_limit_ms)
    group.add_argument("--goodput-share", type=float, default=SEARCH.goodput_share, help="least share of good answers")
    group.add_argument("--overloads", default="2,5,10", help="multiples of the knee to go on with; empty: none")
    group.add_argument("--recovery-s", type=float, default=SEARCH.recovery_s, help="watched after each overload")
