from __future__ import annotations

from batchwork.domain.account import Account, Destination
from batchwork.domain.errors import NetworkRefused
from batchwork.domain.post import Post
from batchwork.ports.operations import Profile, Published


class FakeNetworks:
    """ports.operations.SocialNetworks in memory: what was published, once for each token.

    refusing: user names whose network refuses everything.
    """

    def __init__(self) -> None:
        self.refusing: set[str] = set()
        self.published: dict[str, tuple[str, str, str]] = {}
        self.tokens: list[str] = []
        self.codes: list[str] = []

    def authorization_url(self, platform: str, redirect_url: str, state: str) -> str:
        return f"{redirect_url}?code=granted&state={state}"

    def exchange(self, platform: str, code: str) -> Profile:
        self.codes.append(code)
        if code.startswith("denied"):
            raise NetworkRefused(code="CODE_REFUSED", reason="The code is not taken.")
        return Profile(code, code.title(), "personal", f"https://network.example/{code}.png")

    def check(self, account: Account) -> None:
        if account.username in self.refusing:
            raise NetworkRefused(code="TOKEN_REVOKED", reason="The account is no longer accepted.")

    def destinations(self, account: Account) -> tuple[Destination, ...] | None:
        if account.platform != "FACEBOOK":
            return None
        return (Destination("page_1", "Page 1"), Destination("page_2", "Page 2"))

    def publish(self, post: Post, account: Account, token: str) -> Published:
        self.tokens.append(token)
        self.check(account)
        self.published.setdefault(token, (post.id, account.id, post.content))
        number = list(self.published).index(token) + 1
        return Published(f"native-{number}", f"https://network.example/{account.username}/{number}")
