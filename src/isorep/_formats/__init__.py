"""File formats: one reader or writer a file, plain arrays and a header; `formats` lists them."""
