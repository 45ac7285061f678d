"""The calls of posts: /v1/posts and below (spec operations 1.6).

What the spec leaves open is chosen here: a clone answers 201; publish, retry and fix publish within the call, and answer
with what came of it; filters `from` and `to` are by the time at which a post was made, both included; a bulk call answers
200 whatever becomes of its posts; a validation that names no platform is for all of them; a list whose search comes to
its end before `offset` posts are skipped is an empty page with a cursor, after which nothing more is skipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from batchwork.domain.account import Account
from batchwork.domain.errors import InvalidRequest, Problem
from batchwork.domain.idempotency import Ticket
from batchwork.domain.ids import part_of
from batchwork.domain.item import Json
from batchwork.domain.platforms import PLATFORMS, broken_rules, warnings
from batchwork.domain.post import PartStatus, Post, PostStatus
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import BODY_LIMIT, Act, Intent
from batchwork.edge.http import Request, Response
from batchwork.families.operations.lists import Part, Query, listed
from batchwork.families.operations.post_answers import bulk_errors, issue, post_object, retry_object
from batchwork.families.operations.post_schemas import (
    BulkBody,
    FixBody,
    PostBody,
    WordsBody,
    changes,
    new_post,
    new_post_of,
    wording,
)
from batchwork.families.operations.resources import Calls
from batchwork.families.operations.shapes import shaped, shaped_or_empty
from batchwork.families.operations.times import timestamp
from batchwork.ports.operations import Shelf, Slice
from batchwork.use_cases.drafts import Draft
from batchwork.use_cases.media import MediaFiles
from batchwork.use_cases.once import Errand
from batchwork.use_cases.posts import Posts, Wanted
from batchwork.use_cases.publish import Publish

ROOT = "/v1/posts"
#: What `offset` may skip: every skipped post is read.
MAX_OFFSET = 1_000
_STATUSES = [status.upper() for status in PostStatus]


@dataclass(frozen=True, slots=True)
class PostCalls:
    """Every call of posts. accounts: whose state answers tell."""

    posts: Posts
    publishing: Publish
    media: MediaFiles
    accounts: Shelf[Account]

    def calls(self) -> Calls:
        """Return the calls by (method, template)."""
        one = f"{ROOT}/{{id}}"
        return {
            ("POST", ROOT): self.create,
            ("GET", ROOT): self.listed,
            ("POST", f"{ROOT}/bulk"): self.bulk,
            ("POST", f"{ROOT}/validate"): self.validate,
            ("GET", one): self.one,
            ("PATCH", one): self.change,
            ("DELETE", one): self.remove,
            ("POST", f"{one}/publish"): self.publish,
            ("POST", f"{one}/cancel"): self.cancel,
            ("POST", f"{one}/clone"): self.clone,
            ("POST", f"{one}/retry"): self.retry,
            ("POST", f"{one}/platforms/{{part_id}}/fix"): self.fix,
        }

    def create(self, request: Request, caller: Caller) -> Act:
        """Make a post."""
        draft, workspace_id = new_post(shaped(PostBody, request)), caller.workspace.id

        def act(accounts: list[Account] | None, errand: Errand) -> Response:
            made = self.posts.create(workspace_id, draft, errand.ticket, accounts)
            return self._answer(made, status=201)

        # An earlier try's post is looked for first: what it named may be gone by now.
        return Intent(lambda again: None if again else self.posts.drafts.checked(workspace_id, draft), act)

    def listed(self, request: Request, caller: Caller) -> Response:
        """List posts, newest first."""
        query = Query(request.query)
        part, offset = query.part(), query.whole("offset", 0, 0, MAX_OFFSET)
        status, platform = query.one_of("status", _STATUSES), query.one_of("platform", PLATFORMS)
        since, until = query.time("from"), query.time("to")
        query.end()
        wanted = Wanted(None if status is None else PostStatus(status.lower()), platform, since, until)
        page = self._page(caller.workspace.id, part, offset, wanted)
        return listed(self._shown(caller.workspace.id, page.entries), page.next, part.limit)

    def one(self, request: Request, caller: Caller) -> Response:
        """Show a post."""
        return self._answer(self._post(request, caller))

    def change(self, request: Request, caller: Caller) -> Act:
        """Change fields of a post."""
        draft, given = changes(shaped(PostBody, request))

        def check(again: bool) -> Post:
            post = self._post(request, caller)
            self.posts.drafts.changed(post, draft, given, Ticket("", post.updated_at, again))
            return post

        return Intent(check, lambda post, errand: self._answer(self.posts.change(post, draft, given, errand.ticket)))

    def remove(self, request: Request, caller: Caller) -> Act:
        """Remove a post."""
        post_id, workspace_id = request.parameters["id"], caller.workspace.id

        def act(post: Post | None, _errand: Errand) -> Response:
            if post is not None:
                self.posts.remove(post)
            return Response(204)

        return Intent(lambda again: self.posts.removable(workspace_id, post_id, again=again), act)

    def publish(self, request: Request, caller: Caller) -> Act:
        """Publish a post now."""

        def check(again: bool) -> Post:
            post = self._post(request, caller)
            self.publishing.publishable(post, again=again)
            return post

        return Intent(
            check, lambda post, errand: self._answer(self.publishing.publish(post, again=errand.ticket.again))
        )

    def cancel(self, request: Request, caller: Caller) -> Act:
        """Keep a post from being published."""

        def check(again: bool) -> Post:
            post = self._post(request, caller)
            self.posts.cancelled(post, again=again)
            return post

        return Intent(check, lambda post, errand: self._answer(self.posts.cancel(post, again=errand.ticket.again)))

    def clone(self, request: Request, caller: Caller) -> Act:
        """Make a draft that says the same."""
        workspace_id, post_id = caller.workspace.id, request.parameters["id"]

        def act(original: Post | None, errand: Errand) -> Response:
            return self._answer(self.posts.clone(workspace_id, post_id, errand.ticket, original), status=201)

        # An earlier try's copy is looked for first: the original may be gone by now.
        return Intent(lambda again: None if again else self._post(request, caller), act)

    def retry(self, request: Request, caller: Caller) -> Act:
        """Publish what failed of a post."""

        def check(again: bool) -> Post:
            post = self._post(request, caller)
            self.publishing.retryable(post, again=again)
            return post

        def act(post: Post, errand: Errand) -> Response:
            again = errand.ticket.again
            after = self.publishing.retry(post, again=again)
            return Response(200, retry_object(post, after, timestamp(after.updated_at), again=again))

        return Intent(check, act)

    def fix(self, request: Request, caller: Caller) -> Act:
        """Publish one platform of a post that failed, with other words if they are given."""
        body, part_id = shaped_or_empty(FixBody, request), request.parameters["part_id"]
        if body.media_url:
            message = "Files are not fetched: upload the file and change the post's media"
            raise InvalidRequest([Problem("mediaUrl", message, "not_supported", structural=False)])

        def check(again: bool) -> Post:
            post = self._post(request, caller)
            self.publishing.fixable(post, part_id, body.content, again=again)
            return post

        def act(post: Post, errand: Errand) -> Response:
            _, part = self.publishing.fix(post, part_id, body.content, again=errand.ticket.again)
            fixed = part.status is PartStatus.PUBLISHED
            return Response(200, {"success": fixed, "platformId": part.id, "status": part.status})

        return Intent(check, act)

    def validate(self, request: Request, caller: Caller) -> Response:
        """Tell what networks would say of a post; nothing is made."""
        body, workspace_id = shaped(WordsBody, request), caller.workspace.id
        # Media and accounts that are named are looked up as those of a post are.
        named = [each for each in (*(body.media or ()), *(body.media_ids or ())) if isinstance(each, str)]
        draft = Draft(account_ids=tuple(body.account_ids or ()), media=tuple(named))
        accounts = self.posts.drafts.checked(workspace_id, draft)
        kinds = {name: file.kind for name, file in self.media.get_many(workspace_id, named).items()}
        told, platforms = wording(body, kinds)
        judged = {
            name: {
                "valid": not (errors := broken_rules(told, name)),
                "errors": [issue(each) for each in errors],
                "warnings": [issue(each) for each in warnings(told, name)],
            }
            for name in dict.fromkeys(each.platform for each in accounts) or platforms or PLATFORMS
        }
        return Response(200, {"valid": all(each["valid"] for each in judged.values()), "platforms": judged})

    def bulk(self, request: Request, caller: Caller) -> Act:
        """Make up to 50 posts, each for itself; what is wrong with one keeps back no other."""
        body, workspace_id = shaped(BulkBody, request, BODY_LIMIT), caller.workspace.id
        rehearsed = body.dry_run is True or body.dry_run_camel is True

        def made(value: Any, ticket: Ticket) -> Json:
            draft = new_post_of(value)
            accounts = None if ticket.again else self.posts.drafts.checked(workspace_id, draft)
            if rehearsed:
                return {"status": "valid"}
            return {"status": "created", "postId": self.posts.create(workspace_id, draft, ticket, accounts).id}

        def act(_checked: None, errand: Errand) -> Response:
            results: list[Json] = []
            for index, value in enumerate(body.posts):
                try:
                    told = made(value, part_of(errand.ticket, index))
                except InvalidRequest as exc:
                    told = {"status": "failed", "errors": bulk_errors(exc.problems)}
                results.append({"index": index, **told})
            statuses = [each["status"] for each in results]
            counts = {name: statuses.count(name) for name in ("created", "failed")}
            return Response(200, {"dry_run": rehearsed, "total": len(results), **counts, "results": results})

        return Intent(lambda _again: None, act)

    def _page(self, workspace_id: str, part: Part, offset: int, wanted: Wanted) -> Slice[Post]:
        """Return a page of the wanted posts, after those that are skipped; one search finds both, or goes on by cursor."""
        found = self.posts.page(workspace_id, part.after, offset + part.limit, wanted)
        return Slice(found.entries[offset:], found.next)

    def _post(self, request: Request, caller: Caller) -> Post:
        return self.posts.get(caller.workspace.id, request.parameters["id"])

    def _answer(self, post: Post, status: int = 200) -> Response:
        (shown,) = self._shown(post.workspace_id, [post])
        return Response(status, shown)

    def _shown(self, workspace_id: str, posts: list[Post]) -> list[Json]:
        """Return posts as they are answered; their accounts and media are read together."""
        names = {part.account_id for post in posts for part in post.parts}
        accounts = self.accounts.get_many(workspace_id, names) if names else {}
        files = self.media.get_many(workspace_id, [name for post in posts for name in post.media])
        return [post_object(post, accounts, files, self.media.url) for post in posts]
