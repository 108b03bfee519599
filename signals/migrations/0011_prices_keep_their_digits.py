from django.db import migrations, models

PRICE = {"max_digits": 32, "decimal_places": 18}
R = {"max_digits": 20, "decimal_places": 12}
SIGNAL_PRICES = (
    "entry_price", "stop_loss", "be_price", "be_exit_price", "stop_exit_price",
    "current_price", "highest_high", "lowest_low",
)  # fmt: skip
MULTIPLES = {
    "be_mfe": {"help_text": "MFE of the break-even leg."},
    "no_be_mfe": {"help_text": "MFE of the leg with the original stop."},
    "mae": {},
    "be_mfe_peak": {},
    "no_be_mfe_peak": {},
}
OHLC = ("open", "high", "low", "close")
TABLES = {
    "automated_signals": {**dict.fromkeys(SIGNAL_PRICES, PRICE), **dict.fromkeys(MULTIPLES, R)},
    "signals_pricebar": dict.fromkeys(OHLC, PRICE),
    "signals_refusedbar": dict.fromkeys(OHLC, PRICE),
}


def widen(apps, schema_editor):
    """PostgreSQL writes a table anew for each such change: all of its columns go in one. SQLite knows no digits."""
    if schema_editor.connection.vendor != "postgresql":
        return
    for table, columns in TABLES.items():
        changes = ", ".join(
            f'ALTER COLUMN "{name}" TYPE numeric({digits["max_digits"]}, {digits["decimal_places"]})'
            for name, digits in columns.items()
        )
        schema_editor.execute(f'ALTER TABLE "{table}" {changes}')


def altered(model, name, **options):
    return migrations.AlterField(model, name, models.DecimalField(**options))


class Migration(migrations.Migration):
    dependencies = [("signals", "0010_deciders_keep_their_name")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(widen, migrations.RunPython.noop)],
            state_operations=[
                *(altered("automatedsignal", name, **PRICE, null=True, blank=True) for name in SIGNAL_PRICES),
                *(altered("automatedsignal", name, **R, null=True, blank=True, **more) for name, more in MULTIPLES.items()),
                *(altered("pricebar", name, **PRICE, null=True, blank=True) for name in ("open", "high", "low")),
                altered("pricebar", "close", **PRICE),
                *(altered("refusedbar", name, **PRICE) for name in OHLC),
            ],
        ),
    ]
