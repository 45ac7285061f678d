"""Files are announced, uploaded straight to the bucket, judged and removed (spec operations 1.8)."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from resource_world import MP4, PNG, World

from batchwork.domain.idempotency import Ticket
from batchwork.domain.media import LIMITS, MB

TOLD = {"filename": "größe.png", "contentType": "image/png", "sizeBytes": len(PNG)}
UNKNOWN = "media_c00000000000000000000009"


def test_an_announced_file_is_told_where_and_how_and_until_when_to_put_it(world: World) -> None:
    announced = world("POST", "media/upload", TOLD)
    assert announced.status == 201
    told = announced.body
    assert told["mediaId"].startswith("media_c")
    assert told["uploadUrl"].startswith("https://")
    assert "put=900" in told["uploadUrl"]
    assert told["uploadHeaders"] == {
        "Content-Type": "image/png",
        "Content-Length": str(len(PNG)),
        "If-None-Match": "*",
    }
    assert told["expiresAt"] == "2026-01-15T10:45:01.000Z"
    shown = world("GET", f"media/{told['mediaId']}")
    assert shown.status == 200
    assert shown.body == {
        "id": told["mediaId"],
        **TOLD,
        "status": "pending",
        "url": None,
        "variants": None,
        "dimensions": None,
        "thumbnailUrl": None,
        "createdAt": "2026-01-15T10:30:01.000Z",
    }
    assert world.events() == []


@pytest.mark.parametrize("content_type", list(LIMITS))
def test_a_file_may_be_as_large_as_its_type_allows_and_no_larger(world: World, content_type: str) -> None:
    limit = LIMITS[content_type]
    told = {"filename": "a", "contentType": content_type, "sizeBytes": limit}
    assert world("POST", "media/upload", told).status == 201
    refused = world("POST", "media/upload", {**told, "sizeBytes": limit + 1})
    assert (refused.status, refused.code, refused.fields) == (400, "VALIDATION_ERROR", ["sizeBytes"])
    assert f"{limit // MB} MB" in refused.error["message"]
    assert refused.error["details"]["limit"] == limit


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"contentType": "image/svg+xml"}, "contentType"),
        ({"contentType": "text/html"}, "contentType"),
        ({"contentType": None}, "contentType"),
        ({"sizeBytes": 0}, "sizeBytes"),
        ({"sizeBytes": "10"}, "sizeBytes"),
        ({"sizeBytes": 1.5}, "sizeBytes"),
        ({"filename": ""}, "filename"),
        ({"filename": "x" * 256}, "filename"),
        ({"filename": "a\nb"}, "filename"),
        ({"filename": None}, "filename"),
    ],
)
def test_a_file_that_cannot_be_is_refused(world: World, changes: dict[str, Any], field: str) -> None:
    refused = world("POST", "media/upload", {**TOLD, **changes})
    assert (refused.status, refused.fields) == (400, [field])
    assert not world.media.stored


def test_a_type_may_be_written_in_capitals(world: World) -> None:
    told = world("POST", "media/upload", {**TOLD, "contentType": "IMAGE/PNG"}).body
    assert told["uploadHeaders"]["Content-Type"] == "image/png"


# ── what was uploaded ──


def test_a_file_that_is_what_was_announced_is_ready_with_its_size(world: World) -> None:
    media_id = world.a_file()
    shown = world("GET", f"media/{media_id}").body
    assert (shown["status"], shown["dimensions"]) == ("ready", {"width": 3, "height": 2})
    assert shown["url"].startswith("https://")
    assert world.events() == ["media.uploaded"]


def test_a_video_has_no_size_that_is_known(world: World) -> None:
    shown = world("GET", f"media/{world.a_file(MP4, 'video/mp4')}").body
    assert (shown["status"], shown["dimensions"]) == ("ready", None)


@pytest.mark.parametrize("content", [PNG + b"x", PNG[:-1], b"", b"x" * len(PNG), b"GIF89a" + b"\0" * (len(PNG) - 6)])
def test_a_file_that_is_not_what_was_announced_has_failed_for_good(world: World, content: bytes) -> None:
    media_id = world("POST", "media/upload", TOLD).body["mediaId"]
    world.blobs.upload("acme", media_id, content)
    shown = world("GET", f"media/{media_id}").body
    assert (shown["status"], shown["url"]) == ("failed", None)
    world.blobs.upload("acme", media_id, PNG)
    assert world("GET", f"media/{media_id}").body["status"] == "failed"
    assert world.events() == []


def test_a_file_whose_event_was_lost_is_judged_when_somebody_looks(world: World) -> None:
    media_id = world.a_file(uploaded=False)
    assert world("GET", f"media/{media_id}").body["status"] == "pending"
    world.blobs.upload("acme", media_id, PNG)
    assert world("GET", f"media/{media_id}").body["status"] == "ready"
    assert world.events() == ["media.uploaded"]


def test_bytes_that_came_twice_are_told_of_once(world: World) -> None:
    media_id = world.a_file(uploaded=False)
    world.blobs.upload("acme", media_id, PNG)
    threads = [threading.Thread(target=world.files.arrived, args=("acme", media_id)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.files.arrived("acme", media_id)
    assert world.events() == ["media.uploaded"]


def test_of_two_who_judge_at_once_one_tells_of_it(world: World) -> None:
    media_id = world.a_file(uploaded=False)
    world.blobs.upload("acme", media_id, PNG)
    store = world.media.replace

    def slow(*written: Any) -> bool:
        world.media.replace = store  # type: ignore[method-assign] # only the first is slow
        world.files.arrived("acme", media_id)
        return store(*written)

    world.media.replace = slow  # type: ignore[method-assign, assignment] # somebody else, at the worst moment
    assert world("GET", f"media/{media_id}").body["status"] == "ready"
    assert world.events() == ["media.uploaded"]


def test_bytes_of_a_file_that_was_removed_or_never_was_are_nobodys(world: World) -> None:
    world.files.arrived("acme", UNKNOWN)
    media_id = world.a_file(uploaded=False)
    world.blobs.upload("acme", media_id, PNG)
    measure = world.media.replace

    def slow(*written: Any) -> bool:
        world.media.remove("acme", media_id)
        return measure(*written)

    world.media.replace = slow  # type: ignore[method-assign, assignment] # somebody else, at the worst moment
    world.files.arrived("acme", media_id)
    assert not world.media.stored


# ── once more, lists, removal ──


def test_an_upload_may_be_prepared_anew_while_it_is_awaited(world: World) -> None:
    first = world("POST", "media/upload", TOLD).body
    anew = world("POST", f"media/{first['mediaId']}/refresh-presign")
    assert anew.status == 200
    assert anew.body == {**first, "expiresAt": "2026-01-15T10:45:02.000Z"}
    refused = world("POST", f"media/{world.a_file()}/refresh-presign")
    assert (refused.status, refused.code) == (409, "CONFLICT")


def test_files_are_listed_newest_first_by_status_and_in_pages(world: World) -> None:
    names = [world.a_file(uploaded=n % 2 == 0) for n in range(4)][::-1]
    assert world("GET", "media").ids == names
    assert world("GET", "media", query={"status": "READY"}).ids == [names[1], names[3]]
    assert world("GET", "media", query={"status": "pending"}).ids == [names[0], names[2]]
    page = world("GET", "media", query={"limit": "3"})
    assert (page.ids, page.body["pagination"]["hasMore"]) == (names[:3], True)
    following = world("GET", "media", query={"cursor": page.body["pagination"]["nextCursor"]})
    assert following.ids == names[3:]
    assert world("GET", "media", workspace_id="other").ids == []
    assert world("GET", "media", query={"status": "LOST"}).status == 400


def test_a_file_is_removed_with_its_bytes(world: World) -> None:
    media_id = world.a_file()
    gone = world("DELETE", f"media/{media_id}")
    assert (gone.status, gone.raw) == (204, "")
    assert not world.blobs.kept
    assert world("GET", f"media/{media_id}").status == 404
    assert world("DELETE", f"media/{media_id}").status == 404


@pytest.mark.parametrize(("method", "below"), [("GET", ""), ("DELETE", ""), ("POST", "/refresh-presign")])
def test_a_file_that_is_not_ones_own_is_not_found(world: World, method: str, below: str) -> None:
    media_id = world.a_file(uploaded=False)
    assert world(method, f"media/{UNKNOWN}{below}").status == 404
    assert world(method, f"media/{media_id}{below}", workspace_id="other").status == 404
    malformed = world(method, f"media/no-id{below}")
    assert (malformed.status, malformed.code) == (400, "BAD_REQUEST")
    assert len(world.media.stored) == 1


def test_a_dry_run_announces_and_removes_nothing(world: World) -> None:
    media_id = world.a_file()
    assert world.rehearsed("POST", "media/upload", TOLD) == 200
    assert world.rehearsed("POST", "media/upload", {**TOLD, "sizeBytes": 0}) == 400
    assert world.rehearsed("DELETE", f"media/{media_id}") == 200
    assert world.rehearsed("POST", f"media/{media_id}/refresh-presign") == 409
    assert len(world.media.stored) == len(world.blobs.kept) == 1


def test_a_file_that_an_earlier_try_announced_is_the_same_one(world: World) -> None:
    ticket = Ticket("00000000-0000-4000-9000-000000000001", world.clock.now())
    first = world("POST", "media/upload", TOLD, ticket=ticket).body
    again = world("POST", "media/upload", TOLD, ticket=replace(ticket, again=True)).body
    assert again["mediaId"] == first["mediaId"]
    assert len(world.media.stored) == 1
    assert world("DELETE", f"media/{first['mediaId']}", ticket=replace(ticket, again=True)).status == 204
    assert world("DELETE", f"media/{first['mediaId']}", ticket=replace(ticket, again=True)).status == 204
