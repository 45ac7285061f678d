"""Fields found in documents by rules: by JSONPath in JSON, by patterns, by labels, by columns of tables. No model."""
