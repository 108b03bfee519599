from datetime import datetime, timezone
from decimal import Decimal

import django.core.validators
from django.db import migrations, models
from django.db.models import Q

FIRST, LAST = datetime(2000, 1, 1, tzinfo=timezone.utc), datetime(2200, 1, 1, tzinfo=timezone.utc)


def mend(apps, schema_editor):
    """What the constraints refuse from now on broke pages: it becomes what a new source has."""
    Source = apps.get_model("signals", "Source")
    Source.objects.filter(tick_size__lte=0).update(tick_size=Decimal("0.25"))
    Source.objects.filter(update_minutes=0).update(update_minutes=1)
    Source.objects.exclude(alert_expires_at__range=(FIRST, LAST)).update(alert_expires_at=None)


class Migration(migrations.Migration):
    dependencies = [
        ("signals", "0011_prices_keep_their_digits"),
    ]

    operations = [
        migrations.RunPython(mend, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="source",
            name="tick_size",
            field=models.DecimalField(
                decimal_places=6,
                default=Decimal("0.25"),
                max_digits=12,
                validators=[django.core.validators.MinValueValidator(Decimal("0.000001"), "A tick is more than 0.")],
            ),
        ),
        migrations.AlterField(
            model_name="source",
            name="update_minutes",
            field=models.PositiveSmallIntegerField(
                default=1,
                help_text="Minutes between updates of an open trade, as expected.",
                validators=[django.core.validators.MinValueValidator(1)],
            ),
        ),
        migrations.AlterField(
            model_name="source",
            name="alert_expires_at",
            field=models.DateTimeField(
                blank=True,
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(FIRST),
                    django.core.validators.MaxValueValidator(LAST),
                ],
            ),
        ),
        migrations.AddConstraint(
            model_name="source",
            constraint=models.CheckConstraint(condition=Q(tick_size__gt=0), name="source_tick_above_zero"),
        ),
        migrations.AddConstraint(
            model_name="source",
            constraint=models.CheckConstraint(condition=Q(update_minutes__gte=1), name="source_updates_in_minutes"),
        ),
        migrations.AddConstraint(
            model_name="source",
            constraint=models.CheckConstraint(
                condition=Q(alert_expires_at__isnull=True) | Q(alert_expires_at__range=(FIRST, LAST)),
                name="source_expiry_that_a_clock_shows",
            ),
        ),
    ]
