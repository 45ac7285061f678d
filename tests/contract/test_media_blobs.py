"""MediaBlobs: the twin and the bucket keep the same promises."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from factories import AT
from fakes.media_blobs import FakeMediaBlobs

from batchwork.adapters import aws
from batchwork.adapters.s3 import S3Media, media_key, media_of
from batchwork.domain.media import Media
from batchwork.ports.operations import MediaBlobs

WINDOW = timedelta(minutes=15)


def a_file(**changes: Any) -> Media:
    values = {
        "id": "media_c1", "workspace_id": "acme", "created_at": AT, "updated_at": AT, "filename": "../ä.png",
        "content_type": "image/png", "size_bytes": 10,
    }  # fmt: skip
    return Media(**{**values, **changes})


@pytest.fixture(params=["fake", "s3"])
def blobs(request: pytest.FixtureRequest) -> MediaBlobs:
    return FakeMediaBlobs() if request.param == "fake" else S3Media(request.getfixturevalue("bucket"))


def upload(blobs: MediaBlobs, file: Media, content: bytes) -> None:
    """What a client does with a presigned PUT; what moto's S3 would check of it, it does not."""
    if isinstance(blobs, FakeMediaBlobs):
        blobs.upload(file.workspace_id, file.id, content)
    else:
        aws.client("s3").put_object(Bucket="batchwork-blobs", Key=f"media/{file.workspace_id}/{file.id}", Body=content)


def test_there_are_no_bytes_before_they_are_uploaded(blobs: MediaBlobs) -> None:
    assert blobs.beginning(a_file(), 100) is None


@pytest.mark.parametrize(("length", "told"), [(4, b"0123"), (10, b"0123456789"), (100, b"0123456789")])
def test_the_first_bytes_come_with_the_size_of_all(blobs: MediaBlobs, length: int, told: bytes) -> None:
    upload(blobs, a_file(), b"0123456789")
    assert blobs.beginning(a_file(), length) == (told, 10)


def test_an_empty_file_is_there_and_has_no_first_byte(blobs: MediaBlobs) -> None:
    upload(blobs, a_file(), b"")
    assert blobs.beginning(a_file(), 100) == (b"", 0)


def test_bytes_are_removed_and_there_need_be_none(blobs: MediaBlobs) -> None:
    blobs.remove(a_file())
    upload(blobs, a_file(), b"0123456789")
    blobs.remove(a_file())
    assert blobs.beginning(a_file(), 100) is None


def test_another_workspace_has_no_such_bytes(blobs: MediaBlobs) -> None:
    upload(blobs, a_file(), b"0123456789")
    other = a_file(workspace_id="other")
    assert blobs.beginning(other, 100) is None
    blobs.remove(other)
    assert blobs.beginning(a_file(), 100) is not None


def test_an_upload_is_told_its_type_and_length(blobs: MediaBlobs) -> None:
    _, headers = blobs.upload_url(a_file(), WINDOW)
    assert headers == {"Content-Type": "image/png", "Content-Length": "10", "If-None-Match": "*"}


def test_type_and_length_of_an_upload_are_signed_and_nothing_of_its_content(bucket: str) -> None:
    url, _ = S3Media(bucket).upload_url(a_file(), WINDOW)
    query = parse_qs(urlsplit(url).query)
    assert set(query["X-Amz-SignedHeaders"][0].split(";")) == {
        "content-length",
        "content-type",
        "host",
        "if-none-match",
    }
    assert query["X-Amz-Expires"] == ["900"]
    assert not [name for name in query if "checksum" in name.lower()]
    assert urlsplit(url).path.endswith("/media/acme/media_c1")


def test_a_download_is_signed_expires_and_has_the_announced_type(bucket: str) -> None:
    query = parse_qs(urlsplit(S3Media(bucket).url(a_file(), timedelta(hours=1))).query)
    assert (query["X-Amz-Algorithm"], query["X-Amz-Expires"]) == (["AWS4-HMAC-SHA256"], ["3600"])
    assert query["response-content-type"] == ["image/png"]


@pytest.mark.parametrize(
    "key", ["files/acme/1", "media/acme", "media/acme/", "media//x", "media/acme/x/y", "xmedia/acme/x", ""]
)
def test_a_key_that_is_no_medias_names_none(key: str) -> None:
    assert media_of(key) is None


def test_a_key_names_its_workspace_and_file() -> None:
    assert media_of(media_key(a_file())) == ("acme", "media_c1")
