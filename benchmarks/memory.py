"""Memory of web and worker once they have worked and have nothing to do."""

import time

from benchmarks.library import PHOTOS, upload_photos
from benchmarks.processes import Memory, family_of, memory_of, program_of
from benchmarks.report import Figure
from tests.e2e.client import Client
from tests.live import LiveServer, live_server, new_admin_key

TITLE = "Idle memory"
LIMIT_MB = 300
IDLE_SECONDS = 20
# 12 megapixels, as phones take them.
SIZE = (4000, 3000)
# An empty variable counts as not set: a job thread for each core, as `make run` has it.
ENVIRON = {"WORKER_THREADS": "", "MALLOC_ARENA_MAX": "2"}


def measure() -> list[Figure]:
    """The sum over web and worker, and each process by itself."""
    with live_server(ENVIRON) as server:
        upload_photos(Client(server.url, new_admin_key(server)), SIZE)
        time.sleep(IDLE_SECONDS)
        held = _held_by(server)
    rss = sum(memory.rss for memory in held.values()) / 1e6
    pss = sum(memory.pss for memory in held.values()) / 1e6
    parts = ", ".join(f"{name} {memory.rss / 1e6:.0f}" for name, memory in held.items())
    return [
        Figure("RSS of web and worker", f"{rss:.0f} MB",
               f"sum over all of their processes, {IDLE_SECONDS} s after {PHOTOS} photos of 12 megapixels were "
               f"uploaded and their thumbnails made; pages that processes share count in each. In MB: {parts}.",
               f"under {LIMIT_MB} MB", rss < LIMIT_MB),
        Figure("PSS of web and worker", f"{pss:.0f} MB",
               "the same, with pages that processes share divided among them: what the machine would gain."),
    ]  # fmt: skip


def _held_by(server: LiveServer) -> dict[str, Memory]:
    """Memory by role and process, such as `web 2 (python)`."""
    held = {}
    for role in ("web", "worker"):
        for number, pid in enumerate(family_of(server.pid_of(role)), 1):
            held[f"{role} {number} ({program_of(pid)})"] = memory_of(pid)
    return held
