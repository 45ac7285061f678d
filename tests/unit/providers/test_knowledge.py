from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from batchwork.adapters.providers.knowledge import NOT_FOUND, Library
from batchwork.domain.agent import ProviderChoice
from batchwork.domain.errors import ProviderFailed
from batchwork.ports.messages import Prompt, Reply

FAQ = """# Opening hours

Our business hours are Monday to Friday, 9 AM to 6 PM EST.

# Returns

To return an item, write to returns@example.com within 30 days and we send you a label.

# Shipping

Products ship on business days. A product in stock leaves within 24 hours.

# Payment

We take all major cards and bank transfers.
"""


def ask(prompt: Prompt, library: Library | None = None, **settings: Any) -> Reply:
    provider = (library or Library()).provider(ProviderChoice(type="knowledge", settings=settings))
    return provider.answer(prompt, timedelta(seconds=60), "token-1")


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("What are your business hours?", "Our business hours are Monday to Friday, 9 AM to 6 PM EST."),
        ("How do I return a product?", "To return an item, write to returns@example.com within 30 days"),
        ("RETURNING things", "To return an item"),
        ("Can I pay by card?", "We take all major cards"),
        ("hours", "9 AM to 6 PM"),
    ],
)
def test_a_question_is_answered_from_the_passage_about_it(
    a_prompt: Callable[..., Prompt], question: str, sentence: str
) -> None:
    answer = ask(a_prompt(question, documents=(("Shop FAQ", FAQ),))).text
    assert sentence in answer
    assert answer.endswith("\n\nSource: Shop FAQ")
    assert answer.count("\n\n") == 1


@pytest.mark.parametrize("question", ["Who won the cup in 1954?", "Who are you?", "", "?!", "\ud800\x00", "😀"])
def test_what_the_documents_do_not_say_is_admitted(a_prompt: Callable[..., Prompt], question: str) -> None:
    assert ask(a_prompt(question, documents=(("FAQ", FAQ),))).text == NOT_FOUND
    assert NOT_FOUND == "I could not find an answer to that in my documents."


def test_an_agent_without_documents_admits_it(a_prompt: Callable[..., Prompt]) -> None:
    assert ask(a_prompt("What are your business hours?")).text == NOT_FOUND


@pytest.mark.parametrize(
    "question", ['hours" OR "x', "hours AND (", "hours*", "NEAR(hours", "text:hours", "h\x00 hours"]
)
def test_the_index_languages_own_signs_are_only_words(a_prompt: Callable[..., Prompt], question: str) -> None:
    assert "9 AM to 6 PM" in ask(a_prompt(question, documents=(("FAQ", FAQ),))).text


def test_words_are_counted_as_tokens(a_prompt: Callable[..., Prompt]) -> None:
    reply = ask(a_prompt("When open?", documents=(("Hours", "We open at nine."),)))
    assert reply == Reply("We open at nine.\n\nSource: Hours", "knowledge", prompt_tokens=2, completion_tokens=6)


@pytest.mark.parametrize(
    "text",
    [
        "Q: Do you gift-wrap?\nA: Yes, for two dollars.\nQ: Do you deliver?\nA: Yes, by bike.",
        "Do you gift-wrap?\n\nYes, for two dollars.\n\nDo you deliver?\n\nYes, by bike.",
        "Do you gift-wrap?\nYes, for two dollars.\nDo you deliver?\nYes, by bike.",
        "## Do you gift-wrap?\r\nYes, for two dollars.\r\n\r\n## Do you deliver?\r\nYes, by bike.",
    ],
)
def test_a_faqs_answer_is_found_by_the_question_above_it(a_prompt: Callable[..., Prompt], text: str) -> None:
    documents = (("FAQ", text),)
    assert ask(a_prompt("do you gift-wrap", documents=documents)).text.startswith("Yes, for two dollars.\n\nSource")
    assert ask(a_prompt("Can it be delivered?", documents=documents)).text.startswith("Yes, by bike.\n\nSource")


def test_a_list_stays_with_the_line_that_opens_it(a_prompt: Callable[..., Prompt]) -> None:
    text = "We deliver to these countries:\n\nGermany\nFrance\n\nNothing else."
    answer = ask(a_prompt("Germany", documents=(("Delivery", text),))).text
    assert answer.startswith("We deliver to these countries:\nGermany\nFrance\n\nSource")


def test_a_long_paragraph_is_answered_in_part(a_prompt: Callable[..., Prompt]) -> None:
    text = " ".join([*("Filler sentence without meaning." for _ in range(200)), "The mascot is a walrus."])
    answer = ask(a_prompt("Which mascot?", documents=(("Club", text),))).text
    assert "The mascot is a walrus." in answer
    assert len(answer) < 1300


def test_chinese_and_japanese_are_found_without_spaces_between_words(a_prompt: Callable[..., Prompt]) -> None:
    documents = (("常見問題", "# 退貨\n您可以在三十天內退還商品。\n\n# 營業時間\n週一至週五，上午九點到下午六點。"),)
    assert "三十天" in ask(a_prompt("如何退貨？", documents=documents)).text
    assert "上午九點" in ask(a_prompt("請問營業時間", documents=documents)).text
    assert ask(a_prompt("宇宙", documents=documents)).text == NOT_FOUND


def test_accents_do_not_matter(a_prompt: Callable[..., Prompt]) -> None:
    assert "Größe" in ask(a_prompt("GROSSE grosse größe", documents=(("Maße", "Die Größe ist M."),))).text
    assert "café" in ask(a_prompt("cafe", documents=(("Menu", "Our café opens early."),))).text


def test_an_attachment_is_searched_beside_the_agents_documents(a_prompt: Callable[..., Prompt]) -> None:
    library = Library()
    prompt = a_prompt(
        "Which mascot?", documents=(("FAQ", FAQ),), attachments=(("club.txt", "The mascot is a walrus."),)
    )
    assert ask(prompt, library).text == "The mascot is a walrus.\n\nSource: club.txt"
    assert ask(a_prompt("Which mascot?", documents=(("FAQ", FAQ),)), library).text == NOT_FOUND


def test_several_passages_answer_together_when_the_agent_says_so(a_prompt: Callable[..., Prompt]) -> None:
    documents = (
        ("Cats", "Cats sleep sixteen hours.\n\nBirds sing.\n\nFish swim."),
        ("Dogs", "Dogs sleep twelve hours.\n\nHorses run."),
    )
    together = ask(a_prompt("How long do they sleep?", documents=documents), passages=3).text
    assert together == ("Cats sleep sixteen hours.\n\nSource: Cats\n\nDogs sleep twelve hours.\n\nSource: Dogs")
    assert ask(a_prompt("How long do they sleep?", documents=documents)).text.count("Source") == 1


def test_equal_passages_are_ranked_by_where_they_stand(a_prompt: Callable[..., Prompt]) -> None:
    documents = tuple((f"Doc {number}", "The same words.") for number in range(9))
    answers = {ask(a_prompt("same words", documents=documents)).text for _ in range(20)}
    assert answers == {"The same words.\n\nSource: Doc 0"}


def test_two_workspaces_or_versions_never_share_an_index(a_prompt: Callable[..., Prompt]) -> None:
    library = Library()
    ask(a_prompt("secret", documents=(("A", "The secret is alpha."),)), library)
    other = a_prompt("secret", documents=(("B", "The secret is beta."),), workspace_id="other")
    assert "beta" in ask(other, library).text
    newer = a_prompt("secret", documents=(("C", "The secret is gamma."),), version_id="version-2")
    assert "gamma" in ask(newer, library).text


def test_thirty_two_threads_get_the_answers_one_would(a_prompt: Callable[..., Prompt]) -> None:
    library = Library(size=2)
    questions = ["business hours", "return an item", "ship products", "major cards"]
    prompts = [
        a_prompt(question, documents=(("FAQ", FAQ),), version_id=f"version-{number}")
        for number in range(4)
        for question in questions
    ] * 16
    alone = [ask(prompt).text for prompt in prompts[:16]] * 16
    with ThreadPoolExecutor(32) as pool:
        assert list(pool.map(lambda prompt: ask(prompt, library).text, prompts)) == alone


def test_documents_are_indexed_once(a_prompt: Callable[..., Prompt], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect

    def counting(path: str, **settings: Any) -> sqlite3.Connection:
        opened.append(path)
        return connect(path, **settings)

    monkeypatch.setattr(sqlite3, "connect", counting)
    library = Library()
    for question in ("hours", "returns", "cards"):
        ask(a_prompt(question, documents=(("FAQ", FAQ),)), library)
    assert opened == [":memory:"]


def test_a_python_without_fts5_is_told_clearly(
    a_prompt: Callable[..., Prompt], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bare(sqlite3.Connection):
        def execute(self, *_: Any) -> sqlite3.Cursor:
            raise sqlite3.OperationalError("no such module: fts5")

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, **settings: connect(path, factory=Bare, **settings))
    with pytest.raises(ProviderFailed, match="FTS5") as caught:
        ask(a_prompt("hours", documents=(("FAQ", FAQ),)))
    assert caught.value.facts["retryable"] is False


def test_of_a_huge_question_the_first_words_are_searched(a_prompt: Callable[..., Prompt]) -> None:
    many = " ".join(f"word{number}" for number in range(100_000))
    assert "9 AM to 6 PM" in ask(a_prompt(f"hours {many}", documents=(("FAQ", FAQ),))).text
    assert ask(a_prompt(f"{many} hours", documents=(("FAQ", FAQ),))).text == NOT_FOUND
