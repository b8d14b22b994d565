"""What a server keeps of rows that are gone, as far as SQL reaches it.

Deleted rows stay in the pages of their table, its TOAST and its indexes; values of them in the
catalogues' dead rows; images of pages in the write-ahead log; statements with their values in
pg_stat_statements and in the server's log. Each is a place that holds copies, and so a holding
with a technique of stage 1. A store goes after them where its setting ``residue`` says so.
"""
