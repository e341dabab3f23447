"""python -m loadtest.drift --out DIR: ten days of a drifting music world, refreshed every night or not at all.

Everything is simulated. A model is trained on the days before; then each day's listeners are asked for lists, what they
play and what comes out is posted to a running service, and its sidecar refreshes the model. DIR gets rows.jsonl and
hit-rates.svg; a run that was killed goes on with the day it was at.
"""

import argparse
import logging
import sys
from dataclasses import fields
from pathlib import Path

from loadtest.drift.plots import plot_days
from loadtest.drift.run import Sizes, run
from loadtest.speed.servers import StartError, end_on_sigterm


def main(argv: list[str] | None = None) -> int:
    """Run, and print a line per day; 2 where it could not be run."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.drift", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    for field in fields(Sizes):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=int, default=field.default)
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    end_on_sigterm()
    arguments.out.mkdir(parents=True, exist_ok=True)
    try:
        rows = run(Sizes(**{field.name: getattr(arguments, field.name) for field in fields(Sizes)}), arguments.out)
    except (ValueError, OSError, StartError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    plot_days(rows, arguments.out / "hit-rates.svg")
    for row in rows:
        figures = row["figures"]
        shown = [
            f"{name} {100 * of['mean']:.2f} [{100 * of['low']:.2f}, {100 * of['high']:.2f}]"
            for name, of in figures["hr@50"].items()
        ]
        sys.stdout.write(f"{row['name']}: {'; '.join(shown)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
