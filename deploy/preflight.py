"""Checks the settings before anything starts, and prints what run.sh needs of them: roles and address."""

import os
import socket
import sys
from contextlib import closing

from config import Settings, WorkerRole, load_settings
from errors import ConfigError


def address_problem(settings: Settings) -> str | None:
    """Why web cannot listen where the settings say, in one sentence; None where it can."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as listener:
        # As gunicorn will: connections of an earlier run that still linger are no hindrance.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            return (
                "IMMICH_HOST and IMMICH_PORT want an address of this machine and a free port; "
                f"{settings.host} port {settings.port} cannot be listened on: {error.strerror}."
            )
    return None


def main() -> int:
    """Print the roles and, for web, the URL; exit code 2 with one sentence for each mistake."""
    try:
        settings = load_settings(os.environ)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    if WorkerRole.API in settings.roles and (problem := address_problem(settings)):
        print(problem, file=sys.stderr)
        return 2
    # Nobody can visit "every address"; this machine can visit its own.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    host = f"[{host}]" if ":" in host else host
    print(f"http://{host}:{settings.port}", *sorted(settings.roles))
    return 0


if __name__ == "__main__":
    sys.exit(main())
