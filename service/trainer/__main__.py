"""python -m service.trainer [--once]: keep the service's model and items up to date, beside it."""

import argparse
import os
import sys


def main() -> int:
    """Work until a signal, or once; 2 for an environment that describes no sidecar, 1 where something has failed."""
    # Before torch is loaded: a training beside a service takes one processor.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from service.logs import configure_logs
    from service.settings import SettingsError
    from service.trainer.settings import load_trainer_settings

    parser = argparse.ArgumentParser(
        prog="python -m service.trainer", description=f"{__doc__} Every setting is a REC_TRAINER_ variable."
    )
    parser.add_argument("--once", action="store_true", help="read the stream to its end, run every job, and end")
    parser.add_argument("--job", help="given by the sidecar to the process of a job")
    arguments = parser.parse_args()
    try:
        settings = load_trainer_settings()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure_logs(settings.log_level)
    from service.trainer.jobs import JOBS

    if arguments.job is not None:
        from service.trainer.job_process import work

        return work({job.name: job for job in JOBS}[arguments.job], settings)
    from service.trainer.start import start

    return start(settings, once=arguments.once)


if __name__ == "__main__":
    sys.exit(main())
