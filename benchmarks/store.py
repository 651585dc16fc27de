"""The S3 server behind Bucketroll, as Bucketroll is told of it and as boto3 sees it."""

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from tests.servers import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def environ_of(store: S3Server) -> dict[str, str]:
    """Settings for all media in the bucket."""
    return {
        "IMMICH_STORAGE_ENGINE": "s3",
        "S3_ENDPOINT": store.endpoint,
        "S3_BUCKET": store.bucket,
        "S3_ACCESS_KEY_ID": store.access_key,
        "S3_SECRET_ACCESS_KEY": store.secret_key,
        "MALLOC_ARENA_MAX": "2",
    }


def client_of(store: S3Server) -> "S3Client":
    """boto3 with its defaults; checksums `when_required`, as ours."""
    return boto3.client(
        "s3", endpoint_url=store.endpoint, region_name="us-east-1",
        aws_access_key_id=store.access_key, aws_secret_access_key=store.secret_key,
        config=Config(
            signature_version="s3v4", s3={"addressing_style": "path"},
            request_checksum_calculation="when_required", response_checksum_validation="when_required",
        ),
    )  # fmt: skip


def keys_of_size(store: S3Server, size: int) -> list[str]:
    """The keys of all objects that have so many bytes, in order."""
    pages = client_of(store).get_paginator("list_objects_v2").paginate(Bucket=store.bucket)
    return [found["Key"] for page in pages for found in page.get("Contents", ()) if found["Size"] == size]


def presigned(store: S3Server, key: str) -> str:
    """A URL by which anyone reads the object for an hour."""
    return client_of(store).generate_presigned_url("get_object", Params={"Bucket": store.bucket, "Key": key})
