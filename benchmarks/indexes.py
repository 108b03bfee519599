"""Tables without their indexes for a while: so rows go in several times as fast, and each index is made in one go."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.databases import execute

MEMORY = "SET maintenance_work_mem = '2GB'; SET synchronous_commit = off"
# All but the keys that foreign keys refer to, each with what takes it away and what makes it again.
INDEXES = """
SELECT of.conname IS NULL, quote_ident(of.conname), index.indrelid::regclass::text,
       index.indexrelid::regclass::text,
       coalesce(pg_get_constraintdef(of.oid), pg_get_indexdef(index.indexrelid))
FROM pg_index index LEFT JOIN pg_constraint of ON of.conindid = index.indexrelid AND of.contype IN ('p', 'u')
WHERE index.indrelid = ANY (ARRAY[{tables}]::regclass[]) AND NOT EXISTS (
  SELECT 1 FROM pg_constraint reference WHERE reference.conindid = index.indexrelid AND reference.contype = 'f')
ORDER BY pg_relation_size(index.indexrelid) DESC
"""


@contextmanager
def without_indexes(url: str, tables: Sequence[str]) -> Iterator[None]:
    """Drop the tables' indexes, and make them again at the end, whose definitions the catalogue has told.

    After an error they stay away: the database is to be dropped. Raises UniqueViolation where rows are not unique.
    """
    found = execute(url, INDEXES.format(tables=", ".join(f"'{table}'" for table in tables)))
    for plain, constraint, table, index, _ in found:
        execute(url, f"DROP INDEX {index}" if plain else f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
    yield
    for plain, constraint, table, _, definition in found:
        again = definition if plain else f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {definition}"
        execute(url, f"{MEMORY}; {again}")
