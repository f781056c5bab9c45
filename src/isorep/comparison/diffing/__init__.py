"""What a diff needs beside a table: matched layers, verdicts, elementwise errors."""
