from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("reconciliation", "0004_open_gaps_by_name"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="syncauditlog",
            index=models.Index(fields=["-at", "-id"], name="audit_newest_first"),
        ),
        migrations.AddIndex(
            model_name="syncauditlog",
            index=models.Index(
                condition=models.Q(("actor", ""), _negated=True), fields=["-at", "-id"], name="audit_of_people"
            ),
        ),
    ]
