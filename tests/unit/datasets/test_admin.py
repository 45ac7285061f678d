"""batchwork-admin on lookups and datasets, as an operator types it, over moto."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import pytest
from contract.conftest import bucket, in_moto, table  # noqa: F401 -- fixtures
from unit.identity.test_admin import Admin, admin  # noqa: F401 -- the fixture

from batchwork.adapters.dynamodb.datasets import DynamoDatasets
from batchwork.adapters.dynamodb.lookups import DynamoLookups
from batchwork.domain.item import Json
from batchwork.domain.lookup import Lookup, LookupKind
from batchwork_admin.__main__ import main

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:prices"
PRODUCTS = Path(__file__).parents[3] / "local/datasets/products.csv"


@pytest.fixture
def workspace(admin: Admin) -> str:  # noqa: F811 -- the fixture
    made: str = admin("workspace", "create", "Acme")["workspace"]
    return made


def rows(table: str, workspace: str, name: str, *keys: str) -> dict[str, Json]:  # noqa: F811 -- its name
    store = DynamoDatasets(table)
    dataset = store.get(workspace, name)
    assert dataset is not None
    return dict(store.rows(dataset, keys))


def refused(table: str, capsys: pytest.CaptureFixture[str], *words: str) -> str:  # noqa: F811 -- its name
    assert main([*words, "--table", table, "--bucket", "b"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    return told.err


class TestDatasets:
    def test_the_products_of_the_demo_are_found_by_their_sku(self, admin: Admin, table: str, workspace: str) -> None:  # noqa: F811
        told = admin("dataset", "load", workspace, "products", str(PRODUCTS), "--key", "sku")
        assert (told["dataset"], told["key"], told["rows"], told["duplicates"]) == ("products", "sku", 12, 0)
        assert rows(table, workspace, "products", "DESK-001", "SOFA-001") == {
            "DESK-001": {
                "sku": "DESK-001",
                "name": "Standing desk, 140 × 70 cm",
                "price": "489.00",
                "currency": "EUR",
                "stock": "12",
                "warehouse": "Leipzig",
            }
        }

    @pytest.mark.parametrize("name", ["p.jsonl", "p.jsonl.gz", "p.ndjson"])
    def test_jsonl_keeps_its_types_and_may_be_compressed(
        self,
        admin: Admin,  # noqa: F811
        table: str,  # noqa: F811
        workspace: str,
        tmp_path: Path,
        name: str,
    ) -> None:
        content = b'{"id": 7, "price": 1.50, "tags": ["a"]}\n{"id": "7", "price": 2}\n{"id": 8}\n'
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        told = admin("dataset", "load", workspace, "p", str(tmp_path / name), "--key", "id")
        assert (told["rows"], told["duplicates"]) == (2, 1)
        assert rows(table, workspace, "p", "7", "8") == {"7": {"id": "7", "price": 2}, "8": {"id": 8}}

    def test_the_format_may_be_told(self, admin: Admin, table: str, workspace: str, tmp_path: Path) -> None:  # noqa: F811
        (tmp_path / "p.txt").write_text("\ufeffsku,n\na,1\n", encoding="utf-8")
        admin("dataset", "load", workspace, "p", str(tmp_path / "p.txt"), "--key", "sku", "--format", "csv")
        assert rows(table, workspace, "p", "a") == {"a": {"sku": "a", "n": "1"}}

    def test_datasets_are_listed_and_deleted(self, admin: Admin, table: str, workspace: str) -> None:  # noqa: F811
        made = admin("dataset", "load", workspace, "products", str(PRODUCTS), "--key", "sku")
        del made["duplicates"]
        assert admin("dataset", "list", workspace) == [made]
        assert admin("dataset", "delete", workspace, "products") == {**made, "deleted": True}
        assert admin("dataset", "list", workspace) == []
        assert DynamoDatasets(table).get(workspace, "products") is None

    def test_one_that_an_endpoint_uses_is_not_deleted(
        self,
        admin: Admin,  # noqa: F811
        table: str,  # noqa: F811
        workspace: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        admin("dataset", "load", workspace, "products", str(PRODUCTS), "--key", "sku")
        admin("lookup", "set", workspace, "signals", "--dataset", "products")
        assert "It is used by signals" in refused(table, capsys, "dataset", "delete", workspace, "products")
        admin("lookup", "set", workspace, "signals", "--echo")
        admin("dataset", "delete", workspace, "products")

    @pytest.mark.parametrize(
        ("name", "content", "complaint"),
        [
            ("p.csv", b"sku,n\na,1\nb,2,3\n", "line 3: It has 3 values and the header 2"),
            ("p.csv", b"id\n1\n", "line 2: It has no field sku"),
            ("p.csv", b"sku\n", "rows: There is no row in it"),
            ("p.csv", b"sku\na\n\xff\n", "line 3: It is not UTF-8"),
            ("p.jsonl", b'{"sku": "a"}\n{"sku": null}\n', "line 2: Its sku names no row"),
            ("p.jsonl", b'{"sku": "a"}\n{"sku": \n', "line 2: It is not JSON"),
            ("p.jsonl", b'{"sku": "a", "n": NaN}\n', "line 1: It contains NaN"),
            ("p.jsonl.gz", b'{"sku": "a"}\n', "line 1: The file cannot be decompressed"),
            ("p.xlsx", b"PK", "p.xlsx: Its name does not end in .csv"),
        ],
        ids=["csv", "key", "empty", "utf-8", "null", "json", "nan", "gzip", "ending"],
    )
    def test_what_is_wrong_with_a_file_is_told_with_its_line_and_nothing_is_loaded(
        self,
        table: str,  # noqa: F811
        workspace: str,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        name: str,
        content: bytes,
        complaint: str,
    ) -> None:
        (tmp_path / name).write_bytes(content)
        words = ["dataset", "load", workspace, "products", str(tmp_path / name), "--key", "sku"]
        assert complaint in refused(table, capsys, *words)
        assert DynamoDatasets(table).find(workspace) == []

    def test_what_is_not_there_is_said(
        self,
        table: str,  # noqa: F811
        workspace: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        load = ["products", str(PRODUCTS), "--key", "sku"]
        assert "Workspace not found" in refused(table, capsys, "dataset", "load", "nowhere", *load)
        assert "Workspace not found" in refused(table, capsys, "dataset", "list", "nowhere")
        assert "Dataset not found" in refused(table, capsys, "dataset", "delete", workspace, "products")
        lost = ["products", "nothing.csv", "--key", "sku"]
        assert "nothing.csv" in refused(table, capsys, "dataset", "load", workspace, *lost)


class Terminal(io.StringIO):
    """A stderr that is a terminal."""

    def isatty(self) -> bool:
        return True


class TestProgress:
    @pytest.fixture
    def words(self, table: str, workspace: str) -> list[str]:  # noqa: F811 -- the fixture
        load = ["dataset", "load", workspace, "products", str(PRODUCTS), "--key", "sku"]
        return [*load, "--table", table, "--bucket", "b"]

    def test_on_a_terminal_a_bar_shows_how_much_of_the_file_is_loaded(
        self, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        assert main(words) == 0
        shown = terminal.getvalue()
        assert "products: 100%" in shown
        assert "12 rows" in shown
        assert "products:" not in capsys.readouterr().out

    def test_with_json_there_is_none(self, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        assert main([*words, "--json"]) == 0
        assert terminal.getvalue() == ""

    def test_elsewhere_there_is_none(self, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert main(words) == 0
        assert capsys.readouterr().err == ""


class TestLookups:
    def test_endpoints_echo_until_they_are_set(self, admin: Admin, workspace: str) -> None:  # noqa: F811
        assert admin("lookup", "list", workspace) == [
            {"endpoint": endpoint, "kind": "echo", "settings": {}}
            for endpoint in ("intelligence", "signals", "enrichment")
        ]

    @pytest.mark.parametrize(
        ("words", "lookup"),
        [
            (["--echo"], Lookup()),
            (["--dataset", "products"], Lookup(LookupKind.DATASET, {"dataset": "products", "field": "sku"})),
            (
                ["--dataset", "products", "--field", "id"],
                Lookup(LookupKind.DATASET, {"dataset": "products", "field": "id"}),
            ),
            (["--lambda", ARN], Lookup(LookupKind.FUNCTION, {"function_arn": ARN, "group_size": 25})),
            (
                ["--lambda", ARN, "--group-size", "5"],
                Lookup(LookupKind.FUNCTION, {"function_arn": ARN, "group_size": 5}),
            ),
            (
                ["--http", "https://api.example.com"],
                Lookup(LookupKind.HTTP, {"url": "https://api.example.com", "secret_ref": None}),
            ),
            (
                ["--http", "https://api.example.com", "--secret-ref", "ssm:/k"],
                Lookup(LookupKind.HTTP, {"url": "https://api.example.com", "secret_ref": "ssm:/k"}),
            ),
        ],
        ids=["echo", "dataset", "field", "lambda", "group", "http", "secret"],
    )
    def test_an_endpoint_does_what_it_is_set_to(
        self,
        admin: Admin,  # noqa: F811
        table: str,  # noqa: F811
        workspace: str,
        words: list[str],
        lookup: Lookup,
    ) -> None:
        admin("dataset", "load", workspace, "products", str(PRODUCTS), "--key", "sku")
        told = admin("lookup", "set", workspace, "enrichment", *words)
        assert told == {
            "workspace": workspace,
            "endpoint": "enrichment",
            "kind": str(lookup.kind),
            "settings": lookup.settings,
        }
        assert DynamoLookups(table).get(workspace, "enrichment") == lookup
        assert {each["endpoint"]: each["kind"] for each in admin("lookup", "list", workspace)} == {
            "intelligence": "echo",
            "signals": "echo",
            "enrichment": str(lookup.kind),
        }

    @pytest.mark.parametrize(
        ("words", "complaint"),
        [
            (["--dataset", "nothing"], "dataset: There is no dataset nothing"),
            (["--lambda", "prices"], "function_arn: It must be a function's ARN"),
            (["--lambda", ARN, "--group-size", "0"], "group_size: It must be 1 to 1000"),
            (["--http", "http://api.example.com"], "url: It must be an HTTPS URL"),
            (["--http", "https://169.254.169.254"], "url: It must not lead to"),
            (["--http", "https://api.example.com", "--secret-ref", "hunter2"], "secret_ref: It must read"),
            (["--echo", "--field", "sku"], "--field: It goes with --dataset only"),
            (["--http", "https://api.example.com", "--group-size", "5"], "--group-size: It goes with --lambda only"),
        ],
        ids=["dataset", "arn", "group", "plain", "metadata", "secret", "field", "other"],
    )
    def test_what_can_never_answer_is_refused(
        self,
        table: str,  # noqa: F811
        workspace: str,
        capsys: pytest.CaptureFixture[str],
        words: list[str],
        complaint: str,
    ) -> None:
        told = refused(table, capsys, "lookup", "set", workspace, "signals", *words)
        assert complaint in told
        assert "hunter2" not in told
        assert DynamoLookups(table).find(workspace) == {}

    def test_what_is_not_there_is_said(
        self,
        table: str,  # noqa: F811
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert "Workspace not found" in refused(table, capsys, "lookup", "list", "nowhere")
        assert "Workspace not found" in refused(table, capsys, "lookup", "set", "nowhere", "signals", "--echo")

    @pytest.mark.parametrize(
        ("words", "complaint"),
        [
            (["games", "--echo"], "invalid choice"),
            (["signals"], "required"),
            (["signals", "--echo", "--dataset", "a"], "not allowed with"),
            (["signals", "--lambda", ARN, "--group-size", "many"], "no whole number"),
        ],
    )
    def test_what_cannot_be_understood_ends_in_2(
        self, capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
    ) -> None:
        with pytest.raises(SystemExit) as ended:
            main(["lookup", "set", "w", *words, "--table", "t", "--bucket", "b"])
        assert ended.value.code == 2
        assert complaint in capsys.readouterr().err
