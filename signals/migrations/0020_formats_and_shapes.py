import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('signals', '0019_symbols_of_stored_signals'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Format',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.SlugField(max_length=16)),
                ('version', models.PositiveIntegerField()),
                ('spec', models.JSONField()),
                ('state', models.CharField(choices=[('active', 'Active'), ('replaced', 'Replaced by a later version'), ('retired', 'Retired')], default='active', max_length=8)),
                ('creator', models.CharField(blank=True, help_text='Name of who made it, frozen.', max_length=150)),
                ('created_at', models.DateTimeField()),
                ('changed_at', models.DateTimeField(help_text='When its state changed last.')),
                ('note', models.TextField(blank=True)),
            ],
            options={
                'ordering': ['name', '-version'],
                'permissions': [('teach_format', 'Can teach, change and retire formats')],
            },
        ),
        migrations.AddField(
            model_name='automatedsignal',
            name='exit_price',
            field=models.DecimalField(blank=True, decimal_places=18, help_text='Where an order ended the trade, whatever its stop.', max_digits=32, null=True),
        ),
        migrations.AddField(
            model_name='automatedsignal',
            name='exit_reason',
            field=models.CharField(blank=True, max_length=64, null=True),
        ),
        migrations.AddField(
            model_name='quarantine',
            name='foreign',
            field=models.BooleanField(default=False, help_text="It is another alert's message, not a damaged one."),
        ),
        migrations.AddField(
            model_name='quarantine',
            name='shape',
            field=models.CharField(blank=True, help_text='Key of what it looks like (dialects/shapes.py).', max_length=32),
        ),
        migrations.AddField(
            model_name='quarantine',
            name='shape_label',
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AlterField(
            model_name='signalevent',
            name='type',
            field=models.CharField(choices=[('SIGNAL_CREATED', 'Signal created'), ('ENTRY', 'Entry'), ('MFE_UPDATE', 'MFE update'), ('BE_TRIGGERED', 'Break-even triggered'), ('EXIT_BREAK_EVEN', 'Exit at break-even'), ('EXIT_STOP_LOSS', 'Exit at stop loss'), ('EXIT', 'Exit'), ('CANCELLED', 'Cancelled'), ('UNIFIED_SNAPSHOT_V1', 'Snapshot'), ('INDICATOR_EXPORT_V2', 'Indicator export'), ('ALL_SIGNALS_EXPORT', 'All-signals export'), ('POLLING_RESPONSE', 'Polling response')], max_length=20),
        ),
        migrations.AddIndex(
            model_name='quarantine',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['foreign', 'shape'], name='quarantine_open_shapes'),
        ),
        migrations.AddField(
            model_name='format',
            name='created_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='format',
            name='source',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='formats', to='signals.source'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='format',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='signals.format'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('format__isnull', False)), fields=['format'], name='delivery_by_format'),
        ),
        migrations.AddConstraint(
            model_name='format',
            constraint=models.UniqueConstraint(fields=('name', 'version'), name='one_format_per_version'),
        ),
        migrations.AddConstraint(
            model_name='format',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'active')), fields=('name', 'source'), name='one_active_version_per_source'),
        ),
        migrations.AddConstraint(
            model_name='format',
            constraint=models.UniqueConstraint(condition=models.Q(('source', None), ('state', 'active')), fields=('name',), name='one_active_version_for_all'),
        ),
    ]
