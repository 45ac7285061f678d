"""How a prompt is put to a language model, whichever it is."""

from __future__ import annotations

from collections.abc import Iterator

from batchwork.ports.messages import Prompt

#: Characters of the agent's own documents that a model is given at the most, about 50,000 tokens.
DOCUMENTS_LIMIT = 200_000


def system_text(prompt: Prompt) -> str:
    """Return the agent's instructions, then its documents."""
    documents = [_enclosed("document", title, text) for title, text in given_documents(prompt)]
    return "\n\n".join(part for part in (prompt.version.system_prompt.strip(), *documents) if part)


def given_documents(prompt: Prompt) -> list[tuple[str, str]]:
    """Return (title, text) of the agent's documents, DOCUMENTS_LIMIT characters together; what is cut says so."""
    room = DOCUMENTS_LIMIT
    given: list[tuple[str, str]] = []
    for document in prompt.version.documents:
        text = document.text[:room]
        room -= len(text)
        if len(text) < len(document.text):
            text += f"\n[The document is cut here: {len(text)} of its {len(document.text)} characters are given.]"
        given.append((document.title, text))
    return given


def dialogue(prompt: Prompt) -> Iterator[tuple[str, str]]:
    """Yield (role, text), user and assistant by turns, oldest first; the last is the message with its attachments.

    Turns with a blank side are left out: models refuse blank text.
    """
    for message, answer in prompt.history:
        if message.strip() and answer.strip():
            yield "user", message
            yield "assistant", answer
    attached = [_enclosed("attachment", name, text) for name, text in prompt.attachments]
    yield "user", "\n\n".join([*attached, prompt.message])


def _enclosed(kind: str, name: str, text: str) -> str:
    quoted = name.replace('"', "'")
    return f'<{kind} name="{quoted}">\n{text}\n</{kind}>'
