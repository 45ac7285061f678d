"""What bytes are, by the first of them, and how large an image is."""

from __future__ import annotations

import struct
import zlib

import pytest
from resource_world import MP4, PNG

from batchwork.adapters.pictures import measured
from batchwork.domain.media import LIMITS, MB, kind_of, says

GIF = b"GIF89a" + struct.pack("<HH", 7, 5) + b"\x00" * 8
JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", 6, 9) + b"\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xd9"
)
WEBP = (
    b"RIFF\x1a\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00"
    + (10).to_bytes(3, "little")
    + (20).to_bytes(3, "little")
)
BEGINNINGS = {
    "image/jpeg": JPEG,
    "image/png": PNG,
    "image/gif": GIF,
    "image/webp": WEBP,
    "video/mp4": MP4,
    "video/quicktime": b"\x00\x00\x00\x14ftypqt  ",
    "video/x-msvideo": b"RIFF\x00\x00\x00\x00AVI LIST",
    "video/webm": b"\x1aE\xdf\xa3\x01\x00",
    "application/pdf": b"%PDF-1.7\n",
    "text/vtt": b"\xef\xbb\xbfWEBVTT\n\n",
    "application/x-subrip": b"1\n00:00:01,000 --> 00:00:02,000\nHello\n",
}


def test_every_type_that_is_taken_has_a_limit_and_bytes_that_tell_it() -> None:
    assert set(BEGINNINGS) == set(LIMITS)
    assert {kind_of(name): limit for name, limit in LIMITS.items()} == {
        "image": 20 * MB,
        "video": 500 * MB,
        "document": 100 * MB,
        "captions": 5 * MB,
    }


@pytest.mark.parametrize("content_type", list(BEGINNINGS))
def test_bytes_are_what_they_say(content_type: str) -> None:
    assert says(content_type, BEGINNINGS[content_type])


@pytest.mark.parametrize("content_type", list(BEGINNINGS))
@pytest.mark.parametrize("other", [b"", b"<html><script>alert(1)</script>", b"\x7fELF\x02\x01\x01\x00", b"MZ\x90\x00"])
def test_other_bytes_are_not(content_type: str, other: bytes) -> None:
    assert not says(content_type, other)


def test_no_picture_is_taken_for_another_kind_of_picture() -> None:
    pictures = [name for name in BEGINNINGS if name.startswith("image/")]
    told = {(name, other) for name in pictures for other in pictures if says(name, BEGINNINGS[other])}
    assert told == {(name, name) for name in pictures}


@pytest.mark.parametrize(("content", "size"), [(PNG, (3, 2)), (GIF, (7, 5)), (JPEG, (9, 6)), (WEBP, (11, 21))])
def test_the_size_of_an_image_is_read_from_its_beginning(content: bytes, size: tuple[int, int]) -> None:
    assert measured(content) == size


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", zlib.compress(b"x" * 1000)])
def test_bytes_that_tell_no_size_tell_none(content: bytes) -> None:
    assert measured(content) is None
