"""Checks that every place that is written to works; says in one sentence where one does not."""

import os
import sys

from config import load_settings
from errors import AppError
from services.logs import start_logging
from services.storage import check_mounts
from services.system import open_system


def main() -> int:
    """Exit code 1 after the sentence of the first place that failed."""
    try:
        settings = load_settings(os.environ)
        start_logging(settings.log_level)
        check_mounts(open_system(settings))
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
