"""What a fresh local stack holds: a workspace and key per plan, and the pro workspace's agents.

Nobody chose what their lookups do, so they all echo, as the API's documentation shows it. Everything is made by the use
cases that an operator's CLI and the API use, so that nothing local is special.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.agents import DynamoAgents
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.dynamodb.sequences import DynamoSequences
from batchwork.adapters.packing import Packer
from batchwork.adapters.s3 import S3Blobs
from batchwork.domain.agent import Document
from batchwork.domain.lookup import ENDPOINTS
from batchwork.domain.plan import PLANS
from batchwork.use_cases.agents import Agents, Draft
from batchwork.use_cases.keys import EVERY_SCOPE, Keys, Workspaces

FAQ = Path(__file__).parent / "faq"


def seed(table: str, bucket: str) -> dict[str, Any]:
    """Fill the table and return the keys and ids that stack.json promises."""
    clock = SystemClock()
    identities = DynamoIdentities(table)
    workspaces, keys = Workspaces(identities, clock, DynamoSequences(table)), Keys(identities, clock)
    ids = {plan: workspaces.create(f"Local {plan}", plan).id for plan in PLANS}
    other = workspaces.create("Local pro, another", "pro").id
    texts = {plan: keys.create(workspace, "local", [EVERY_SCOPE])[1] for plan, workspace in ids.items()}
    texts["no_scopes"] = keys.create(ids["pro"], "without scopes", [])[1]
    texts["other"] = keys.create(other, "local", [EVERY_SCOPE])[1]
    revoked, texts["revoked"] = keys.create(ids["pro"], "revoked", [EVERY_SCOPE])
    keys.revoke(ids["pro"], revoked.id)

    agents = Agents(DynamoAgents(table, Packer(lambda: S3Blobs(bucket))), clock, lambda: str(uuid.uuid4()))
    draft = Draft(
        name="Shop assistant",
        description="Answers customers' questions from the shop's FAQ.",
        suggested_questions=("What are your business hours?", "How do I return a product?"),
        documents=tuple(document(path) for path in sorted(FAQ.glob("*.md"))),
    )
    agent, version = agents.create(ids["pro"], draft)
    agents.publish(ids["pro"], agent.id, version.id)
    unpublished, _ = agents.create(ids["pro"], draft)
    return {
        "api_keys": texts,
        "agent_id": agent.id,
        "unpublished_agent_id": unpublished.id,
        "workspaces": ids,
        "lookup_endpoints": list(ENDPOINTS),
    }


def document(path: Path) -> Document:
    """Return a FAQ file: its first line is the title."""
    title, _, text = path.read_text(encoding="utf-8").partition("\n")
    return Document(title.removeprefix("# "), text.strip())
