"""Every key of the one table. pk and sk are strings; a workspace id is part of every tenant's pk.

Indexes, all sparse: `listing` (list_pk, list_sk) and `groups` (group_pk, group_sk), which hold keys, `status` and `brief`,
and `due` (due_pk, due_at; keys only).
"""

from __future__ import annotations

from zlib import crc32

Key = dict[str, dict[str, str]]

LISTING = "listing"
DUE = "due"
GROUPS = "groups"
#: The due index is written once per batch and delivery; eight partitions carry 8,000 of them a second.
DUE_SHARDS = 8
#: A partition takes 1,000 writes a second (AWS limit); a workspace's chats are spread over sixteen.
CHAT_SHARDS = 16


def key(pk: str, sk: str) -> Key:
    """Return a primary key in wire form."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def workspace(workspace_id: str) -> Key:
    """Return a workspace's key."""
    return key(f"WS#{workspace_id}", "WORKSPACE")


#: The list_pk of every workspace.
WORKSPACES = "WORKSPACES"


def api_key(workspace_id: str, key_id: str) -> Key:
    """Return an API key's key: same partition as its workspace."""
    return key(f"WS#{workspace_id}", f"KEY#{key_id}")


def requests_of(workspace_id: str, key_id: str, day: str) -> Key:
    """Return the key of an API key's request counts of a day, such as ``2026-11-22``."""
    return key(f"RATE#{workspace_id}#{key_id}", f"DAY#{day}")


def usage(workspace_id: str, month: str) -> Key:
    """Return the key of a workspace's units of a month, such as ``2026-11``."""
    return key(f"USAGE#{workspace_id}", f"MONTH#{month}")


def charge(workspace_id: str, month: str, charge_id: str) -> Key:
    """Return the key of an entry of the usage ledger: a month's entries are one partition."""
    return key(f"LEDGER#{workspace_id}#{month}", f"CHARGE#{charge_id}")


def claim(workspace_id: str, name: str) -> Key:
    """Return the key of a hold on an Idempotency-Key."""
    return key(f"CLAIM#{workspace_id}#{name}", "CLAIM")


def lookup(workspace_id: str, endpoint: str) -> Key:
    """Return the key of what a workspace's lookups of an endpoint do."""
    return key(f"WS#{workspace_id}", f"LOOKUP#{endpoint}")


def dataset(workspace_id: str, name: str) -> Key:
    """Return the key of a dataset: which of its versions is read."""
    return key(f"WS#{workspace_id}", f"DATASET#{name}")


#: A partition gives 3,000 read units a second (AWS limit); the rows of a dataset are spread over sixteen.
DATASET_SHARDS = 16


def dataset_shard(workspace_id: str, name: str, version: int, shard: int) -> str:
    """Return the pk of a shard of a version of a dataset."""
    return f"DATA#{workspace_id}#{name}#{version}#{shard}"


def dataset_row(workspace_id: str, name: str, version: int, row_key: str) -> Key:
    """Return the key of a row of a dataset."""
    shard = crc32(row_key.encode("utf-8", "surrogatepass")) % DATASET_SHARDS
    return key(dataset_shard(workspace_id, name, version, shard), f"ROW#{row_key}")


def sequence(workspace_id: str) -> Key:
    """Return the key of a workspace's integer sequence; that of the empty workspace numbers the workspaces."""
    return key(f"SEQ#{workspace_id}", "SEQUENCE")


def header(workspace_id: str, batch_id: str) -> Key:
    """Return a batch header's key."""
    return key(f"BATCH#{workspace_id}#{batch_id}", "HEADER")


def chunk(workspace_id: str, batch_id: str, number: int) -> str:
    """Return the pk of a chunk: each its own partition, so one batch is spread."""
    return f"CHUNK#{workspace_id}#{batch_id}#{number}"


def names_of_chunk(pk: str) -> tuple[str, str]:
    """Return (workspace id, batch id) of a chunk's pk."""
    _, workspace_id, batch_id, _ = pk.split("#")
    return workspace_id, batch_id


INPUT = "INPUT"


def unit(number: int) -> str:
    """Return the sk of a unit's row in its chunk."""
    return f"UNIT#{number:05d}"


def agent(workspace_id: str, agent_id: str) -> Key:
    """Return an agent's key."""
    return key(f"AGENTS#{workspace_id}", f"AGENT#{agent_id}")


def agent_version(workspace_id: str, agent_id: str, number: int) -> Key:
    """Return an agent version's key."""
    return key(f"AGENT#{workspace_id}#{agent_id}", f"V#{number:06d}")


def chat(workspace_id: str, chat_id: int) -> Key:
    """Return a chat's key."""
    return key(f"CHATS#{workspace_id}#{chat_id % CHAT_SHARDS}", f"{chat_id:016d}")


def turn(workspace_id: str, chat_id: int, turn_id: int) -> Key:
    """Return a turn's key: after its chat, in order."""
    return key(f"CHATS#{workspace_id}#{chat_id % CHAT_SHARDS}", f"{chat_id:016d}#{turn_id:016d}")


def file(workspace_id: str, file_id: str) -> Key:
    """Return an uploaded file's key."""
    return key(f"FILE#{workspace_id}#{file_id}", "FILE")


def delivery(workspace_id: str, delivery_id: str) -> Key:
    """Return a delivery's key."""
    return key(f"DELIVERY#{workspace_id}#{delivery_id}", "DELIVERY")


def receiver(workspace_id: str, name: str) -> Key:
    """Return the key of a receiver's slots; name: host and port."""
    return key(f"RECEIVER#{workspace_id}#{name}", "SLOTS")


def resource(kind: str, workspace_id: str, resource_id: str) -> Key:
    """Return a resource's key: a workspace's of one kind (POST, ACCOUNT, MEDIA, HOOK) are one partition, ids in order."""
    return key(f"{kind}#{workspace_id}", resource_id)


def endpoint_health(workspace_id: str, endpoint_id: str) -> Key:
    """Return the key of how the attempts at a webhook endpoint went."""
    return key(f"HOOKSTATS#{workspace_id}", endpoint_id)


def endpoint_pace(workspace_id: str, endpoint_id: str) -> Key:
    """Return the key of whose turn it is at a webhook endpoint."""
    return key(f"HOOKPACE#{workspace_id}", endpoint_id)


def publication(workspace_id: str, token: str) -> Key:
    """Return the key of what was published under a token."""
    return key(f"PUBLICATION#{workspace_id}", token)


def connecting(workspace_id: str, state: str) -> Key:
    """Return the key of a connection that was begun under a state."""
    return key(f"CONNECT#{workspace_id}#{state}", "CONNECT")


def publishing_hour(workspace_id: str) -> Key:
    """Return the key of the last hour that a workspace's queue was given."""
    return key(f"HOUR#{workspace_id}", "HOUR")


def run(workspace_id: str, batch_id: str, index: int) -> Key:
    """Return the key of a run's row: a hundred consecutive runs stand together, since a partition takes 1,000 writes a
    second (AWS limit).
    """
    return key(f"RUN#{workspace_id}#{batch_id}#{index // 100}", f"{index:03d}")


def runs_of(workspace_id: str, batch_id: str | None) -> str:
    """Return the list_pk of the runs of a workspace, or the group_pk of those of a batch."""
    return f"{workspace_id}#runs" if batch_id is None else f"{workspace_id}#runs#{batch_id}"


def open_batches(workspace_id: str, family: str) -> str:
    """Return the group_pk of a family's open batches in a workspace."""
    return f"{workspace_id}#open#{family}"


def ended_batches(workspace_id: str, family: str, *, stopped: bool) -> str:
    """Return the group_pk of a family's ended batches in a workspace: of those that were stopped, or of the others."""
    return f"{workspace_id}#{'stopped' if stopped else 'ended'}#{family}"


def deliveries_of(workspace_id: str, endpoint_id: str) -> str:
    """Return the group_pk of the deliveries to a webhook endpoint."""
    return f"{workspace_id}#deliveries#{endpoint_id}"


def due_pk(kind: str, identity: str) -> str:
    """Return the due_pk of an open batch (kind BATCH), a pending delivery (DELIVERY) or a post to be published (POST)."""
    return f"DUE#{kind}#{crc32(identity.encode()) % DUE_SHARDS}"


def due_pks(kind: str) -> list[str]:
    """Return every due_pk of a kind."""
    return [f"DUE#{kind}#{shard}" for shard in range(DUE_SHARDS)]
