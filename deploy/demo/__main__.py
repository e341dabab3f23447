"""The demo: python -m deploy.demo (deploy/demo.sh prepares the environment and calls it)."""

import argparse
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.demo.check import faults_of, overlaps, personalisation_faults
from deploy.demo.conversation import DEADLINE_MS, RefusedError, call, curl, render
from deploy.demo.listeners import Company, choose_company, values_of
from deploy.demo.processes import Processes, StartError, free_port, is_free
from deploy.demo.source import choose_source
from deploy.demo.training import TrainingRun, shipped_config
from model.climber_pilot.config import load_config
from model.datasets.dataset import Dataset
from model.datasets.registry import SOURCES

VAR = Path("var")
DEFAULT_PORT = 8000
TOP_K = 5
# Needs a mapping of the columns of the file at hand, which only the training commands take.
NOT_OFFERED = frozenset({"log"})


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse(argv)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        return run(arguments)
    except KeyboardInterrupt:
        tell("\nstopped")
        return 0 if not arguments.smoke else 130
    except (ValueError, OSError, StartError, RefusedError) as error:
        tell(f"demo: FAILED: {error}")
    except subprocess.CalledProcessError as error:
        tell(f"demo: FAILED: {' '.join(error.cmd[1:4])} ended with status {error.returncode}")
    return 1


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bash deploy/demo.sh", description="Data in, trained, served, asked.")
    parser.add_argument("--smoke", action="store_true", help="check the answer, stop everything, exit 0 or 1")
    parser.add_argument("--dataset", choices=sorted(set(SOURCES) - NOT_OFFERED), help="default: Last.fm or music-world")
    parser.add_argument("--data-dir", type=Path, help="folder with real data; default: the usual places")
    parser.add_argument("--config", type=Path, help="training TOML; default: the one that ships for the data set")
    parser.add_argument("--port", type=int, help=f"default: {DEFAULT_PORT}; any free one with --smoke")
    parser.add_argument("--fresh", action="store_true", help="train again although nothing has changed")
    parser.add_argument("--redis-server", required=True, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace) -> int:
    """The whole story, in order."""
    port = choose_port(arguments.port, smoke=arguments.smoke)
    source = choose_source(arguments.dataset, arguments.data_dir, VAR / "data")
    tell(source.describe())
    config = arguments.config or shipped_config(source.dataset.name)
    training = TrainingRun.of(source, config, VAR / "demo")
    if arguments.fresh:
        training.forget()
    training.complete()
    company = choose_company(source.dataset, load_config(config))
    with Processes(VAR / "demo" / "logs") as processes:
        redis_url = processes.start_redis(arguments.redis_server)
        address = processes.start_service(training.releases, redis_url, port)
        tell(f"\nservice: ready at {address} on {training.releases}, history store at {redis_url}")
        faults = converse(address, company, source.dataset)
        for fault in faults:
            tell(f"fault: {fault}")
        if arguments.smoke:
            tell("demo: FAILED" if faults else "demo: PASSED")
            return 1 if faults else 0
        tell(f"\nThe service stays up. Interactive API: {address}/docs - stop with Ctrl-C.")
        tell(f"demo: FAILED: {processes.wait()} ended, see {VAR}/demo/logs")
        return 1


def converse(address: str, company: Company, dataset: Dataset) -> list[str]:
    """Push one listener's events, ask for both listeners, show the first answer; returns what is wrong."""
    first, second = company.first, company.second
    for start in range(0, len(first.events), 500):
        events = first.ingest()[start : start + 500]
        accepted = call(address, "/events", {"events": events})
        tell(f"POST /events: {len(events)} events of listener {first.describe()} -> {accepted}")
    asked = {
        "instructions": company.instructions(),
        "k": TOP_K,
        "group_by_instruction": True,
        "deadline_ms": DEADLINE_MS,
    }
    body = {"user_id": first.user_id, **asked}
    answer = call(address, "/recommend", body)
    tell(f"\n{curl(address, '/recommend', body)}\n\n{render(answer)}\n")
    other = call(address, "/recommend", {"history": second.history(), **asked})
    shares = overlaps(answer, other)
    tell(f"The same request for listener {second.describe()}, history in the body, shares")
    for value, share in zip((first.favourite, second.favourite), shares, strict=True):
        tell(f"  {share:.0%} of the items under {company.attribute} = {value}")
    values = values_of(dataset, company.attribute)
    faults = faults_of(answer, first, company, values, TOP_K) + faults_of(other, second, company, values, TOP_K)
    faults += personalisation_faults(shares)
    if not faults:
        tell("checked against the data: every item satisfies its instruction, none was heard before, lists differ")
    return faults


def choose_port(asked: int | None, *, smoke: bool) -> int:
    """The port asked for, or the usual one, or a free one; raises ValueError where the one asked for is taken."""
    if asked is not None and not is_free(asked):
        raise ValueError(f"expected a free port, got {asked}: something listens there")
    if asked is not None:
        return asked
    return DEFAULT_PORT if not smoke and is_free(DEFAULT_PORT) else free_port()


def tell(text: str) -> None:
    """One message for the person watching."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
