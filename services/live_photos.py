"""Live photos that were uploaded in two: still and video find each other by the id that both carry."""

from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import aliased

from models.albums import AlbumAsset
from models.assets import Asset, AssetExif, AssetStatus, AssetType, AssetVisibility
from services.system import System


def pair_up(system: System, asset_id: UUID) -> None:
    """Links an asset with its other half, if that is there and has been looked into.

    Called when the asset's own id is committed: of two that are looked into at the same time the
    later one finds the other. A still that has its video keeps it. The video is hidden from now on
    and leaves its albums, as in Immich.
    """
    own, other = aliased(AssetExif), aliased(AssetExif)
    still, video = aliased(Asset), aliased(Asset)
    with system.database.write() as session:
        asset = session.get(Asset, asset_id)
        if asset is None:
            return
        first, second = (video, still) if asset.type is AssetType.VIDEO else (still, video)
        pair = session.execute(
            select(still, video)
            .join(own, own.asset_id == first.id)
            .join(other, other.live_photo_cid == own.live_photo_cid)
            .where(
                first.id == asset_id,
                second.id == other.asset_id,
                still.type == AssetType.IMAGE,
                video.type == AssetType.VIDEO,
                still.owner_id == video.owner_id,
                still.library_id.is_not_distinct_from(video.library_id),
                still.live_photo_video_id.is_(None),
                still.status != AssetStatus.DELETED,
                video.status != AssetStatus.DELETED,
            )
            .order_by(second.created_at, second.id)
            .limit(1)
        ).one_or_none()
        if pair is None:
            return
        photo, motion = pair
        photo.live_photo_video_id, motion.visibility = motion.id, AssetVisibility.HIDDEN
        session.execute(delete(AlbumAsset).where(AlbumAsset.asset_id == motion.id))
