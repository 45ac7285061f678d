"""A conversation's next turn: what the agent's provider is asked, and what it answers.

Both ways into a chat end here: the items of a batch (MessagesProcessor) and ``POST /api/v1/chats/{id}/messages``
(a function builds ``Conversation(...)`` and calls ``ask``). Storing the turn is the caller's: `usage_of` (usage.py)
makes the turn's ``usage`` of the reply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from batchwork.domain.agent import AgentVersion, Document
from batchwork.domain.chat import Chat
from batchwork.domain.errors import InvalidRequest, NotFound, Problem, ProviderFailed, UnreadableDocument
from batchwork.domain.recent import Recent
from batchwork.ports import Clock
from batchwork.ports.messages import ChatStore, FileStore, Prompt, Providers, Reply
from batchwork.processors.messages.attachments import Attachments, Extract, fitted
from batchwork.processors.messages.usage import call_of

#: Characters of earlier turns that a provider is sent at the most; the oldest are left out first.
HISTORY_LIMIT = 200_000
#: Characters of an answer: one alone must fit into a response, quotes escaped twice and in UTF-8 (edge.endpoint).
ANSWER_LIMIT = 1_000_000
#: Tokens that a JSON number can hold everywhere.
_MOST_TOKENS = 2**53


class Conversation:
    """Asks agents; safe to use from many threads. extract: (name, content type, bytes) -> text."""

    def __init__(
        self, *, chats: ChatStore, files: FileStore, providers: Providers, extract: Extract, clock: Clock
    ) -> None:
        self._clock = clock
        self._chats = chats
        self._providers = providers
        self._attachments = Attachments(files, extract)
        self._versions: Recent[tuple[str, str], AgentVersion] = Recent(32)

    def ask(
        self,
        version: AgentVersion,
        message: str,
        *,
        history: Chat | None,
        file_ids: Sequence[str],
        user: str | None,
        timeout: timedelta,
        token: str,
    ) -> Reply:
        """Return the provider's answer to a message.

        history: the chat to continue, already known to be of the version's workspace. file_ids: uuids of attached
        files, of the version's workspace. user: the client's own id of who asks. timeout: reading
        files and history counts too, the provider gets what they leave. token: idempotency token for the provider.

        Raises InvalidRequest with a Problem for each file that cannot be attached, at ``attached_file_uuids.N``,
        and ProviderFailed.
        """
        until = self._clock.now() + timeout
        texts: list[tuple[str, str]] = []
        problems: list[Problem] = []
        for position, file_id in enumerate(file_ids):
            place = f"attached_file_uuids.{position}"
            try:
                texts.append(self._attachments.read(version.workspace_id, file_id))
            except NotFound as exc:
                problems.append(Problem(place, str(exc), "file_not_found", structural=False))
            except UnreadableDocument as exc:
                problems.append(Problem(place, str(exc), "file_unreadable", structural=False))
        if problems:
            raise InvalidRequest(problems)
        complete = self._complete(version)
        prompt = Prompt(
            version=complete,
            history=self._history(history),
            message=message,
            attachments=fitted(texts),
            user=user,
        )
        left = until - self._clock.now()
        if left <= timedelta():
            raise ProviderFailed(reason="Reading attachments and history took all the time there is", retryable=True)
        return _presentable(self._providers(complete.provider).answer(prompt, left, token))

    def _complete(self, version: AgentVersion) -> AgentVersion:
        """Return a version whose documents include the texts of its own attachments, read once."""
        if not version.attachment_ids:
            return version
        return self._versions.get((version.workspace_id, version.id), lambda: self._resolved(version))

    def _resolved(self, version: AgentVersion) -> AgentVersion:
        try:
            texts = [self._attachments.read(version.workspace_id, file_id) for file_id in version.attachment_ids]
        except (NotFound, UnreadableDocument) as exc:
            reason = f"An attachment of the agent cannot be used. {exc}"
            raise ProviderFailed(reason=reason, retryable=False, retry_after=None) from exc
        return replace(version, documents=(*version.documents, *(Document(name, text) for name, text in texts)))

    def _history(self, chat: Chat | None) -> tuple[tuple[str, str], ...]:
        if chat is None:
            return ()
        room = HISTORY_LIMIT
        latest: list[tuple[str, str]] = []
        for turn in reversed(self._chats.turns(chat.workspace_id, chat.id)):
            room -= len(turn.message) + len(turn.answer)
            if room < 0:
                break
            latest.append((turn.message, turn.answer))
        return tuple(reversed(latest))


def _presentable(reply: Reply) -> Reply:
    """Return a reply as it can be stored and sent: text with a UTF-8 form, sane counts.

    Raises ProviderFailed for one too long to be read by anybody.
    """
    if len(reply.text) > ANSWER_LIMIT:
        reason = f"The agent's answer has {len(reply.text)} characters, and {ANSWER_LIMIT} are kept at the most"
        raise ProviderFailed(reason=reason, retryable=False, retry_after=None)
    calls = tuple(
        call_of(
            _sendable(call["model"]),
            call["call_type"],
            _count(call["prompt_tokens"]),
            _count(call["completion_tokens"]),
        )
        for call in reply.tool_calls
    )
    return Reply(
        _sendable(reply.text),
        _sendable(reply.model),
        _count(reply.prompt_tokens),
        _count(reply.completion_tokens),
        calls,
    )


def _sendable(text: str) -> str:
    """Return text without halves of surrogate pairs: JSON may bring them as escapes, UTF-8 has no form for them."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _count(tokens: int) -> int:
    return min(max(tokens, 0), _MOST_TOKENS)
