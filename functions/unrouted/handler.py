"""Every other path: 404 in the messages family's envelope, to anybody."""

from __future__ import annotations

from batchwork.edge.endpoint import endpoint
from batchwork.families.messages.errors import MessagesEnvelope

handler = endpoint(routes={}, authenticate=None, envelope=MessagesEnvelope(), service="unrouted")
