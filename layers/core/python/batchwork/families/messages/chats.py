"""The routes of chats: /api/v1/chats and below (spec messages 3.4).

What the spec leaves open is chosen here: starting a chat answers 201, a message 200 with the turn it became; streaming
is not offered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from batchwork.domain.chat import Chat, Turn
from batchwork.domain.errors import InvalidRequest, NotFound, Problem
from batchwork.domain.item import Json
from batchwork.domain.workspace import Caller
from batchwork.edge.endpoint import Act, Route, Routes
from batchwork.edge.http import Request, Response
from batchwork.edge.pagination import pagination, window
from batchwork.edge.shapes import shaped
from batchwork.families.messages import FAMILY
from batchwork.families.messages.chat_schemas import ChatChanges, NewChat, NewMessage
from batchwork.families.messages.presenters import answer, timestamp
from batchwork.use_cases.chats import Chats, Converse, Opening, Question
from batchwork.use_cases.meter import charge_of
from batchwork.use_cases.once import Errand

READ, WRITE = "chats:read", "chats:write"
_ID = re.compile(r"[0-9]{1,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ChatRoutes:
    """Every route of chats."""

    chats: Chats
    converse: Converse

    def routes(self) -> Routes:
        """Return the routes by (method, resource)."""
        top = "/api/v1/chats"
        return {
            ("POST", top): Route(self.start, WRITE),
            ("GET", top): Route(self.listed, READ),
            ("GET", f"{top}/{{chat_id}}"): Route(self.one, READ),
            ("PUT", f"{top}/{{chat_id}}"): Route(self.rename, WRITE),
            ("GET", f"{top}/{{chat_id}}/messages"): Route(self.messages, READ),
            ("POST", f"{top}/{{chat_id}}/messages"): Route(self.ask, WRITE),
        }

    def start(self, request: Request, caller: Caller) -> Act:
        """Start a chat with a published agent."""
        new = shaped(NewChat, request)
        opening = Opening(name=new.name, agent_id=str(new.agent_id), external_user_id=new.external_user_id)
        return lambda errand: answer(chat_object(self.chats.start(caller.workspace.id, opening, errand)), status=201)

    def listed(self, request: Request, caller: Caller) -> Response:
        """List chats, newest first."""
        part = window(request.query)
        page = self.chats.find(caller.workspace.id, part.offset, part.limit)
        entries = [chat_object(chat) for chat in page.entries]
        return answer(entries, pagination=pagination(request, part, page.total))

    def one(self, request: Request, caller: Caller) -> Response:
        """Show a chat."""
        return answer(chat_object(self.chats.get(caller.workspace.id, chat_id(request))))

    def rename(self, request: Request, caller: Caller) -> Response:
        """Rename a chat."""
        at = chat_id(request)
        name = shaped(ChatChanges, request).name
        return answer(chat_object(self.chats.rename(caller.workspace.id, at, name)))

    def messages(self, request: Request, caller: Caller) -> Response:
        """List a chat's turns, oldest first."""
        at, part = chat_id(request), window(request.query)
        page = self.chats.turns(caller.workspace.id, at, part.offset, part.limit)
        entries = [turn_object(turn) for turn in page.entries]
        return answer(entries, pagination=pagination(request, part, page.total))

    def ask(self, request: Request, caller: Caller) -> Act:
        """Put a message to the chat's agent, or another one, and answer with its reply; a unit is charged for it."""
        at, new = chat_id(request), shaped(NewMessage, request)
        if new.stream:
            message = "Streaming is not offered: leave stream out, and the whole answer comes in one response"
            raise InvalidRequest([Problem("stream", message, "not_offered", structural=False)])
        question = Question(
            message=new.message,
            agent_id=str(new.agent_id) if new.agent_id else None,
            external_user_id=new.external_user_id,
            file_ids=tuple(map(str, new.attached_file_uuids or ())),
        )

        def act(errand: Errand) -> Response:
            charge = charge_of(caller, errand.ticket, FAMILY, 1)
            return answer(turn_object(self.converse(charge, at, question, errand)))

        return act


def chat_id(request: Request) -> int:
    """Return the chat that the path names; raises NotFound for what cannot be a chat's id."""
    text = request.parameters.get("chat_id", "")
    if not _ID.fullmatch(text):
        raise NotFound(what="Chat")
    return int(text)


def chat_object(chat: Chat) -> Json:
    """Return a chat; its id is the history_id of the batch API."""
    return {
        "id": chat.id,
        "name": chat.name,
        "meta": {"external_user_id": chat.external_user_id, "conversation_agent_id": chat.agent_id},
        "created_at": timestamp(chat.created_at),
    }


def turn_object(turn: Turn) -> Json:
    """Return a turn, in the words that the batch API uses for the same things."""
    return {
        "id": turn.id,
        "conversation_id": turn.id,
        "history_id": turn.chat_id,
        "agent_id": turn.agent_id,
        "message": turn.message,
        "attached_file_uuids": list(turn.file_ids),
        "response_content": turn.answer,
        "response_usage": turn.usage,
        "created_at": timestamp(turn.created_at),
    }
