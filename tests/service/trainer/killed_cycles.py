"""A cycle killed before each step that changes a file, and gone on with: python -m tests.service.trainer.killed_cycles.

Arguments: a folder with releases/, sidecar/archive and what the job needs, the store's address, the job, every how
manieth step. settings.json in that folder has the job's settings, FOLDER for the folder itself. Prints, as JSON, what
uninterrupted and interrupted cycles have left. Forks: nothing has been computed when it does.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import torch
import torch._dynamo  # what an optimizer imports when it is made: before the fork, not after it

from model.manifest import RELEASE_ID, read_manifest
from model.release import read_current, verify_release
from service.trainer import library, matchers, retraining  # noqa: F401 - the same
from service.trainer.cycle import sweep_cycle
from service.trainer.jobs import ARCHIVE, JOBS, LIBRARY, MATCHERS, RETRAINING, Job, job_folder
from service.trainer.journal import read_journal
from service.trainer.settings import TrainerSettings

CHANGES = frozenset({"os.rename", "os.mkdir", "os.remove", "shutil.rmtree"})
ROOTS = {RETRAINING: "release_root", MATCHERS: "matcher_root", LIBRARY: "artwork_root"}
# How long a training took is never the same.
TIMED = "0-facts.json"


def main(template: Path, redis_url: str, name: str, every: int) -> None:
    torch.set_num_threads(1)
    job = {job.name: job for job in JOBS}[name]
    steps = _steps(template, redis_url, job)
    chosen = range(every // 2, len(steps), every)
    whole = _left(template, redis_url, job, None)
    found = {f"{number} {steps[number]}": _left(template, redis_url, job, number) for number in chosen}
    sys.stdout.write(json.dumps({"steps": len(steps), "whole": whole, "killed": found}))


def _left(template: Path, redis_url: str, job: Job, kill_at: int | None) -> dict[str, object]:
    """What lies there after a cycle that was killed once, and gone on with by another process."""
    folder = template.with_name("killed")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(template, folder)
    settings = _settings(folder, redis_url)
    if kill_at is not None:
        status = _forked(lambda: _killing(settings, job, kill_at))
        if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            return {"not killed": status}
    status = _forked(lambda: _go_on(settings, job))
    root = getattr(settings, ROOTS[job.name])
    release = verify_release(root / read_current(root).release_id)
    journal = read_journal(job_folder(settings, job.name))
    left = [path.name for path in (*root.iterdir(), *job_folder(settings, job.name).iterdir())]
    hashes = {name: entry["sha256"] for name, entry in read_manifest(release.path)["files"].items() if name != TIMED}
    return {
        "status": status,
        "outcome": journal["last"]["outcome"],
        "files": hashes,
        "left over": sorted(name for name in left if name.startswith(".") or name == "work" or name.endswith(".part")),
        "releases": sum(RELEASE_ID.fullmatch(path.name) is not None for path in root.iterdir()),
    }


def _steps(template: Path, redis_url: str, job: Job) -> list[str]:
    folder, log = template.with_name("counted"), template.with_name("steps")
    shutil.copytree(template, folder)

    def count() -> None:
        with log.open("w") as file:

            def hook(event: str, arguments: tuple[object, ...]) -> None:
                if event in CHANGES:
                    file.write(f"{event} {arguments[1 if event == 'os.rename' else 0]}\n")

            sys.addaudithook(hook)
            _go_on(_settings(folder, redis_url), job)
            file.flush()
            os._exit(0)

    if _forked(count) != 0:
        raise RuntimeError("expected the cycle to succeed")
    return log.read_text().splitlines()


def _killing(settings: TrainerSettings, job: Job, left: int) -> None:
    def hook(event: str, _: tuple[object, ...]) -> None:
        nonlocal left
        if event in CHANGES:
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

    sys.addaudithook(hook)
    _go_on(settings, job)


def _go_on(settings: TrainerSettings, job: Job) -> None:
    """As the sidecar does: nothing where the cycle has ended."""
    sweep_cycle(job_folder(settings, job.name))
    if job.due(settings):
        job.run(settings)


def _settings(folder: Path, redis_url: str) -> TrainerSettings:
    file = folder / "settings.json"
    own = json.loads(file.read_text().replace("FOLDER", str(folder))) if file.exists() else {}
    return TrainerSettings(
        release_root=folder / "releases",
        redis_url=redis_url,
        work_dir=folder / "sidecar",
        min_events=1,
        pretrain_epochs=1,
        max_hit_rate_loss=1.0,
        **own,
    )


def _forked(function: Callable[[], object]) -> int:
    """The wait status of a child that does it."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            function()
            os._exit(0)
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
    return os.waitpid(child, 0)[1]


if __name__ == "__main__":
    assert (Path(sys.argv[1]) / "sidecar" / ARCHIVE).is_dir()
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
