"""Ordinary English of a given size, deterministic: what compression and row sizes are measured with."""

from __future__ import annotations

import random

WORDS = ["the", "order", "of", "a", "customer", "and", "to", "in", "that", "it", "is", "was", "for", "on", "are", "with", "as", "at", "be", "this", "have", "from", "or", "had", "by", "but", "some", "what", "there", "we", "can", "out", "other", "were", "all", "your", "when", "up", "use", "how", "said", "each", "she", "which", "do", "their", "time", "if", "will", "way", "about", "many", "then", "them", "would", "write", "like", "so", "these", "her", "long", "make", "thing", "see", "him", "two", "has", "look", "more", "day", "could", "go", "come", "did", "product", "return", "shipping", "warranty", "invoice", "refund", "delivery", "address", "payment", "account", "support", "question", "answer", "week", "business", "hours", "store", "package", "label", "policy", "exchange", "receipt", "damaged", "replacement", "tracking", "number", "international", "discount", "subscription", "cancel", "renewal", "upgrade", "feature", "manual", "battery", "charger", "device", "screen", "update", "version"]


def text(size: int, seed: int) -> str:
    """Return about `size` characters of sentences."""
    chance = random.Random(seed)  # noqa: S311 -- reproducible, not secret
    sentences: list[str] = []
    length = 0
    while length < size:
        sentence = " ".join(chance.choices(WORDS, k=chance.randint(6, 14))).capitalize() + "."
        sentences.append(sentence)
        length += len(sentence) + 1
    return " ".join(sentences)[:size]
