"""python -m service: serve the current release of REC_RELEASE_ROOT."""

import os
import signal
import sys


def main() -> int:
    """Serve until a signal ends it; 2 for an environment that describes no service, 1 for a refused release."""
    # Before torch is loaded: one thread per process, and none that spins while it waits.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import uvicorn

    from service.app import create_app
    from service.logs import configure_logs
    from service.settings import SettingsError, load_settings

    try:
        settings = load_settings()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure_logs(settings.log_level)
    refused = False

    def stop() -> None:
        nonlocal refused
        refused = True
        server.should_exit = True

    config = uvicorn.Config(
        create_app(settings, on_refused=stop),
        host=settings.host,
        port=settings.port,
        log_config=None,
        ws="none",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    server = uvicorn.Server(config)
    # The server handles signals itself and raises them again when it is done; that is a normal end.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    server.run()
    return 1 if refused or not server.started else 0


if __name__ == "__main__":
    sys.exit(main())
