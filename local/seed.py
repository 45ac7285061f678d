"""What a fresh local stack holds: a workspace and key per plan, the pro workspace's agents and its workflow, and in every
workspace the account and the post that the operations family's documentation names.

Nobody chose what their lookups do, so they all echo, as the API's documentation shows it. Everything is made by the use
cases that an operator's CLI and the API use, so that nothing local is special; only the ids of account and post are given.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from batchwork.adapters import aws
from batchwork.adapters.clock import SystemClock
from batchwork.adapters.dynamodb.agents import DynamoAgents
from batchwork.adapters.dynamodb.identities import DynamoIdentities
from batchwork.adapters.dynamodb.resource_rows import AccountCodec, PostCodec
from batchwork.adapters.dynamodb.sequences import DynamoSequences
from batchwork.adapters.dynamodb.shelf import DynamoShelf
from batchwork.adapters.dynamodb.workflow_rows import WorkflowCodec, WorkflowVersionCodec
from batchwork.adapters.packing import Packer
from batchwork.adapters.s3 import S3Blobs
from batchwork.domain.account import Account
from batchwork.domain.agent import Document
from batchwork.domain.idempotency import Ticket
from batchwork.domain.lookup import ENDPOINTS
from batchwork.domain.plan import PLANS
from batchwork.domain.post import Post, PostStatus
from batchwork.domain.resource import to_millis
from batchwork.ports import Clock
from batchwork.use_cases.agents import Agents, Draft
from batchwork.use_cases.drafts import parts_for
from batchwork.use_cases.keys import EVERY_SCOPE, Keys, Workspaces
from batchwork.use_cases.workflows import Workflows

FAQ = Path(__file__).parent / "faq"
#: The account and the post of the seed document's examples.
ACCOUNT, POST = "acc_123", "clxold1234567890"
#: The steps of the local workflow: what is to be known of an invoice.
INVOICE_STEPS: tuple[dict[str, Any], ...] = (
    {"name": "trigger", "type": "TRIGGER", "next": [{"step": "parse"}]},
    {"name": "parse", "type": "PARSE", "next": [{"step": "extract"}]},
    {
        "name": "extract",
        "type": "EXTRACT",
        "config": {
            "extractorConfig": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "invoice_number": {"type": ["string", "null"]},
                        "total": {"type": ["number", "null"]},
                    },
                }
            }
        },
    },
)


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

    for workspace_id in (*ids.values(), other):
        examples(table, workspace_id, clock)
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
        "workflow_id": workflow(table, ids["pro"], clock),
        "workspaces": ids,
        "lookup_endpoints": list(ENDPOINTS),
    }


def examples(table: str, workspace_id: str, clock: Clock) -> None:
    """Store the account and the post of the documentation's examples; what is there already stays as it is."""
    made = Ticket(f"examples of {workspace_id}", to_millis(clock.now()))
    account = Account(
        id=ACCOUNT,
        workspace_id=workspace_id,
        created_at=made.at,
        updated_at=made.at,
        platform="TWITTER",
        username="local",
        display_name="Local account",
        connected_at=made.at,
    )
    post = Post(
        id=POST,
        workspace_id=workspace_id,
        created_at=made.at,
        updated_at=made.at,
        content="A draft of last week.",
        status=PostStatus.DRAFT,
        parts=parts_for([account], made),
    )
    dynamodb = aws.client("dynamodb")
    DynamoShelf(table, AccountCodec(), dynamodb).add(account)
    DynamoShelf(table, PostCodec(), dynamodb).add(post)


def workflow(table: str, workspace_id: str, clock: Clock) -> str:
    """Make a workflow and deploy it as version 1; return its id."""
    dynamodb = aws.client("dynamodb")
    workflows = Workflows(
        workflows=DynamoShelf(table, WorkflowCodec(), dynamodb),
        versions=DynamoShelf(table, WorkflowVersionCodec(), dynamodb),
        clock=clock,
    )
    made = workflows.create(workspace_id, "Invoices", INVOICE_STEPS, Ticket(str(uuid.uuid4()), clock.now()))
    workflows.deploy(workspace_id, made.id, None, None, Ticket(str(uuid.uuid4()), clock.now()))
    return made.id


def document(path: Path) -> Document:
    """Return a FAQ file: its first line is the title."""
    title, _, text = path.read_text(encoding="utf-8").partition("\n")
    return Document(title.removeprefix("# "), text.strip())
