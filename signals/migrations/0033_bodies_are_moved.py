"""Bodies go to their table, some thousands in a transaction: what was moved stays moved when it is cut off."""

from django.db import migrations, transaction

AT_ONCE = 20_000  # deliveries
FIRST = "0" * 32


def move(apps, schema_editor):
    connection, last = schema_editor.connection, FIRST
    while last is not None:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            last = move_some(cursor, last)


def move_some(cursor, last):
    """Move the next ones behind this key. Returns the last key that was looked at; None when that was all."""
    # The offset is written out: psycopg2 and SQLite take no placeholder of the same type there.
    cursor.execute(f"SELECT id FROM deliveries WHERE id > %s ORDER BY id LIMIT 1 OFFSET {AT_ONCE - 1}", [last])
    row = cursor.fetchone()
    upto, values = (" AND id <= %s", [last, row[0]]) if row else ("", [last])
    cursor.execute(
        "INSERT INTO delivery_bodies (id, raw, repaired_text) SELECT id, raw, repaired_text FROM deliveries"
        f" WHERE status <> 'duplicate' AND id > %s{upto} ON CONFLICT DO NOTHING",
        values,
    )
    return row[0] if row else None


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("signals", "0032_bodies_of_deliveries"),
    ]

    operations = [
        migrations.RunPython(move, migrations.RunPython.noop),
    ]
