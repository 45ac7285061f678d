"""The bucket: values too large for a row, uploaded files, presigned uploads."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from batchwork.adapters import aws

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


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
