"""Immich's names of queues and jobs, as its API shows them."""

from enum import StrEnum
from typing import Self


class QueueName(StrEnum):
    """Every queue of Immich 3.2, in the order in which its API lists them."""

    THUMBNAIL_GENERATION = "thumbnailGeneration"
    METADATA_EXTRACTION = "metadataExtraction"
    VIDEO_CONVERSION = "videoConversion"
    FACE_DETECTION = "faceDetection"
    FACIAL_RECOGNITION = "facialRecognition"
    SMART_SEARCH = "smartSearch"
    DUPLICATE_DETECTION = "duplicateDetection"
    BACKGROUND_TASK = "backgroundTask"
    STORAGE_TEMPLATE_MIGRATION = "storageTemplateMigration"
    MIGRATION = "migration"
    SEARCH = "search"
    SIDECAR = "sidecar"
    LIBRARY = "library"
    NOTIFICATIONS = "notifications"
    BACKUP_DATABASE = "backupDatabase"
    OCR = "ocr"
    WORKFLOW = "workflow"
    INTEGRITY_CHECK = "integrityCheck"
    EDITOR = "editor"


class JobName(StrEnum):
    """The jobs of Immich 3.2 that run here; each knows its queue, so that whoever enqueues need not."""

    queue: QueueName

    def __new__(cls, value: str, queue: QueueName) -> Self:
        name = str.__new__(cls, value)
        name._value_ = value
        name.queue = queue
        return name

    ASSET_EXTRACT_METADATA = "AssetExtractMetadata", QueueName.METADATA_EXTRACTION
    ASSET_EXTRACT_METADATA_QUEUE_ALL = "AssetExtractMetadataQueueAll", QueueName.METADATA_EXTRACTION
    # Fills the queue with checks of sidecars.
    SIDECAR_QUEUE_ALL = "SidecarQueueAll", QueueName.SIDECAR
    SIDECAR_CHECK = "SidecarCheck", QueueName.SIDECAR
    # Writes what a client edited into an asset's sidecar.
    SIDECAR_WRITE = "SidecarWrite", QueueName.SIDECAR
    ASSET_GENERATE_THUMBNAILS = "AssetGenerateThumbnails", QueueName.THUMBNAIL_GENERATION
    ASSET_GENERATE_THUMBNAILS_QUEUE_ALL = "AssetGenerateThumbnailsQueueAll", QueueName.THUMBNAIL_GENERATION
    PERSON_GENERATE_THUMBNAIL = "PersonGenerateThumbnail", QueueName.THUMBNAIL_GENERATION
    ASSET_ENCODE_VIDEO = "AssetEncodeVideo", QueueName.VIDEO_CONVERSION
    ASSET_ENCODE_VIDEO_QUEUE_ALL = "AssetEncodeVideoQueueAll", QueueName.VIDEO_CONVERSION
    # Removes one asset that was deleted: its row, its objects, its share of the quota.
    ASSET_DELETE = "AssetDelete", QueueName.BACKGROUND_TASK
    # Finds assets whose days in the trash are over.
    ASSET_DELETE_CHECK = "AssetDeleteCheck", QueueName.BACKGROUND_TASK
    # Deletes objects that belong to nobody: what a crash between object and row leaves behind.
    FILE_DELETE = "FileDelete", QueueName.BACKGROUND_TASK
    # Forgets what nobody can ask for any more, such as archives whose address has expired.
    AUDIT_TABLE_CLEANUP = "AuditTableCleanup", QueueName.BACKGROUND_TASK
    # Finds writes that never ended.
    INTEGRITY_UNTRACKED_FILES = "IntegrityUntrackedFiles", QueueName.INTEGRITY_CHECK


# Jobs of these queues stand in each other's way, or take all the cores there are; the others run as
# many at once as there are worker threads. An admin's number in QueueState comes first.
DEFAULT_CONCURRENCY = {
    QueueName.VIDEO_CONVERSION: 1,
    QueueName.STORAGE_TEMPLATE_MIGRATION: 1,
    QueueName.BACKUP_DATABASE: 1,
    QueueName.INTEGRITY_CHECK: 1,
}
