"""CLASSIFY: what a file is, of the classes that its owner names.

config::

    {"classifierConfig": {
        "classifications": [{"id": "cls_invoice", "type": "invoice", "description": "Invoices of suppliers",
                             "keywords"?: ["amount due"], "patterns"?: ["(?i)invoice no"]}],   # ours: RE2
        "classificationRules"?: "..."},                                                          # for models
     "model"?: {"provider": "openai", "base_url": "...", "model": "..."}}                         # ours

Without a model the class is the one of whose keywords and patterns (without any: of whose type and description) most is
found; what fits none is the class of type or id "other" where there is one, else the first, with confidence 0.
"""

from __future__ import annotations

from collections.abc import Iterator

from batchwork.domain.errors import Problem
from batchwork.domain.item import Json
from batchwork.processors.workflow_runs.models import Model, model_problems
from batchwork.processors.workflow_runs.step import Done, Outline, StepFailed, StepType, Task, Work, wrong
from batchwork.processors.workflow_runs.words import Kind, kinds_of, matches, problems_of


class Classify(StepType):
    """Chooses a class."""

    route = "classificationId"

    def problems(self, config: Json, place: str, outline: Outline) -> Iterator[Problem]:
        """Yield what is wrong with the classes."""
        del outline
        if "classifier" in config:
            yield wrong(f"{place}.classifier", "is not supported: give the classes themselves in classifierConfig")
        own = config.get("classifierConfig")
        if not isinstance(own, dict):
            yield wrong(f"{place}.classifierConfig", "must be an object with classifications")
            return
        yield from problems_of(own.get("classifications"), f"{place}.classifierConfig.classifications")
        yield from model_problems(config, place)

    def routes(self, config: Json) -> frozenset[str]:
        """Return the ids of the classes."""
        return _ids(config.get("classifierConfig"), "classifications")

    def told(self, config: Json) -> Json | None:
        """Return the configuration of the classifier."""
        return config.get("classifierConfig")

    def prepared(self, config: Json) -> Work:
        """Return what chooses: a model where one is configured, else by words."""
        own = config["classifierConfig"]
        kinds = kinds_of(own["classifications"])
        model = Model.of(config)
        if model is None:
            return lambda task: _by_words(kinds, task)
        return lambda task: _by_model(model, own, kinds, task)


def _ids(own: object, name: str) -> frozenset[str]:
    classes = own.get(name) if isinstance(own, dict) else None
    ids = (each.get("id") for each in classes if isinstance(each, dict)) if isinstance(classes, list) else ()
    return frozenset(each for each in ids if isinstance(each, str))


def _by_words(kinds: tuple[Kind, ...], task: Task) -> Done:
    found = matches(kinds, task.document.text, task.left)
    best = found[0]
    if best.score <= 0:
        kind = next((kind for kind in kinds if kind.is_fallback), kinds[0])
        return _done(kind, 0.0, "Nothing of any classification was found in the file.")
    second = found[1].score if len(found) > 1 else 0.0
    # Sure where much speaks for one and little for the next
    confidence = round(best.score / (best.score + second) * min(1.0, 0.5 + best.score / 4), 2)
    return _done(best.kind, confidence, f"Found: {', '.join(best.found[:20])}.")


def _by_model(model: Model, own: Json, kinds: tuple[Kind, ...], task: Task) -> Done:
    wanted = {"classificationId": "one of the ids", "confidence": "number from 0 to 1", "reasoning": "one sentence"}
    offered = [{name: each.get(name) for name in ("id", "type", "description")} for each in own["classifications"]]
    answer = model.answer(
        task,
        "Classify the document as exactly one of the classifications.",
        {"classifications": offered, "rules": own.get("classificationRules")},
        wanted,
    )
    kind = next((kind for kind in kinds if kind.id == answer.get("classificationId")), None)
    if kind is None:
        raise StepFailed(
            "PARSING_ERROR", f"The model of step {task.step} chose no classification", code=503, retryable=True
        )
    confidence = answer.get("confidence")
    sure = float(confidence) if isinstance(confidence, (int, float)) and not isinstance(confidence, bool) else 0.5
    reasoning = answer.get("reasoning")
    return _done(kind, min(1.0, max(0.0, sure)), reasoning[:2_000] if isinstance(reasoning, str) else "")


def _done(kind: Kind, confidence: float, reasoning: str) -> Done:
    insights = [{"type": "reasoning", "content": reasoning}] if reasoning else []
    output = {"id": kind.id, "type": kind.type, "confidence": confidence, "insights": insights}
    return Done(result={"output": output}, facts=kind.type, routes=frozenset({kind.id}))


STEP = Classify()
