"""The bucket: values too large for a row, uploaded files, presigned uploads."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from batchwork.adapters import aws

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from batchwork.domain.media import Media


class S3Blobs:
    """Bytes by key in one bucket."""

    def __init__(self, bucket: str, s3: S3Client | None = None) -> None:
        self._bucket = bucket
        self._s3: S3Client = s3 or aws.client("s3", signature_version="s3v4")

    def put(self, key: str, content: bytes, content_type: str = "application/octet-stream") -> None:
        """Store bytes."""
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=content_type)

    def get(self, key: str) -> bytes:
        """Return bytes; raises KeyError when there are none."""
        try:
            return self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as exc:
            if exc.response["Error"]["Code"] in {"NoSuchKey", "404"}:
                raise KeyError(key) from exc
            raise

    def size(self, key: str) -> int | None:
        """Return a blob's bytes, None when there is no blob."""
        try:
            return self._s3.head_object(Bucket=self._bucket, Key=key)["ContentLength"]
        except ClientError as exc:
            if exc.response["Error"]["Code"] in {"NoSuchKey", "404"}:
                return None
            raise

    def drop(self, key: str) -> None:
        """Remove bytes, if there are any."""
        self._s3.delete_object(Bucket=self._bucket, Key=key)

    def presigned_post(self, key: str, expires: timedelta, limit: int) -> tuple[str, dict[str, Any]]:
        """Return (url, form fields) that let a client upload up to `limit` bytes."""
        answer = self._s3.generate_presigned_post(
            self._bucket, key, Conditions=[["content-length-range", 0, limit]], ExpiresIn=int(expires.total_seconds())
        )
        return answer["url"], answer["fields"]

    def presigned_get(self, key: str, expires: timedelta, name: str) -> str:
        """Return a URL to download a blob as a file of that name (ASCII, without quotes); browsers never show it."""
        return self._s3.generate_presigned_url(
            "get_object",
            Params={"Bucket": self._bucket, "Key": key, "ResponseContentDisposition": f'attachment; filename="{name}"'},
            ExpiresIn=int(expires.total_seconds()),
        )


class S3Media:
    """ports.operations.MediaBlobs: below ``media/<workspace>/`` in the bucket."""

    def __init__(self, bucket: str, s3: S3Client | None = None) -> None:
        self._bucket = bucket
        # A checksum of bytes that are not there yet would be signed into the URL.
        self._s3: S3Client = s3 or aws.client(
            "s3", signature_version="s3v4", request_checksum_calculation="when_required"
        )

    def upload_url(self, media: Media, expires: timedelta) -> tuple[str, dict[str, str]]:
        """Return (URL, headers) of a PUT: type and length are signed, so that the bucket takes no other; and that nothing
        is there yet, so that what was judged is not replaced afterwards.
        """
        key, content_type, size = media_key(media), media.content_type, media.size_bytes
        url = put_url(self._s3, self._bucket, key, content_type, size, expires)
        return url, media.upload_headers

    def url(self, media: Media, expires: timedelta) -> str:
        """Return a URL that answers with the bytes, of the type that was announced: none that a browser would run."""
        return self._s3.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._bucket,
                "Key": media_key(media),
                "ResponseContentType": media.content_type,
            },
            ExpiresIn=int(expires.total_seconds()),
        )

    def beginning(self, media: Media, length: int) -> tuple[bytes, int] | None:
        """Return (the first bytes, the size of all), None while there are none."""
        return first_bytes(self._s3, self._bucket, media_key(media), length)

    def remove(self, media: Media) -> None:
        """Remove the bytes, if there are any."""
        self._s3.delete_object(Bucket=self._bucket, Key=media_key(media))


def put_url(s3: S3Client, bucket: str, key: str, content_type: str, size: int, expires: timedelta) -> str:
    """Return the URL of a PUT that takes exactly that type and size, and only while there is nothing.

    The client must compute checksums only where they are required: one of bytes that are not there yet would be signed.
    """
    return s3.generate_presigned_url(
        "put_object",
        Params={
            "Bucket": bucket,
            "Key": key,
            "ContentType": content_type,
            "ContentLength": size,
            "IfNoneMatch": "*",
        },
        ExpiresIn=int(expires.total_seconds()),
    )


def first_bytes(s3: S3Client, bucket: str, key: str, length: int) -> tuple[bytes, int] | None:
    """Return (the first bytes, the size of all), None while there are none."""
    try:
        answer = s3.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{length - 1}")
    except ClientError as exc:
        code = exc.response["Error"]["Code"]
        if code in {"NoSuchKey", "404"}:
            return None
        if code in {"InvalidRange", "416"}:
            return b"", 0  # an empty object has no first byte
        raise
    whole = answer.get("ContentRange", "").rpartition("/")[2]
    return answer["Body"].read(), int(whole) if whole.isdecimal() else answer["ContentLength"]


#: Before the keys of media in the bucket.
MEDIA = "media/"


def media_key(media: Media) -> str:
    """Return a file's key in the bucket; a customer's name for it never is part of a key."""
    return f"{MEDIA}{media.workspace_id}/{media.id}"


def media_of(key: str) -> tuple[str, str] | None:
    """Return (workspace id, media id) of a key in the bucket, None for one that is no media's."""
    parts = key.removeprefix(MEDIA).split("/")
    return (parts[0], parts[1]) if key.startswith(MEDIA) and len(parts) == 2 and all(parts) else None
