"""Ours beside other servers of the same weights: python -m loadtest.speed.peers --release-root RELEASES --out DIR.

Every server gets the same questions on the same machine in the same run: 100 events of history in the body, P = 4
conditions, one list of 50. Ours is measured a second time with the histories in its store, as it is meant to be used,
and a third time with its state cache off. A peer whose lists differ in more than 1 % of the positions is not compared.
Needs the extra `bench`; a peer that is not installed is left out and named.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from loadtest.speed.cell import CONCURRENCIES, Cell
from loadtest.speed.listeners import Listeners
from loadtest.speed.measurement import MIN_CPU_S, InvalidCellError, Target, measure
from loadtest.speed.peers.agreement import LEAST, agreement, ask
from loadtest.speed.peers.peer import PEERS, Peer
from loadtest.speed.peers.table import peer_table
from loadtest.speed.rows import finished, keep, row
from loadtest.speed.served_cell import num_items, service_settings, target_of
from loadtest.speed.servers import Servers, StartError, end_on_sigterm
from model.benchmark_rows import Row
from model.release import ReleaseError, current_release, git_revision

logger = logging.getLogger(__name__)

KIND = "peers"
NUM_COMPARED = 64
OURS = {
    "ours, history in the body": {"history": "body"},
    "ours, history in the store": {"history": "stored"},
    "ours, history in the body, state cache off": {"history": "body", "cache": "cold"},
}


class Comparison:
    """One release under one revision of the code; what has been measured is not measured again."""

    def __init__(self, root: Path, out: Path, *, cell: Cell, min_cpu_s: float) -> None:
        self.root, self.out, self.cell, self.min_cpu_s = root, out, cell, min_cpu_s
        self.listeners = Listeners.of_release(root, cell.history_events)
        self.release = current_release(root).name
        self.rows = finished(out, KIND, git_revision(), [self.release])
        self.questions = self.listeners.questions(cell.conditions, history_in_body=True)

    def measured(self, name: str) -> bool:
        """Whether a server has all of its rows."""
        return all(f"{name}, {number} in flight" in self.rows for number in CONCURRENCIES)

    def measure_ours(self, bar: tqdm, *, for_peers: bool) -> list[list[str]]:
        """Measure this service; where peers are to be judged by them, its lists to the questions of agreement."""
        lists: list[list[str]] = []
        for name, changes in OURS.items():
            if self.measured(name) and (lists or not for_peers):
                bar.update(len(CONCURRENCIES))
                continue
            cell = Cell(**(self.cell.to_json() | changes))
            with Servers(self.out / "logs") as servers:
                redis_url = servers.start_redis()
                address = servers.start_service(self.root, redis_url, settings=service_settings(cell))
                if cell.history == "stored":
                    self.listeners.plant(address)
                target = target_of(cell, self.listeners, address, servers)
                answers = [ask(target.url, body) for body in target.bodies[:NUM_COMPARED]]
                own = [[item["item_id"] for item in answer["items"]] for answer in answers]
                lists = lists or own
                self._measure(name, target, agreement(lists, own), bar)
        return lists

    def measure_peer(self, peer: Peer, ours: Sequence[Sequence[str]], bar: tqdm) -> None:
        """Measure one peer."""
        with Servers(self.out / "logs") as servers:
            address = peer.start(servers, self.root)
            url = f"{address}/recommend"
            bodies = [peer.body(question) for question in self.questions]
            theirs = [peer.item_ids(ask(url, body)) for body in bodies[:NUM_COMPARED]]
            pid = servers.pids[peer.name]
            target = Target(url, bodies, pid, {}, warm_up=2 * self.listeners.number, expected='"item_id"')
            self._measure(peer.name, target, agreement(ours, theirs), bar)

    def _measure(self, name: str, target: Target, same: float, bar: tqdm) -> None:
        for concurrency in CONCURRENCIES:
            key = f"{name}, {concurrency} in flight"
            bar.set_description(key)
            if key not in self.rows:
                figures = measure(target, concurrency, min_cpu_s=self.min_cpu_s)
                cell: dict[str, Any] = self.cell.to_json() | {"server": name, "concurrency": concurrency}
                facts = {"release": self.release, "agreement": round(same, 5), "least_agreement": LEAST}
                self.rows[key] = row(KIND, key, cell, figures, **facts)
                keep(self.out, self.rows[key])
            bar.update()


def compare(comparison: Comparison, peers: Sequence[Peer]) -> list[Row]:
    """Rows of ours and of every peer given."""
    with tqdm(total=(len(OURS) + len(peers)) * len(CONCURRENCIES), unit="cell") as bar:
        missing = [peer for peer in peers if not comparison.measured(peer.name)]
        ours = comparison.measure_ours(bar, for_peers=bool(missing))
        bar.update(len(CONCURRENCIES) * (len(peers) - len(missing)))
        for peer in missing:
            comparison.measure_peer(peer, ours, bar)
    names = [*OURS, *(peer.name for peer in peers)]
    return [comparison.rows[f"{name}, {number} in flight"] for name in names for number in CONCURRENCIES]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.speed.peers", description=__doc__)
    parser.add_argument("--release-root", type=Path, required=True, help="folder of releases")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1, help="worker processes of our service")
    parser.add_argument("--peer", action="append", choices=[peer.name for peer in PEERS], help="only these")
    parser.add_argument("--conditions", type=int, default=4)
    parser.add_argument("--history-events", type=int, default=100)
    parser.add_argument("--min-cpu-s", type=float, default=MIN_CPU_S, help="server CPU that a cell lasts at least")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    end_on_sigterm()
    chosen = [peer for peer in PEERS if arguments.peer is None or peer.name in arguments.peer]
    absent = [peer.name for peer in chosen if not peer.installed]
    try:
        cell = Cell(
            num_items(arguments.release_root),
            conditions=arguments.conditions,
            history_events=arguments.history_events,
            workers=arguments.workers,
        )
        comparison = Comparison(arguments.release_root, arguments.out, cell=cell, min_cpu_s=arguments.min_cpu_s)
        rows = compare(comparison, [peer for peer in chosen if peer.installed])
    except (ValueError, OSError, StartError, InvalidCellError, ReleaseError) as error:
        logger.error("%s", error)
        return 2
    text = peer_table(rows) + "".join(f"\n{name} is not installed: pip install '.[bench]'\n" for name in absent)
    text += f"\n{rows[0]['device']}, revision {rows[0]['git_revision']}, {rows[0]['date']}\n"
    (arguments.out / "peers.md").write_text(text)
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
