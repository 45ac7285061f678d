"""Files of rows, as `batchwork-admin dataset load` reads them."""

from __future__ import annotations

import gzip
import tracemalloc
from contextlib import suppress
from csv import field_size_limit
from pathlib import Path
from typing import Any

import pytest

from batchwork.domain.errors import InvalidRequest
from batchwork.domain.lookup import MAX_ROW
from batchwork_admin.rows import MAX_LINE, opened


def read(path: Path, content: bytes, named: str | None = None) -> list[tuple[str, Any]]:
    path.write_bytes(content)
    with opened(path, named) as source:
        return list(source.rows)


def complaint(path: Path, content: bytes) -> tuple[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        read(path, content)
    (problem,) = refused.value.problems
    return problem.place, problem.message


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return tmp_path / "products.csv"


@pytest.fixture
def jsonl(tmp_path: Path) -> Path:
    return tmp_path / "products.jsonl"


class TestCsv:
    def test_each_record_is_an_object_of_texts_by_the_header(self, csv: Path) -> None:
        assert read(csv, b"sku,stock\nlamp,7\ndesk,\n") == [
            ("line 2", {"sku": "lamp", "stock": "7"}),
            ("line 3", {"sku": "desk", "stock": ""}),
        ]

    @pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["without-bom", "with-bom"])
    @pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
    def test_a_byte_order_mark_and_either_end_of_line_are_no_part_of_it(
        self, csv: Path, mark: bytes, end: bytes
    ) -> None:
        rows = read(csv, mark + end.join([b"sku,name", "lamp,Größe".encode(), b""]))
        assert rows == [("line 2", {"sku": "lamp", "name": "Größe"})]

    def test_the_last_line_needs_no_end(self, csv: Path) -> None:
        assert read(csv, b"sku\nlamp") == [("line 2", {"sku": "lamp"})]

    def test_quotes_hold_commas_quotes_and_lines_and_a_record_stands_where_it_begins(self, csv: Path) -> None:
        assert read(csv, b'sku,name\nlamp,"a ""b"", c\r\nd"\n\ndesk,e\n') == [
            ("line 2", {"sku": "lamp", "name": 'a "b", c\r\nd'}),
            ("line 5", {"sku": "desk", "name": "e"}),
        ]

    @pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"sku,stock\n"], ids=["empty", "bom", "header"])
    def test_a_file_without_records_has_no_rows(self, csv: Path, content: bytes) -> None:
        assert read(csv, content) == []

    @pytest.mark.parametrize(
        ("content", "place", "told"),
        [
            (b"sku,stock\na,1\nb\n", "line 3", "1 values and the header 2"),
            (b"sku,stock\na,1,x\n", "line 2", "3 values and the header 2"),
            (b"sku,a,sku\n1,2,3\n", "line 1", "names sku twice"),
            (b'sku\n"a"b\n', "line 2", "not CSV"),
            (b'sku\n"a\nb\n', "line 3", "not CSV"),
            (b"sku\na\n\xff\n", "line 3", "not UTF-8"),
            ("sku\na\n".encode("utf-16"), "line 1", "not UTF-8"),
            (b"sku\n" + b"x" * (MAX_ROW + 1) + b"\n", "line 2", "not CSV"),
        ],
        ids=["short", "long", "header", "quote", "open-quote", "bytes", "utf-16", "field"],
    )
    def test_what_is_wrong_is_told_with_its_line(self, csv: Path, content: bytes, place: str, told: str) -> None:
        found = complaint(csv, content)
        assert found[0] == place
        assert told in found[1]

    def test_a_value_may_be_as_large_as_a_row(self, csv: Path) -> None:
        ((_, row),) = read(csv, b"sku\n" + b"x" * (MAX_ROW - 20))
        assert len(row["sku"]) == MAX_ROW - 20

    @pytest.mark.parametrize("content", [b"sku\na\n", b'sku\n"a\n'], ids=["right", "wrong"])
    def test_how_large_a_value_others_take_is_left_as_it_was(self, csv: Path, content: bytes) -> None:
        before = field_size_limit()
        with suppress(InvalidRequest):
            read(csv, content)
        assert field_size_limit() == before != MAX_ROW


class TestJsonl:
    def test_each_line_is_a_row_as_json_has_it(self, jsonl: Path) -> None:
        assert read(jsonl, '{"sku": 7, "price": 1.5}\n\n \t\r\n["no object"]\n{"ü": null}'.encode()) == [
            ("line 1", {"sku": 7, "price": 1.5}),
            ("line 4", ["no object"]),
            ("line 5", {"ü": None}),
        ]

    def test_a_byte_order_mark_is_no_part_of_it(self, jsonl: Path) -> None:
        assert read(jsonl, b'\xef\xbb\xbf{"sku": 1}\r\n') == [("line 1", {"sku": 1})]

    @pytest.mark.parametrize(
        ("line", "told"),
        [
            (b"{", "not JSON"),
            (b'{"sku": 1} {"sku": 2}', "not JSON"),
            (b"sku,stock", "not JSON"),
            (b'{"sku": "\xff"}', "not UTF-8"),
            (b"[" * 200_000, "nested too deeply"),
            (b'{"n": ' + b"9" * 5000 + b"}", "more digits than can be read"),
            (b" " * (MAX_LINE + 1), f"more than {MAX_LINE} bytes"),
        ],
        ids=["cut", "two", "csv", "bytes", "deep", "digits", "long"],
    )
    def test_what_is_wrong_is_told_with_its_line(self, jsonl: Path, line: bytes, told: str) -> None:
        place, message = complaint(jsonl, b'{"sku": 1}\n' + line + b"\n")
        assert place == "line 2"
        assert told in message

    def test_nothing_of_a_bad_line_is_quoted(self, jsonl: Path) -> None:
        assert "hunter2" not in complaint(jsonl, b'{"secret": hunter2}')[1]


class TestFormats:
    @pytest.mark.parametrize("name", ["a.csv", "a.CSV", "a.b.csv", "a.csv.gz"])
    def test_csv_is_known_by_its_ending(self, tmp_path: Path, name: str) -> None:
        content = b"sku\n1\n"
        assert read(tmp_path / name, gzip.compress(content) if name.endswith(".gz") else content) == [
            ("line 2", {"sku": "1"})
        ]

    @pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.jsonl.gz"])
    def test_jsonl_is_known_by_its_ending(self, tmp_path: Path, name: str) -> None:
        content = b'{"sku": 1}\n'
        assert read(tmp_path / name, gzip.compress(content) if name.endswith(".gz") else content) == [
            ("line 1", {"sku": 1})
        ]

    def test_another_ending_needs_to_be_told(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidRequest):
            read(tmp_path / "products.txt", b"sku\n1\n")
        assert read(tmp_path / "products.txt", b"sku\n1\n", "csv") == [("line 2", {"sku": "1"})]

    @pytest.mark.parametrize(
        "broken",
        [gzip.compress(b"sku\n" + b"a\n" * 9999)[:-20], b"sku\na\n", gzip.compress(b"sku\na\n")[:12] + b"\xff" * 20],
        ids=["cut", "plain", "spoilt"],
    )
    def test_what_cannot_be_decompressed_is_told(self, tmp_path: Path, broken: bytes) -> None:
        place, told = complaint(tmp_path / "products.csv.gz", broken)
        assert place.startswith("line ")
        assert "decompressed" in told

    def test_a_file_that_is_not_there_is_told_by_the_system(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError), opened(tmp_path / "products.csv"):
            pass

    @pytest.mark.parametrize("name", ["products.csv", "products.csv.gz"])
    def test_how_far_it_is_read_is_told_in_bytes_as_they_are_stored(self, tmp_path: Path, name: str) -> None:
        content = b"sku\n" + b"".join(b"lamp-%d\n" % number for number in range(20_000))
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        with opened(path) as source:
            seen = [source.position() for _ in source.rows]
            assert source.size == path.stat().st_size
            assert seen == sorted(seen)
            assert 0 < seen[0] < source.size
            assert source.position() == source.size

    def test_a_file_is_never_held_whole(self, tmp_path: Path) -> None:
        path = tmp_path / "products.jsonl"
        with path.open("wb") as file:
            file.writelines(b'{"sku": %d, "text": "%s"}\n' % (number, b"x" * 500) for number in range(20_000))
        tracemalloc.start()
        try:
            with opened(path) as source:
                assert sum(1 for _ in source.rows) == 20_000
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()
