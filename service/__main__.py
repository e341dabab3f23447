"""python -m service: serve the current release of REC_RELEASE_ROOT."""

import argparse
import os
import sys


def main() -> int:
    """Serve until a signal ends it; 2 for an environment that describes no service, 1 for a refused release."""
    # Before torch is loaded: one thread per process, and none that spins while it waits.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from service.logs import configure_logs
    from service.settings import SettingsError, load_settings

    parser = argparse.ArgumentParser(prog="python -m service", description="Every setting is a REC_ variable.")
    parser.add_argument("--worker", type=int, help="given by the supervisor of REC_WORKERS processes")
    parser.add_argument("--restarts", type=int, default=0, help="given by the supervisor")
    arguments = parser.parse_args()
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure_logs(settings.log_level)
    if settings.workers > 1 and arguments.worker is None:
        from service.workers import Workers

        return Workers(settings).run()
    from service.server import Worker, serve

    return serve(settings, None if arguments.worker is None else Worker(arguments.worker, arguments.restarts))


if __name__ == "__main__":
    sys.exit(main())
