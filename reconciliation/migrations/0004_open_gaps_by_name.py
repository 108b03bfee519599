from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("reconciliation", "0003_calibration_is_audited"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="gaprecord",
            name="gap_open_by_signal",
        ),
        migrations.AddIndex(
            model_name="gaprecord",
            index=models.Index(condition=models.Q(("state", "open")), fields=["gap", "signal"], name="gap_open"),
        ),
    ]
