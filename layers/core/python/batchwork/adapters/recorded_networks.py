"""The social networks as Batchwork knows them: none is ever called.

What would be published is recorded in the table, once for each token, and gets an id and a URL that lead nowhere (hosts
below ``.example``, RFC 2606). Whoever publishes in earnest gives the functions another `ports.operations.SocialNetworks`.

So that failure can be tried out: a code that begins with ``denied`` is refused, and a network refuses every check and
every post of an account whose user name begins with ``refused``.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit, urlunsplit

from botocore.exceptions import ClientError

from batchwork.adapters import aws
from batchwork.adapters.dynamodb import keys
from batchwork.adapters.dynamodb.attributes import row
from batchwork.adapters.dynamodb.calls import condition_failed
from batchwork.domain.account import Account, Destination
from batchwork.domain.errors import NetworkRefused
from batchwork.domain.platforms import PLATFORMS
from batchwork.domain.post import Post
from batchwork.ports import Clock
from batchwork.ports.operations import Profile, Published

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

DENIED, REFUSED = "denied", "refused"
#: Characters of a user name.
_MAX_NAME = 30


class RecordedNetworks:
    """ports.operations.SocialNetworks that calls no network and records what it would have published."""

    def __init__(self, table: str, clock: Clock, dynamodb: DynamoDBClient | None = None) -> None:
        self._table = table
        self._clock = clock
        self._dynamodb: DynamoDBClient = dynamodb or aws.client("dynamodb")

    def authorization_url(self, platform: str, redirect_url: str, state: str) -> str:
        """Return the redirect URL itself, with a code and the state: nobody is asked."""
        code = f"{platform.lower()}_{hashlib.sha256(state.encode()).hexdigest()[:8]}"
        parts = urlsplit(redirect_url)
        query = "&".join(filter(None, (parts.query, urlencode({"code": code, "state": state}))))
        return urlunsplit(parts._replace(query=query))

    def exchange(self, platform: str, code: str) -> Profile:
        """Return a profile that follows from the code: the same code is the same account."""
        name = re.sub(r"[^a-z0-9_]+", "_", code.lower()).strip("_")[:_MAX_NAME]
        if not name or name.startswith(DENIED):
            raise NetworkRefused(code="CODE_REFUSED", reason=f"{platform} does not take this code.")
        kind = "business" if PLATFORMS[platform].pages else "personal"
        return Profile(name, name.replace("_", " ").title(), kind, f"https://{_host(platform)}/{name}/avatar.png")

    def check(self, account: Account) -> None:
        """Return, unless the account is one that is refused."""
        if account.username.startswith(REFUSED):
            raise NetworkRefused(code="TOKEN_REVOKED", reason=f"{account.platform} no longer accepts this account.")

    def destinations(self, account: Account) -> tuple[Destination, ...] | None:
        """Return two pages on a network that has pages."""
        if not PLATFORMS[account.platform].pages:
            return None
        return tuple(
            Destination(f"page_{account.username}_{number}", f"{account.display_name}, page {number}")
            for number in (1, 2)
        )

    def publish(self, post: Post, account: Account, token: str) -> Published:
        """Record a publication, once for each token; it has the same id and URL in every try."""
        self.check(account)
        post_id = str(int(hashlib.sha256(token.encode()).hexdigest()[:15], 16))
        url = f"https://{_host(account.platform)}/{account.username}/{post_id}"
        values = row(
            {
                "platform": account.platform,
                "account_id": account.id,
                "page_id": account.page_id,
                "post_id": post.id,
                "platform_post_id": post_id,
                "url": url,
                "recorded_at": self._clock.now(),
            }
        )
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item=keys.publication(account.workspace_id, token) | values,
                ConditionExpression="attribute_not_exists(pk)",  # closes two tries of one publication
            )
        except ClientError as exc:
            if not condition_failed(exc):
                raise
        return Published(post_id, url)


def _host(platform: str) -> str:
    return f"{platform.lower().replace('_', '-')}.example"
