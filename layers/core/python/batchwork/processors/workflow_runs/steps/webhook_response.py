"""WEBHOOK_RESPONSE: the end of a branch. What is told of a run is told of its end, whichever step that is."""

from __future__ import annotations

from batchwork.processors.workflow_runs.steps.trigger import Trigger


class WebhookResponse(Trigger):
    """Does nothing; nothing comes after it."""


STEP = WebhookResponse()
