"""FileStore: the twin and the table with its bucket keep the same promises."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from fakes.files import FakeFiles

from batchwork.adapters import aws
from batchwork.adapters.dynamodb.files import S3Files
from batchwork.adapters.s3 import S3Blobs
from batchwork.domain.chat import StoredFile
from batchwork.ports.messages import FileStore

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(params=["fake", "aws"])
def store(request: pytest.FixtureRequest) -> FileStore:
    if request.param == "fake":
        return FakeFiles()
    blobs = S3Blobs(request.getfixturevalue("bucket"))
    return S3Files(request.getfixturevalue("table"), lambda: blobs, aws.client("dynamodb"))


def a_file(**changes: Any) -> StoredFile:
    values = {
        "id": str(uuid4()),
        "workspace_id": "acme",
        "name": '../größen "x".pdf',
        "content_type": "application/pdf",
        "scope": "chat",
        "created_at": NOW,
        "size": 9,
    }
    return StoredFile(**{**values, **changes})


def upload(store: FileStore, url: str, fields: dict[str, Any], content: bytes) -> None:
    """What a client does with a presigned POST; what moto's S3 would check of it, it does not."""
    if isinstance(store, FakeFiles):
        store.upload(fields, content)
    else:
        assert url.startswith("https://batchwork-blobs.s3")
        aws.client("s3").put_object(Bucket="batchwork-blobs", Key=fields["key"], Body=content)


def test_a_file_comes_back_whole(store: FileStore) -> None:
    file = a_file()
    store.put(file, b"%PDF-1.7\x00")
    assert store.get("acme", file.id) == file
    assert store.content(file, 9) == b"%PDF-1.7\x00"


def test_a_file_over_the_limit_is_not_read(store: FileStore) -> None:
    file = a_file()
    store.put(file, b"123456789")
    assert store.content(file, 8) is None


def test_what_is_not_there_is_none(store: FileStore) -> None:
    assert store.get("acme", str(uuid4())) is None
    assert store.content(a_file(), 100) is None


def test_another_workspace_sees_nothing(store: FileStore) -> None:
    file = a_file()
    store.put(file, b"123456789")
    assert store.get("other", file.id) is None
    assert store.content(a_file(id=file.id, workspace_id="other"), 100) is None


def test_an_announced_file_has_no_content_until_it_is_uploaded(store: FileStore) -> None:
    file = a_file(size=None)
    url, fields = store.announce(file, HOUR, 100)
    assert store.get("acme", file.id) == file
    assert store.content(file, 100) is None
    upload(store, url, fields, b"uploaded")
    assert store.content(file, 100) == b"uploaded"


def test_a_url_names_no_other_file_and_nothing_of_the_customers_name_but_safe_letters(store: FileStore) -> None:
    file = a_file()
    store.put(file, b"123456789")
    url = store.url(file, HOUR)
    assert url.startswith("https://")
    assert file.id in url
    assert ".." not in url


def test_a_presigned_post_is_limited_in_size_and_time(bucket: str, table: str) -> None:
    store = S3Files(table, lambda: S3Blobs(bucket), aws.client("dynamodb"))
    file = a_file(size=None)
    _, fields = store.announce(file, HOUR, 12_345)
    policy = json.loads(base64.b64decode(fields["policy"]))
    assert ["content-length-range", 0, 12_345] in policy["conditions"]
    assert {"key": f"files/acme/{file.id}"} in policy["conditions"]


def test_a_presigned_get_is_signed_with_version_4_expires_and_is_saved_as_a_file(bucket: str, table: str) -> None:
    store = S3Files(table, lambda: S3Blobs(bucket), aws.client("dynamodb"))
    url = store.url(a_file(), timedelta(minutes=15))
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url
    assert "X-Amz-Expires=900" in url
    assert "response-content-disposition=attachment" in url
