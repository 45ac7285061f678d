"""The bytes of uploaded files, and of runs: below ``documents/<workspace>/`` and ``runs/<workspace>/`` in the bucket."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from batchwork.adapters import aws
from batchwork.adapters.s3 import S3Blobs, first_bytes, put_url

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


class S3RunBlobs(S3Blobs):
    """ports.workflow_runs.RunBlobs on the bucket."""

    def __init__(self, bucket: str, s3: S3Client | None = None) -> None:
        # A checksum of bytes that are not there yet would be signed into the URL.
        client: S3Client = s3 or aws.client(
            "s3", signature_version="s3v4", request_checksum_calculation="when_required"
        )
        super().__init__(bucket, client)

    def beginning(self, key: str, length: int) -> bytes | None:
        """Return the first bytes, None when there is no blob."""
        found = first_bytes(self._s3, self._bucket, key, length)
        return None if found is None else found[0]

    def upload_url(self, key: str, content_type: str, size: int, expires: timedelta) -> tuple[str, dict[str, str]]:
        """Return (URL, headers) of a PUT: type, length and that nothing is there yet are signed, so that the bucket takes no
        other, and none twice.
        """
        url = put_url(self._s3, self._bucket, key, content_type, size, expires)
        return url, {"Content-Type": content_type, "Content-Length": str(size), "If-None-Match": "*"}

    def download_url(self, key: str, expires: timedelta, name: str) -> str:
        """Return a URL that answers GET with the bytes as a file of that name; browsers never show it."""
        params: dict[str, Any] = {
            "Bucket": self._bucket,
            "Key": key,
            "ResponseContentDisposition": disposition(name),
            "ResponseContentType": "application/octet-stream",
        }
        return self._s3.generate_presigned_url("get_object", Params=params, ExpiresIn=int(expires.total_seconds()))

    def remove(self, prefix: str) -> None:
        """Remove every blob whose key begins with a prefix."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        for page in pages:
            for each in page.get("Contents", ()):
                # One by one: removing many at once answers 200 with the failures in its body.
                self._s3.delete_object(Bucket=self._bucket, Key=each["Key"])


def disposition(name: str) -> str:
    """Return the header that names a download (RFC 6266): in ASCII for all, as it is for those that can read it."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name).strip(". ")[-100:] or "file"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
