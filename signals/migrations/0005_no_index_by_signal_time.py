from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("signals", "0004_packed_provenance"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="automatedsignal",
            name="signal_by_time",
        ),
    ]
