"""Verify webhooks with the client's own verifier (extend-ai 1.20.0): reads [{"body", "headers", "secret"}] from stdin and
prints, for each, the type of its event, the run's status and whether a wrong secret is refused.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from extend_ai import Extend

webhooks = Extend(token="none").webhooks
told: list[Any] = []
for each in json.load(sys.stdin):
    event: Any = webhooks.verify_and_parse(each["body"], each["headers"], each["secret"], allow_signed_url=True)
    if webhooks.is_signed_url_event(event):
        event = webhooks.fetch_signed_payload_sync(event)
        kind = "url"
    else:
        kind = "json"
    wrong = webhooks.verify(each["body"], each["headers"], "wss_wrong")
    parsed = event if isinstance(event, dict) else json.loads(event.model_dump_json(by_alias=True))
    told.append([parsed["eventType"], parsed["payload"].get("status"), kind, wrong])
print(json.dumps(told))
