"""RunBlobs: the twin and the bucket keep the same promises."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from fakes.run_blobs import FakeRunBlobs

from batchwork.adapters.run_blobs import S3RunBlobs, disposition
from batchwork.ports.workflow_runs import RunBlobs

WINDOW = timedelta(minutes=15)
KEY = "documents/acme/file_1"


@pytest.fixture(params=["fake", "s3"])
def blobs(request: pytest.FixtureRequest) -> RunBlobs:
    return FakeRunBlobs() if request.param == "fake" else S3RunBlobs(request.getfixturevalue("bucket"))


def test_bytes_come_back_as_they_were_stored(blobs: RunBlobs) -> None:
    blobs.put(KEY, bytes(range(256)), "application/pdf")
    assert (blobs.get(KEY), blobs.size(KEY)) == (bytes(range(256)), 256)


def test_bytes_that_are_stored_again_replace_those_before(blobs: RunBlobs) -> None:
    blobs.put(KEY, b"first")
    blobs.put(KEY, b"second")
    assert blobs.get(KEY) == b"second"


def test_what_is_not_there_has_no_size_and_no_beginning_and_cannot_be_read(blobs: RunBlobs) -> None:
    assert (blobs.size(KEY), blobs.beginning(KEY, 10)) == (None, None)
    with pytest.raises(KeyError):
        blobs.get(KEY)


@pytest.mark.parametrize(
    ("content", "length", "told"),
    [
        (b"0123456789", 4, b"0123"),
        (b"0123456789", 10, b"0123456789"),
        (b"0123456789", 99, b"0123456789"),
        (b"", 5, b""),
    ],
)
def test_the_first_bytes_are_told(blobs: RunBlobs, content: bytes, length: int, told: bytes) -> None:
    blobs.put(KEY, content)
    assert blobs.beginning(KEY, length) == told


def test_everything_below_a_prefix_is_removed_and_nothing_else(blobs: RunBlobs) -> None:
    inside = ["runs/acme/b/1/source", "runs/acme/b/1/doc-1"]
    outside = ["runs/acme/b/10/source", "runs/other/b/1/source"]
    for key in [*inside, *outside]:
        blobs.put(key, b"x")
    blobs.remove("runs/acme/b/1/")
    assert [blobs.size(key) for key in [*inside, *outside]] == [None, None, 1, 1]
    blobs.remove("runs/acme/b/1/")


def test_an_upload_is_told_its_type_and_size_and_that_it_happens_once(blobs: RunBlobs) -> None:
    _, headers = blobs.upload_url(KEY, "application/pdf", 10, WINDOW)
    assert headers == {"Content-Type": "application/pdf", "Content-Length": "10", "If-None-Match": "*"}


# ── the bucket's own ──


def test_type_and_length_of_an_upload_are_signed_and_nothing_of_its_content(bucket: str) -> None:
    url, _ = S3RunBlobs(bucket).upload_url(KEY, "application/pdf", 10, WINDOW)
    query = parse_qs(urlsplit(url).query)
    signed = set(query["X-Amz-SignedHeaders"][0].split(";"))
    assert signed == {"content-length", "content-type", "host", "if-none-match"}
    assert query["X-Amz-Expires"] == ["900"]
    assert not [name for name in query if "checksum" in name.lower()]
    assert urlsplit(url).path.endswith(f"/{KEY}")


def test_a_download_is_signed_expires_and_is_never_shown_by_a_browser(bucket: str) -> None:
    query = parse_qs(urlsplit(S3RunBlobs(bucket).download_url(KEY, WINDOW, 'ä"b.pdf')).query)
    assert (query["X-Amz-Algorithm"], query["X-Amz-Expires"]) == (["AWS4-HMAC-SHA256"], ["900"])
    assert query["response-content-type"] == ["application/octet-stream"]
    assert query["response-content-disposition"] == [disposition('ä"b.pdf')]


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.pdf", "attachment; filename=\"a.pdf\"; filename*=UTF-8''a.pdf"),
        ('ä"b\r\n.pdf', "attachment; filename=\"__b__.pdf\"; filename*=UTF-8''%C3%A4%22b%0D%0A.pdf"),
        ("..", "attachment; filename=\"file\"; filename*=UTF-8''.."),
    ],
)
def test_a_downloads_name_cannot_end_its_header(name: str, header: str) -> None:
    assert disposition(name) == header


def test_more_blobs_than_one_list_tells_are_all_removed(bucket: str) -> None:
    blobs = S3RunBlobs(bucket)
    for number in range(1001):
        blobs.put(f"runs/acme/b/1/{number}", b"")
    blobs.remove("runs/acme/b/1/")
    assert blobs.size("runs/acme/b/1/1000") is None
    assert blobs.size("runs/acme/b/1/0") is None
