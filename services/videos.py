"""Videos: what one says about itself, the frame that stands for it, and the version that every browser plays."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from config import MediaKind
from errors import ToolFailed
from jobs.names import JobName
from jobs.registry import Progress, job
from media.ffmpeg import Source, SourceUnreadable
from media.frames import grab_frame
from media.probe import Probe, probe
from media.transcode import WHOLE, Plan, plan_for, transcode
from models.assets import Asset, AssetFileType, AssetType
from services import derived, objects
from services.derived import DerivedFile
from services.system import System
from storage import core

logger = logging.getLogger(__name__)

# Seconds that a URL lives at which ffmpeg reads: twice as long as a look takes at most, or half a day,
# after which a transcode that has to connect again reads a local copy instead.
_LOOK_SECONDS, _TRANSCODE_SECONDS = 600, 12 * 3600

T = TypeVar("T")


def probe_of(system: System, path: str) -> Probe:
    """What the video at a stored path says about itself.

    Raises MediaError, ToolTimeout, ObjectNotFound and StorageUnavailable.
    """
    return _read(system, path, probe, _LOOK_SECONDS)


@contextmanager
def frame_of(system: System, path: str) -> Iterator[Path]:
    """A picture of the video at a stored path, as a local file for the time of the block.

    Raises what `probe_of` raises, and StorageFull.
    """
    picture = system.staging.new_path(".bmp")

    def grab(source: Source) -> None:
        grab_frame(source, probe(source), picture)

    try:
        _read(system, path, grab, _LOOK_SECONDS)
        yield picture
    finally:
        picture.unlink(missing_ok=True)


@job(JobName.ASSET_ENCODE_VIDEO)
def encode_video(system: System, id: UUID, progress: Progress) -> None:
    """Makes the MP4 that clients play where the original is none that every browser plays, or makes it again.

    One that is not needed any more is removed. The object comes first, its rows in one commit; an
    asset that is deleted meanwhile takes it with it. Raises MediaError and ToolTimeout.
    """
    with system.database.read() as session:
        asset = session.get(Asset, id)
    if asset is None or asset.type is not AssetType.VIDEO:
        return
    found = probe_of(system, asset.original_path)
    plan = plan_for(found)
    if plan is None:
        derived.detach(system, id, AssetFileType.ENCODED_VIDEO)
        return
    path = system.storage.new_path(core.encoded_video_key(asset.owner_id, id), MediaKind.ENCODED_VIDEO)
    with system.staging.upload_from_temp(system.storage, path, content_type="video/mp4") as output:
        _encode(system, asset.original_path, found, plan, output.path, progress)
        objects.announce_all(system, {path: output.path.stat().st_size})
    file = DerivedFile(AssetFileType.ENCODED_VIDEO, MediaKind.ENCODED_VIDEO, path, output.digest)
    derived.attach(system, id, file)


def _encode(system: System, path: str, found: Probe, plan: Plan, output: Path, progress: Progress) -> None:
    def carry_out(what: Plan) -> None:
        _read(system, path, lambda source: transcode(source, found, what, output, progress), _TRANSCODE_SECONDS)

    try:
        carry_out(plan)
    except ToolFailed as error:
        if plan == WHOLE:
            raise
        # Streams that are fine by themselves may still lack what MP4 wants, such as times in an AVI.
        logger.info("%s is encoded anew, as its streams cannot be copied: %s", path, error)
        carry_out(WHOLE)


def _read(system: System, path: str, work: Callable[[Source], T], lifetime: int) -> T:
    """What `work` makes of the object: of a local file, but of a large one by ranges where the store has URLs.

    `lifetime` is how long a URL lives, in seconds.
    """
    with system.staging.stage_if_small(system.storage, path) as staged:
        if staged is not None:
            return work(staged)
    url = system.storage.presign(path, method="GET", lifetime=lifetime, audience="internal")
    if url is not None:
        try:
            return work(url)
        except SourceUnreadable as error:
            # Our own client knows proxies and certificates that ffmpeg does not, and says what is really wrong.
            logger.warning("%s is staged: %s", path, error)
    with system.staging.stage_to_temp(system.storage, path) as file:
        return work(file)
