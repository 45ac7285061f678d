"""Fields found by rules: by labels, patterns, paths and columns, each with the place it was found at."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from unit.documents.made import a_workbook
from unit.steps.tasks import a_document, read, told

from batchwork.domain.document import Document
from batchwork.domain.item import Json
from batchwork.processors.workflow_runs.extraction.engine import Extraction
from batchwork.processors.workflow_runs.extraction.schema import MAX_PROPERTIES, fields_of, schema_problems

STRING = {"type": ["string", "null"]}
ITEMS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"description": STRING, "quantity": {"type": "integer"}, "unit_price": {"type": "number"}},
    },
}
CURRENCY = {
    "type": "object",
    "extend:type": "currency",
    "properties": {"amount": {"type": ["number", "null"]}, "iso_4217_currency_code": STRING},
}


def a_schema(**properties: Any) -> Json:
    return {"type": "object", "properties": properties}


def found(document: Document | str, **properties: Any) -> Json:
    """Return what is extracted by a sound schema."""
    schema = a_schema(**properties)
    assert told(schema_problems(schema, "schema")) == []
    output = Extraction(fields_of(schema)).of(a_document(document) if isinstance(document, str) else document)
    assert output["value"].keys() == properties.keys()
    return output


def value_of(document: Document | str, schema: Json, name: str = "field") -> Any:
    return found(document, **{name: schema})["value"][name]


@pytest.mark.parametrize(
    "text",
    [
        "Invoice Number: INV-7",
        "INVOICE NO. INV-7: see below\nInvoice No.: INV-7",
        "Invoice #: INV-7",
        "Invoice number ............ INV-7",
        "Invoice number = INV-7",
        "Invoice Number\tINV-7",
        "Invoice Number      INV-7",
        "| Invoice Number | INV-7 |",
        "Invoice Number:\nINV-7",
        "Invoice Number\n\nINV-7\n",
        "Date: 2025-01-01   Invoice Number: INV-7   Page: 1",
        "Customer: Joe Invoice Number: INV-7",
        "Invoice Number    Customer    Date\nINV-7    Joe    2025-01-01",
    ],
)
def test_a_field_is_found_by_the_label_that_its_name_says(text: str) -> None:
    properties = {"invoice_number": STRING, "customer": STRING, "date": STRING}
    assert found(text, **properties)["value"]["invoice_number"] == "INV-7"


def test_empty_columns_do_not_move_their_neighbours() -> None:
    document = read("a.csv", b"invoice_number,customer,total\nINV-7,,5\n")
    values = found(document, invoice_number=STRING, customer=STRING, total={"type": "number"})["value"]
    assert values == {"invoice_number": "INV-7", "customer": None, "total": 5}


def test_what_is_not_there_is_null_and_cites_nothing() -> None:
    output = found("Nothing of interest.", invoice_number=STRING, items=ITEMS, total={"type": "number"})
    assert output["value"] == {"invoice_number": None, "items": [], "total": None}
    assert output["metadata"]["total"] == {"ocrConfidence": None, "logprobsConfidence": None, "citations": []}


def test_a_value_cites_its_page_and_line() -> None:
    output = found(a_document("Cover", "Total due:  $5.00"), total_due={"type": "number"})
    assert output["value"] == {"total_due": 5}
    cited = output["metadata"]["total_due"]
    assert cited["citations"] == [{"page": 2, "referenceText": "Total due: $5.00"}]
    assert 0 < cited["logprobsConfidence"] <= 1


def test_a_label_that_says_the_same_in_more_words_is_less_sure() -> None:
    exact = found("Total: 5", total={"type": "number"})["metadata"]["total"]["logprobsConfidence"]
    output = found("Subtotal: 4\nGrand Total: 5", total={"type": "number"})
    assert output["value"]["total"] == 5
    assert output["metadata"]["total"]["logprobsConfidence"] < exact


NUMBER = {"type": ["number", "null"]}
DATE = {"type": ["string", "null"], "extend:type": "date"}
NAMED = {"type": "object", "properties": {"name": STRING}}


@pytest.mark.parametrize(
    ("text", "properties", "values"),
    [
        (
            "Subtotal: 80\nTax: 19\nTotal: 99",
            {"tax_total": NUMBER, "net_total": NUMBER, "total": NUMBER},
            {"tax_total": None, "net_total": None, "total": 99},
        ),
        (
            "Date: 03/15/2026\nDue: 2026-04-14",
            {"due_date": DATE, "invoice_date": DATE},
            {"due_date": None, "invoice_date": None},
        ),
        ("Number: 7", {"order_number": STRING}, {"order_number": None}),
        ("Total amount: 7", {"net_total_amount": NUMBER}, {"net_total_amount": None}),
        (
            "Due date: 2026-04-14",
            {"date": DATE, "due_date": DATE, "payment_due_date": DATE},
            {"date": None, "due_date": "2026-04-14", "payment_due_date": None},
        ),
        (
            "Due date: 2026-04-14",
            {"payment_due_date": DATE, "first_delivery_due_date": DATE},
            {"payment_due_date": None, "first_delivery_due_date": None},
        ),
        (
            "Grand total due: 5",
            {"total": NUMBER, "grand": NUMBER, "due": NUMBER},
            {"total": None, "grand": 5, "due": None},
        ),
        ("Grand total: 5", {"totals": {"type": "array", "items": NUMBER}, "total": NUMBER}, {"totals": [], "total": 5}),
        ("Customer name: Joe", {"vendor": NAMED}, {"vendor": {"name": None}}),
        ("Name: Joe", {"vendor": NAMED, "customer": NAMED}, {"vendor": {"name": None}, "customer": {"name": None}}),
        ("Name: Joe", {"vendor": NAMED, "name": STRING}, {"vendor": {"name": None}, "name": "Joe"}),
    ],
)
def test_a_field_is_rather_null_than_another_ones_value(text: str, properties: Json, values: Json) -> None:
    assert found(text, **properties)["value"] == values


def test_a_label_may_lack_the_first_word_of_a_name_that_is_told_without_it() -> None:
    output = found("Due date: 2026-04-14\nGrand total: 5", payment_due_date=DATE, total=NUMBER)
    assert output["value"] == {"payment_due_date": "2026-04-14", "total": 5}
    assert output["metadata"]["payment_due_date"]["logprobsConfidence"] == 0.6


def test_what_served_a_field_is_not_given_to_one_with_a_label_that_is_only_alike() -> None:
    output = found("Invoice total: 5\nTotal due: 7", invoice=NUMBER, total=NUMBER)
    assert output["value"] == {"invoice": 5, "total": 7}


def test_a_label_that_the_owner_gave_counts_for_each_field_that_has_it() -> None:
    given = {**NUMBER, "x-labels": ["Sum"]}
    assert found("Sum: 5", one=given, two=given)["value"] == {"one": 5, "two": 5}


def test_a_label_without_a_colon_counts_where_the_value_can_be_told_by_its_form() -> None:
    assert value_of("Field 1,234.50\n", {"type": "number"}) == 1234.5
    assert value_of("Field of dreams\n", STRING) is None


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": "integer"}, "Field: 7.5", None),
        ({"type": "boolean"}, "Field: yes", True),
        ({"type": "string", "extend:type": "date"}, "Field: March 4, 2025", "2025-03-04"),
        ({"type": "string", "format": "date"}, "Field: 4.3.2025", "2025-03-04"),
        (CURRENCY, "Field: $1,234.50", {"amount": 1234.5, "iso_4217_currency_code": "USD"}),
        ({"enum": ["open", "closed", None]}, "Field: CLOSED", "closed"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "Field: 5", 5),
        ({"type": "string", "title": "Purchase order"}, "Purchase order: 77", "77"),
        ({"type": "string", "x-labels": ["Our reference"]}, "Field: 1\nOur Reference: 77", "77"),
        ({"type": "array", "items": {"type": "number"}}, "Field: 1, 2; 3", [1, 2, 3]),
    ],
)
def test_values_are_of_the_type_that_the_schema_says(schema: Json, text: str, value: object) -> None:
    assert value_of(text, schema) == value


def test_a_pattern_finds_what_its_group_says_wherever_it_stands() -> None:
    document = a_document("Ref 1", "Our order PO-0042 of May, and PO-7")
    output = found(document, field={"type": "integer", "x-pattern": r"PO-0*(\d+)"})
    assert output["value"] == {"field": 42}
    assert output["metadata"]["field"]["citations"] == [{"page": 2, "referenceText": "PO-0042"}]
    assert value_of(document, {"type": "string", "x-pattern": r"PO-\d+"}) == "PO-0042"
    everyone = {"type": "array", "items": {"type": "string"}, "x-pattern": r"PO-\d+"}
    assert value_of(document, everyone) == ["PO-0042", "PO-7"]


def test_nested_objects_are_found_by_their_own_labels_with_or_without_the_outer_one() -> None:
    vendor = {"type": "object", "properties": {"name": STRING, "vat_id": STRING}}
    output = found("Name: somebody\nVendor name: Acme\nVAT ID: DE1", vendor=vendor)
    assert output["value"] == {"vendor": {"name": "Acme", "vat_id": "DE1"}}
    assert {"vendor.name", "vendor.vat_id"} == output["metadata"].keys()


TABLES = [
    "Description      Qty    Unit Price\nBig widget       2      $1.50\nGadget           10     2,000.00\nTotal                   2,003.00",
    "| Description | Quantity | Unit Price |\n|---|---|---|\n| Big widget | 2 | 1.50 |\n| Gadget | 10 | 2000 |",
    "No\tDescription\tQuantity\tUnit price\n1\tBig widget\t2\t1.5\n2\tGadget\t10\t2000\n\nThank you",
]


@pytest.mark.parametrize("text", TABLES)
def test_arrays_of_objects_are_the_rows_of_the_table_that_has_their_columns(text: str) -> None:
    output = found(f"Some words before it.\n\n{text}\n", line_items=ITEMS)
    assert output["value"]["line_items"] == [
        {"description": "Big widget", "quantity": 2, "unit_price": 1.5},
        {"description": "Gadget", "quantity": 10, "unit_price": 2000},
    ]
    assert output["metadata"]["line_items[1].quantity"]["citations"][0]["referenceText"].startswith(
        ("Gadget", "2 | Gadget")
    )


def test_a_table_goes_on_under_its_head_on_the_next_page() -> None:
    head = "Description | Quantity | Unit price"
    document = a_document(f"{head}\na | 1 | 1", f"{head}\nb | 2 | 2")
    assert [each["description"] for each in value_of(document, ITEMS)] == ["a", "b"]


HEAD = ["Description", "Quantity", "Unit Price"]


@pytest.mark.parametrize(
    ("second", "descriptions"),
    [
        ([["Name", "Age", "Town"], ["Joe", 40, 5], ["Ann", 30, 6]], ["a"]),
        ([["b", 2, 2]], ["a"]),
        ([HEAD, ["b", 2, 2]], ["a", "b"]),
        ([["More", "of", "them"], HEAD, ["b", 2, 2]], ["a", "b"]),
    ],
)
def test_a_table_ends_with_its_sheet_unless_its_head_is_there_again(second: Any, descriptions: list[str]) -> None:
    document = read("t.xlsx", a_workbook({"Items": [HEAD, ["a", 1, 1.5]], "Other": second}))
    assert [each["description"] for each in value_of(document, ITEMS)] == descriptions


def test_a_table_of_a_text_goes_on_over_its_pages() -> None:
    document = a_document("Description | Quantity | Unit price\na | 1 | 1", "b | 2 | 2")
    assert [each["description"] for each in value_of(document, ITEMS)] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", b"description,quantity,unit_price\na,1,1.5\nb,2,3\n"),
        ("t.csv", b"unit_price;other;description;quantity\n1.5;x;a;1\n3;x;b;2\n"),
        ("t.xlsx", a_workbook({"Items": [["Description", "Quantity", "Unit Price"], ["a", 1, 1.5], ["b", 2, 3]]})),
        (
            "t.html",
            (
                b"<html><table><tr><th>Description</th><th>Quantity</th><th>Unit price</th></tr>"
                b"<tr><td>a</td><td>1</td><td>1.5</td></tr><tr><td>b</td><td>2</td><td>3</td></tr></table>"
            ),
        ),
    ],
)
def test_tables_are_found_in_files_of_every_kind(name: str, content: bytes) -> None:
    items = [
        {"description": "a", "quantity": 1, "unit_price": 1.5},
        {"description": "b", "quantity": 2, "unit_price": 3},
    ]
    assert value_of(read(name, content), ITEMS) == items


def test_json_is_read_by_names_and_by_paths() -> None:
    document = read(
        "order.json",
        json.dumps(
            {
                "orderNumber": 77,
                "buyer": {"name": "Joe", "vat": {"id": "DE1"}},
                "total": {"value": "5.50", "currency": "EUR"},
                "lines": [{"sku": "A", "qty": "2"}, {"sku": "B", "qty": 3}],
            }
        ).encode(),
    )
    lines = {
        "type": "array",
        "x-path": "$.lines[*]",
        "items": {"type": "object", "properties": {"sku": STRING, "count": {"type": "integer", "x-path": "$.qty"}}},
    }
    output = found(
        document,
        order_number=STRING,
        buyer={"type": "object", "properties": {"name": STRING, "vat_id": {"type": "string", "x-path": "vat.id"}}},
        total=CURRENCY,
        lines=lines,
        skus={"type": "array", "items": STRING, "x-path": "$..sku"},
        missing=STRING,
    )
    assert output["value"] == {
        "order_number": "77",
        "buyer": {"name": "Joe", "vat_id": "DE1"},
        "total": {"amount": 5.5, "iso_4217_currency_code": "EUR"},
        "lines": [{"sku": "A", "count": 2}, {"sku": "B", "count": 3}],
        "skus": ["A", "B"],
        "missing": None,
    }


def test_whole_numbers_of_json_are_integers() -> None:
    document = read("a.json", b'{"field": 7.0, "money": 7.0, "large": 1e22, "some": 7.5}')
    integer = {"type": "integer"}
    assert found(document, field={"type": "number"}, money=CURRENCY, large=integer, some=integer)["value"] == {
        "field": 7,
        "money": {"amount": 7, "iso_4217_currency_code": None},
        "large": None,
        "some": None,
    }
    assert isinstance(value_of(document, {"type": "number"}), int)


def test_what_is_nested_in_a_row_of_a_table_is_never_null() -> None:
    size = {"type": "object", "properties": {"width": {"type": "number"}}}
    tags = {"type": "array", "items": STRING}
    items = {"type": "array", "items": {"type": "object", "properties": {"sku": STRING, "size": size, "tags": tags}}}
    (item, *_) = value_of("Sku | Size | Tags\nA-1 | large | new", items)
    assert item == {"sku": "A-1", "size": {"width": None}, "tags": []}


def test_xml_is_read_by_the_names_of_its_elements() -> None:
    document = read("i.xml", b"<?xml version='1.0'?><i><invoiceNumber>7</invoiceNumber><x:total>5</x:total></i>")
    assert found(document, invoice_number=STRING, total={"type": "number"})["value"] == {
        "invoice_number": "7",
        "total": 5,
    }


def test_a_signature_tells_who_signed_and_when() -> None:
    schema = {"type": "object", "extend:type": "signature", "properties": {"is_signed": {"type": "boolean"}}}
    signed = value_of("Signature: J. Doe\nPrinted name: Jane Doe\nTitle: CFO\nDate: 2025-03-04", schema)
    assert signed == {
        "printed_name": "Jane Doe",
        "signature_date": "2025-03-04",
        "is_signed": True,
        "title_or_role": "CFO",
    }
    assert value_of("Signature: ______\nPrinted name: Jane Doe", schema)["is_signed"] is False


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ([], "schema: must be a JSON Schema of an object with properties"),
        ({"type": "array", "properties": {"a": STRING}}, "schema.type: must be object"),
        (a_schema(a={}), "schema.properties.a.type: is required"),
        (a_schema(a={"type": "date"}), "schema.properties.a.type: must be one of string, number"),
        (a_schema(a={"type": ["string", "number"]}), "schema.properties.a.type: must be one of"),
        (a_schema(a={"$ref": "#/x"}), "schema.properties.a: must not use $ref"),
        (a_schema(a={"oneOf": [STRING]}), "schema.properties.a: must not use $ref"),
        (a_schema(a={"anyOf": [STRING, {"type": "number"}]}), "schema.properties.a: must not use $ref"),
        (a_schema(a={"type": "string", "x-pattern": "("}), "schema.properties.a.x-pattern: cannot be used"),
        (a_schema(a={"type": "string", "x-pattern": r"(a)\1"}), "schema.properties.a.x-pattern: cannot be used"),
        (a_schema(a={"type": "string", "x-path": "$["}), "schema.properties.a.x-path: cannot be used"),
        (a_schema(a={"type": "string", "x-path": "$..a..b"}), "schema.properties.a.x-path: cannot be used: only one"),
        (
            a_schema(a={"type": "string", "x-path": "$[?match(@.a, 'x')]"}),
            "schema.properties.a.x-path: cannot be used: match",
        ),
        (
            a_schema(a={"type": "string", "x-path": "$.a[?@.b == $.c]"}),
            "schema.properties.a.x-path: cannot be used: only",
        ),
        (a_schema(a={"type": "string", "x-labels": ["--"]}), "schema.properties.a.x-labels: must be an array"),
        (a_schema(a={"enum": []}), "schema.properties.a.enum: must be an array"),
        (a_schema(a={"type": "array"}), "schema.properties.a.items: must be an object"),
        (a_schema(a={"type": "array", "items": {"type": "array", "items": STRING}}), "schema.properties.a.items.type"),
        (a_schema(a={"type": "object"}), "schema.properties.a.properties: must be an object with a property"),
        (a_schema(a={"type": "string", "extend:type": "color"}), "schema.properties.a.extend:type: must be one of"),
        (a_schema(**{"a.b": STRING}), "schema.properties.a.b: must have a name without dots"),
        (a_schema(**{f"p{number}": STRING for number in range(MAX_PROPERTIES + 1)}), "schema: must have at most 300"),
    ],
)
def test_a_schema_that_cannot_be_used_says_what_is_wrong_where(schema: Any, says: str) -> None:
    assert any(each.startswith(says) for each in told(schema_problems(schema, "schema")))


def test_schemas_are_not_nested_without_end() -> None:
    schema: Json = STRING
    for _ in range(10):
        schema = {"type": "object", "properties": {"a": schema}}
    assert any("nested more than" in each for each in told(schema_problems(schema, "schema")))


@pytest.mark.parametrize(
    "text",
    [
        ":" * 1_000_000,
        "a: " * 300_000,
        "field " * 150_000,
        "|" * 1_000_000,
        "\n".join("Description | Quantity | Unit price" for _ in range(20_000)),
        "\t" * 1_000_000,
        "1," * 400_000,
        "." * 1_000_000,
    ],
    ids=["colons", "labels", "words", "bars", "heads", "tabs", "digits", "dots"],
)
def test_a_text_that_is_made_to_be_slow_is_not(text: str) -> None:
    started = time.process_time()
    found(text, field=STRING, date={"type": "string", "format": "date"}, total={"type": "number"}, items=ITEMS)
    assert time.process_time() - started < 8


def test_a_pattern_that_would_never_end_elsewhere_takes_no_time() -> None:
    started = time.process_time()
    assert value_of("a" * 200_000, {"type": "string", "x-pattern": r"(a+)+$b"}) is None
    assert time.process_time() - started < 2
