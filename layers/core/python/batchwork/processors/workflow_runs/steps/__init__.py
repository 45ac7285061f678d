"""The types of steps, one file each: `extract.py` is ``EXTRACT``.

What a step run stores as its `result` (domain.run.StepRun.result), by type. Presenters make the clients' shapes of it.
Pages count from 1, and in a part that a SPLIT step cut, from the part's first page.

PARSE::

    {"chunks": [{"page": 1, "content": "...",
                 "sheet"?: "Sheet1",                  # a workbook's
                 "width"?: 612.0, "height"?: 792.0}], # points; pixels of an image
     "pageCount": 3,
     "type": "PDF",                                   # FileType
     "processingTimeMs": 12,
     "cut"?: true}          # contents are cut after CONTENT_LIMIT characters together; GET /files/{id} has the whole text

CLASSIFY::

    {"output": {"id": "cls_invoice", "type": "invoice", "confidence": 0.8,
                "insights": [{"type": "reasoning", "content": "..."}]}}

EXTRACT::

    {"output": {"value": {...},                       # by the schema; null for what was not found
                "metadata": {"total": {"ocrConfidence": null, "logprobsConfidence": 0.9,     # null where nothing was found
                                       "citations": [{"page": 1, "referenceText": "Total: 5"}]},
                             "line_items[0].sku": {...}, "vendor.name": {...}}}}

SPLIT::

    {"output": {"splits": [{"id": "split_...", "type": "invoice", "classificationId": "cls_invoice",
                            "identifier": "INV-7", "observation": "...", "startPage": 1, "endPage": 2,
                            "fileId": "file_..._0_1", "name": "invoice 1"}]}}

RULE_VALIDATION::

    {"rules": [{"name": "...", "valid": false, "validArray"?: [true, false],
                "failureReason"?: "RULE_FAILED" | "PARSE_ERROR" | "VALUE_ERROR", "error"?: "..."}],
     "allPassed": false}

ROUTER::

    {"matchedBranch": {"id": "...", "name": "..."} | null,
     "branches": [{"id": "...", "name": "...", "matched": true, "error"?: "..."}]}

EXTERNAL_DATA_VALIDATION::

    {"response": {"status": 200, "data": {...}}}      # what is no JSON object comes as {"body": ...}
    {"response": null, "error": "..."}                # no answer, and failureBehavior is CONTINUE

TRIGGER, CONDITIONAL, HUMAN_REVIEW, COLLECT and WEBHOOK_RESPONSE have no step run: the clients know none of theirs.
A step run that FAILED has ``{"failureReason": "...", "failureMessage": "..."}`` as its result; the run ends with it.

`StepRun.config` is the part of the step's configuration that answers repeat, without our secrets: that of `parseConfig`,
`classifierConfig`, `extractorConfig` or `splitterConfig` itself for the first four, None for the rest.
`StepRun.id` is ``workflow_step_run_<batch>_<index>_<number>``, numbered in the order in which steps ran.
"""
