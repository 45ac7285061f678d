"""What operations and their resources need of the world."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from batchwork.domain.resource import Resource

if TYPE_CHECKING:
    from batchwork.domain.account import Account, Connecting, Destination
    from batchwork.domain.media import Media
    from batchwork.domain.post import Post

R = TypeVar("R", bound=Resource)


@dataclass(frozen=True, slots=True)
class Slice(Generic[R]):
    """Part of a list. next: the id after which it goes on, None at its end."""

    entries: list[R]
    next: str | None


class Shelf(Protocol[R]):
    """The resources of one kind. Every write names the events that it is: they are stored with it, in the same write, and
    told to the workspace's webhook endpoints by the table's stream. What nobody waits for any more is not written:
    raises domain.patience.NobodyWaitsError.
    """

    def get(self, workspace_id: str, resource_id: str) -> R | None:
        """Return a resource, strongly consistent."""

    def get_many(self, workspace_id: str, resource_ids: Iterable[str]) -> dict[str, R]:
        """Return the resources there are, by id: with all that was written before the request or the worker's turn began,
        and all that was written since by what it is made of; what others wrote since may be seen five seconds late.
        """

    def add(self, resource: R, *events: str) -> bool:
        """Store a new resource; False when there is one of its id: closes try against try."""

    def replace(self, resource: R, *events: str) -> bool:
        """Store what follows the revision before it; False when that is no longer the stored one: closes change against
        change, and against removal.
        """

    def remove(self, workspace_id: str, resource_id: str, revision: int | None = None) -> bool:
        """Remove a resource; False when there is none, or none of that revision: closes removal against change."""

    def page(
        self,
        workspace_id: str,
        after: str | None,
        limit: int,
        wanted: Callable[[R], bool],
        since: str = "",
        *,
        ascending: bool = False,
    ) -> Slice[R]:
        """Return up to `limit` wanted resources after an id, newest first, or oldest first when ascending. A page whose
        search took too many reads is shorter, and goes on all the same. since: no id before it is looked at.
        """

    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Return (workspace id, resource id) of what is due, most overdue first."""


@dataclass(frozen=True, slots=True)
class Profile:
    """An account as its network describes it."""

    username: str
    display_name: str
    account_type: str
    avatar_url: str | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """A post as its network knows it."""

    id: str
    url: str


class SocialNetworks(Protocol):
    """The social networks. Raises NetworkRefused (facts `code`, `reason`) for what a network refuses."""

    def authorization_url(self, platform: str, redirect_url: str, state: str) -> str:
        """Return where a person grants access; it ends at redirect_url with `code` and `state`."""

    def exchange(self, platform: str, code: str) -> Profile:
        """Return whose access a code stands for."""

    def check(self, account: Account) -> None:
        """Return if the account can be used."""

    def destinations(self, account: Account) -> tuple[Destination, ...] | None:
        """Return the pages that an account can post to, None on a network that has none."""

    def publish(self, post: Post, account: Account, token: str) -> Published:
        """Publish a post on an account. token: the same for each try of one publication, which happens once."""


class MediaBlobs(Protocol):
    """The bytes of media."""

    def upload_url(self, media: Media, expires: timedelta) -> tuple[str, dict[str, str]]:
        """Return (URL, headers) of a PUT that takes exactly the announced type and size."""

    def url(self, media: Media, expires: timedelta) -> str:
        """Return a URL that answers with the bytes."""

    def beginning(self, media: Media, length: int) -> tuple[bytes, int] | None:
        """Return (the first bytes, the size of all), None while there are none."""

    def remove(self, media: Media) -> None:
        """Remove the bytes, if there are any."""


class Connections(Protocol):
    """What was begun to connect accounts, by its state."""

    def open(self, workspace_id: str, state: str, connecting: Connecting) -> None:
        """Keep what is begun; the same state again changes nothing."""

    def get(self, workspace_id: str, state: str) -> Connecting | None:
        """Return what was begun under a state, strongly consistent."""

    def use(self, workspace_id: str, state: str, holder: str, now: datetime) -> bool:
        """Use a state up. holder: who may do so again: each try of one piece of work. False when there is none, it ran
        out, or somebody else used it: closes two callbacks with one state.
        """


class PostQueue(Protocol):
    """The queue that posts are published from when they are due."""

    def send(self, workspace_id: str, post_id: str) -> None:
        """Queue a post, fairly between workspaces. A message says only which post to look at: it may come twice."""


class PublishingHours(Protocol):
    """The hours that a workspace's queue publishes at: each is given once."""

    def take(self, workspace_id: str, now: datetime) -> datetime:
        """Return the next full hour (UTC) that was not given yet. Closes two posts at one hour."""
