"""The embedded provider: finds the passage of the agent's own documents that answers best. No network, no model.

Ranking is BM25 as SQLite's FTS5 computes it, over an index in memory with Porter stemming. The same question to the
same documents always gets the same answer. Tokens are counted as words.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from threading import Lock

from batchwork.adapters.providers.failures import failed
from batchwork.adapters.providers.passages import Passage, passages_of, searchable, terms_of, words_in
from batchwork.domain.agent import Document, ProviderChoice
from batchwork.domain.recent import Recent
from batchwork.ports.messages import Prompt, Reply

MODEL = "knowledge"
NOT_FOUND = "I could not find an answer to that in my documents."
#: A further passage is given only when it is at least this good, compared to the best.
_NEARLY = 0.5
#: Weights of the columns title, headings, text: a question much like a heading is answered below it.
_RANK = "bm25(passages, 0.5, 2.0, 1.0)"


class Library:
    """The indexes of the agents that answered last; safe to use from many threads."""

    def __init__(self, size: int = 16) -> None:
        self._indexes: Recent[tuple[str, str, tuple[Document, ...]], Index] = Recent(size)

    def provider(self, choice: ProviderChoice) -> Knowledge:
        """Return the provider of a choice. settings: passages? (how many may answer together, default 1)."""
        return Knowledge(self, int(choice.settings.get("passages", 1)))

    def index(self, prompt: Prompt) -> Index:
        """Return the index over an agent version's documents and the prompt's attachments, made once."""
        attached = tuple(Document(name, text) for name, text in prompt.attachments)
        documents = (*prompt.version.documents, *attached)
        # The documents are part of the key: equal strings that are the same object compare at once
        key = (prompt.version.workspace_id, prompt.version.id, documents)
        return self._indexes.get(key, lambda: Index(documents))


class Knowledge:
    """Answers with passages and their sources."""

    def __init__(self, library: Library, passages: int) -> None:
        self._library = library
        self._passages = passages

    def answer(self, prompt: Prompt, timeout: timedelta, token: str) -> Reply:  # noqa: ARG002 -- nothing is waited for
        """Answer with the best passages, or say honestly that none matches."""
        found = self._library.index(prompt).search(prompt.message, self._passages)
        text = "\n\n".join(_shown(found)) or NOT_FOUND
        return Reply(text, MODEL, prompt_tokens=words_in([prompt.message]), completion_tokens=words_in([text]))


class Index:
    """Passages by what they say."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._lock = Lock()
        self._passages = [passage for known in documents for passage in passages_of(known.title, known.text)]
        # One connection under one lock: a search takes a fraction of a millisecond
        self._rows = sqlite3.connect(":memory:", check_same_thread=False)
        try:
            self._rows.execute(
                "CREATE VIRTUAL TABLE passages USING fts5"
                "(title, headings, text, content='', tokenize='porter unicode61 remove_diacritics 2')"
            )
        except sqlite3.OperationalError as exc:
            self._rows.close()
            raise failed("The knowledge provider needs SQLite with FTS5, which this Python was built without") from exc
        self._rows.executemany(
            "INSERT INTO passages(rowid, title, headings, text) VALUES (?, ?, ?, ?)",
            (
                (number, searchable(one.title), searchable(one.headings), searchable(one.text))
                for number, one in enumerate(self._passages)
            ),
        )

    def __del__(self) -> None:
        self._rows.close()

    def search(self, question: str, limit: int) -> list[Passage]:
        """Return the best passage, and up to `limit` in all of those nearly as good."""
        terms = terms_of(question)
        if not terms:
            return []
        with self._lock:
            ranked = self._rows.execute(
                f"SELECT rowid, {_RANK} FROM passages WHERE passages MATCH ? ORDER BY 2, 1 LIMIT ?",  # noqa: S608 -- a constant
                (" OR ".join(f'"{term}"' for term in terms), limit),
            ).fetchall()
        # bm25() is negative, the best the lowest
        return [self._passages[number] for number, rank in ranked if rank <= ranked[0][1] * _NEARLY]


def _shown(found: Sequence[Passage]) -> list[str]:
    """Return each passage with its source, a source once for passages that follow each other."""
    shown: list[str] = []
    for place, passage in enumerate(found):
        followed = place + 1 < len(found) and found[place + 1].title == passage.title
        shown.append(passage.text if followed else f"{passage.text}\n\nSource: {passage.title}")
    return shown
