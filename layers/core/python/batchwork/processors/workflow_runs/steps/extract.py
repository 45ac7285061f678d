"""EXTRACT: fields by a JSON Schema.

config::

    {"extractorConfig": {"schema": {"type": "object", "properties": {...}}, "extractionRules"?: "..."},   # rules: for models
     "model"?: {"provider": "openai", ...}}                                                               # ours

Without a model by rules: see the package `extraction`, and `extraction/schema.py` for what a schema may say.
"""

from __future__ import annotations

from collections.abc import Iterator

from batchwork.domain.errors import Problem
from batchwork.domain.item import Json
from batchwork.processors.workflow_runs.extraction.answers import wanted_of
from batchwork.processors.workflow_runs.extraction.engine import Extraction
from batchwork.processors.workflow_runs.extraction.schema import Field, fields_of, schema_problems
from batchwork.processors.workflow_runs.models import Model, model_problems
from batchwork.processors.workflow_runs.step import Done, Outline, StepType, Task, Work, wrong


class Extract(StepType):
    """Finds fields."""

    def problems(self, config: Json, place: str, outline: Outline) -> Iterator[Problem]:
        """Yield what is wrong with the schema."""
        del outline
        if "extractor" in config:
            yield wrong(f"{place}.extractor", "is not supported: give the schema itself in extractorConfig")
        own = config.get("extractorConfig")
        if not isinstance(own, dict):
            yield wrong(f"{place}.extractorConfig", "must be an object with a schema")
            return
        yield from schema_problems(own.get("schema"), f"{place}.extractorConfig.schema")
        yield from model_problems(config, place)

    def told(self, config: Json) -> Json | None:
        """Return the configuration of the extractor."""
        return config.get("extractorConfig")

    def prepared(self, config: Json) -> Work:
        """Return what finds: a model where one is configured, else rules."""
        own = config["extractorConfig"]
        fields = fields_of(own["schema"])
        model = Model.of(config)
        if model is not None:
            return lambda task: _by_model(model, own, fields, task)
        extraction = Extraction(fields)

        def work(task: Task) -> Done:
            output = extraction.of(task.document, task.left)
            return Done(result={"output": output}, facts=output["value"])

        return work


def _by_model(model: Model, own: Json, fields: tuple[Field, ...], task: Task) -> Done:
    answer = model.answer(
        task,
        "Extract the fields of the schema from the document. What is not in it is null. Dates are ISO 8601.",
        {"schema": own["schema"], "rules": own.get("extractionRules")},
        {"value": "an object by the schema", "confidence": "an object: a number from 0 to 1 for each top-level field"},
    )
    output = wanted_of(fields, answer, task.document)
    return Done(result={"output": output}, facts=output["value"])


STEP = Extract()
