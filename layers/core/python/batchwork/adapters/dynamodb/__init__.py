"""The one table: keys, rows, stores."""
