"""The tables of reconciliation at once, for an empty database: what its migrations until 0016_cycles_are_shared make one after the other.

Django uses it where none of them has been applied; a database that has some goes on with them. None of them moves data that
an empty database could have.
"""

import django.core.serializers.json
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import reconciliation.models.requests
from django.db import migrations, models


class Migration(migrations.Migration):
    replaces = [
        ("reconciliation", "0001_initial"),
        ("reconciliation", "0002_tier1_requests"),
        ("reconciliation", "0003_calibration_is_audited"),
        ("reconciliation", "0004_open_gaps_by_name"),
        ("reconciliation", "0005_audit_by_time"),
        ("reconciliation", "0006_runs_are_forgotten"),
        ("reconciliation", "0007_undos_are_taken_back"),
        ("reconciliation", "0008_health_of_everything_is_kept"),
        ("reconciliation", "0009_audit_of_administration"),
        ("reconciliation", "0010_findings_are_counted"),
        ("reconciliation", "0011_replay_agrees"),
        ("reconciliation", "0012_audit_of_notes"),
        ("reconciliation", "0013_exports_are_put_together"),
        ("reconciliation", "0014_audit_of_frozen_values"),
        ("reconciliation", "0015_the_audit_log_is_sealed"),
        ("reconciliation", "0016_cycles_are_shared"),
    ]
    initial = True

    dependencies = [
        ('signals', '0031_how_often_fills_flipped'),
    ]

    operations = [
        migrations.CreateModel(
            name='AskingMark',
            fields=[
                ('name', models.CharField(max_length=16, primary_key=True, serialize=False)),
                ('gap_record', models.BigIntegerField(default=0)),
                ('fill', models.BigIntegerField(default=0)),
            ],
            options={
                'db_table': 'asking_mark',
            },
        ),
        migrations.CreateModel(
            name='AuditSeal',
            fields=[
                ('number', models.PositiveBigIntegerField(help_text='1, 2, 3 … without a gap.', primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('upto', models.BigIntegerField(help_text='Greatest key of an entry that it or one before has sealed.')),
                ('total', models.PositiveBigIntegerField(help_text='Entries sealed by it and all before it.')),
                ('entries', models.BinaryField(help_text='Key and digest of each entry that it seals, by key.')),
                ('missing', models.JSONField(default=list, help_text='Keys below `upto` that may still be committed, and since when.')),
                ('seal', models.CharField(help_text='SHA-256 of the seal before and of all of this.', max_length=64)),
            ],
            options={
                'db_table': 'audit_seals',
                'ordering': ['-number'],
            },
        ),
        migrations.CreateModel(
            name='Cluster',
            fields=[
                ('name', models.CharField(help_text='Its machine, and its VAR_DIR there.', max_length=255, primary_key=True, serialize=False)),
                ('workers', models.PositiveIntegerField()),
                ('started_at', models.DateTimeField()),
                ('seen_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'sync_clusters',
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='FindingTotal',
            fields=[
                ('source', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='finding_total', serialize=False, to='signals.source')),
                ('at', models.DateTimeField(help_text='When it was counted.')),
                ('signals', models.PositiveIntegerField(default=0)),
                ('findings', models.JSONField(default=dict, help_text='Signals by finding.')),
                ('seconds', models.FloatField(default=0, help_text='How long counting took, which says when to count again.')),
            ],
            options={
                'db_table': 'finding_totals',
                'ordering': ['source'],
            },
        ),
        migrations.CreateModel(
            name='GapTotal',
            fields=[
                ('gap', models.CharField(max_length=32, primary_key=True, serialize=False)),
                ('open', models.IntegerField(default=0)),
            ],
            options={
                'db_table': 'gap_totals',
                'ordering': ['gap'],
            },
        ),
        migrations.CreateModel(
            name='HealthTotal',
            fields=[
                ('name', models.CharField(max_length=8, primary_key=True, serialize=False)),
                ('at', models.DateTimeField(help_text='The moment as of which it was counted.')),
                ('signals', models.PositiveIntegerField(default=0)),
                ('without_gap', models.PositiveIntegerField(default=0)),
                ('seconds', models.FloatField(default=0, help_text='How long counting took, which says when to count again.')),
            ],
            options={
                'db_table': 'health_totals',
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='SyncLease',
            fields=[
                ('name', models.CharField(max_length=32, primary_key=True, serialize=False)),
                ('holder', models.CharField(blank=True, max_length=120)),
                ('token', models.PositiveBigIntegerField(default=0)),
                ('expires_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'sync_lease',
            },
        ),
        migrations.CreateModel(
            name='Companion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('url', models.CharField(help_text='Where requests are posted to.', max_length=300, validators=[reconciliation.models.requests.check_address])),
                ('secret', models.CharField(help_text='Signs the requests. Never shown again.', max_length=200, validators=[django.core.validators.MinLengthValidator(24)])),
                ('enabled', models.BooleanField(default=True, help_text='Off: requests wait until they are pulled, or expire.')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('source', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='companion', to='signals.source')),
            ],
            options={
                'db_table': 'companions',
                'ordering': ['source'],
            },
        ),
        migrations.CreateModel(
            name='ReplayedSignal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('symbol', models.CharField(max_length=32)),
                ('stretch', models.DateTimeField(help_text='Start of its stretch.')),
                ('triangle', models.DateTimeField()),
                ('direction', models.CharField(choices=[('Bullish', 'Bullish'), ('Bearish', 'Bearish')], max_length=8)),
                ('digest', models.CharField(max_length=32)),
                ('near_hole', models.BooleanField(default=False)),
                ('confirmed', models.DateTimeField(blank=True, null=True)),
                ('cancelled', models.DateTimeField(blank=True, null=True)),
                ('entry', models.DecimalField(blank=True, decimal_places=18, max_digits=32, null=True)),
                ('stop', models.DecimalField(blank=True, decimal_places=18, max_digits=32, null=True)),
                ('rests_on', models.DateTimeField(blank=True, null=True)),
                ('entry_digest', models.CharField(blank=True, max_length=32)),
                ('entry_hole', models.BooleanField(default=False)),
                ('stop_hole', models.BooleanField(default=False)),
            ],
            options={
                'db_table': 'replayed_signals',
                'ordering': ['symbol', '-triangle'],
                'indexes': [models.Index(fields=['symbol', 'confirmed'], name='replayed_by_confirmation')],
                'constraints': [models.UniqueConstraint(fields=('symbol', 'triangle'), name='one_replayed_signal_per_bar')],
            },
        ),
        migrations.CreateModel(
            name='ReplayState',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('symbol', models.CharField(max_length=32)),
                ('at', models.DateTimeField()),
                ('state', models.JSONField()),
            ],
            options={
                'db_table': 'replay_states',
                'ordering': ['symbol', '-at'],
                'constraints': [models.UniqueConstraint(fields=('symbol', 'at'), name='one_replay_state_per_bar')],
            },
        ),
        migrations.CreateModel(
            name='ReplayStretch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('symbol', models.CharField(max_length=32)),
                ('start', models.DateTimeField()),
                ('end', models.DateTimeField()),
                ('bars', models.PositiveIntegerField()),
                ('missing', models.PositiveIntegerField(help_text='Minutes of open market without a bar.')),
                ('continues', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'db_table': 'replay_stretches',
                'ordering': ['symbol', '-start'],
                'constraints': [models.UniqueConstraint(fields=('symbol', 'start'), name='one_replay_stretch_per_start')],
            },
        ),
        migrations.CreateModel(
            name='SetAside',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('error', models.TextField()),
                ('attempts', models.PositiveIntegerField(default=1)),
                ('first_at', models.DateTimeField()),
                ('retry_at', models.DateTimeField(db_index=True)),
                ('signal', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='set_aside', to='signals.automatedsignal')),
            ],
            options={
                'verbose_name_plural': 'signals set aside',
                'db_table': 'sync_set_aside',
                'ordering': ['retry_at'],
            },
        ),
        migrations.CreateModel(
            name='SyncRequest',
            fields=[
                ('id', models.UUIDField(default=reconciliation.models.requests.new_request_id, editable=False, primary_key=True, serialize=False)),
                ('reason', models.JSONField(help_text='Names of the gaps that it is about.')),
                ('state', models.CharField(choices=[('waiting', 'Waiting to be delivered'), ('delivered', 'Delivered to a companion'), ('answered', 'Answered'), ('withdrawn', 'Withdrawn: the gaps closed by other means'), ('expired', 'Expired without an answer to all of it'), ('failed', 'Could not be delivered')], default='waiting', max_length=10)),
                ('attempts', models.PositiveSmallIntegerField(default=0, help_text='How often delivering it over HTTP was tried.')),
                ('next_attempt_at', models.DateTimeField()),
                ('error', models.CharField(blank=True, help_text='Why the last attempt failed.', max_length=200)),
                ('delivered_to', models.CharField(blank=True, help_text="The companion's host, or pulled.", max_length=300)),
                ('created_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('delivered_at', models.DateTimeField(blank=True, null=True)),
                ('answered_at', models.DateTimeField(blank=True, help_text='When the last of its answers was found.', null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sync_requests', to='signals.source')),
            ],
            options={
                'db_table': 'sync_requests',
                'ordering': ['-created_at', '-pk'],
                'indexes': [models.Index(condition=models.Q(('state__in', ('waiting', 'delivered'))), fields=['source', 'created_at'], name='request_open'), models.Index(condition=models.Q(('state', 'failed')), fields=['-ended_at'], name='request_failed')],
            },
        ),
        migrations.CreateModel(
            name='AskedGap',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('gap', models.CharField(max_length=32)),
                ('times', models.PositiveSmallIntegerField(default=1)),
                ('events_seen', models.PositiveIntegerField(help_text='Events of the signal when it was asked: an answer comes later.')),
                ('answered_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('settled', models.BooleanField(default=False, help_text='Nothing was left to ask.')),
                ('again_at', models.DateTimeField(blank=True, help_text='When it may be asked again.', null=True)),
                ('signal', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='asked', to='signals.automatedsignal')),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='asked', to='reconciliation.syncrequest')),
            ],
            options={
                'db_table': 'asked_gaps',
                'ordering': ['pk'],
                'indexes': [models.Index(condition=models.Q(('again_at__isnull', False)), fields=['again_at'], name='ask_again_due')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('signal', 'gap'), name='one_open_ask_per_gap')],
            },
        ),
        migrations.CreateModel(
            name='SyncRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('running', 'Running'), ('finished', 'Finished'), ('failed', 'Failed'), ('abandoned', 'Abandoned: its process died')], default='running', max_length=10)),
                ('trigger', models.CharField(choices=[('schedule', 'Schedule'), ('command', 'Command line'), ('console', 'Console'), ('admin', 'Admin'), ('api', 'API'), ('start', 'First start')], max_length=10)),
                ('started_by', models.CharField(blank=True, help_text='User name, frozen.', max_length=150)),
                ('as_of', models.DateTimeField(help_text='The moment it judged due times by.')),
                ('options', models.JSONField(blank=True, default=dict)),
                ('started_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('signals_examined', models.PositiveIntegerField(default=0)),
                ('gaps_before', models.JSONField(blank=True, default=dict)),
                ('gaps_after', models.JSONField(blank=True, default=dict)),
                ('fills', models.PositiveIntegerField(default=0)),
                ('fills_by_tier', models.JSONField(blank=True, default=dict)),
                ('withdrawn', models.PositiveIntegerField(default=0)),
                ('healed', models.PositiveIntegerField(default=0, help_text='Signals whose rows knew less than their events.')),
                ('cancelled', models.PositiveIntegerField(default=0)),
                ('conflicts', models.PositiveIntegerField(default=0)),
                ('errors', models.PositiveIntegerField(default=0, help_text='Signals set aside.')),
                ('error', models.TextField(blank=True, help_text='Why the run itself failed.')),
                ('health_before', models.FloatField(blank=True, help_text='Percent; empty when the window is.', null=True)),
                ('health_after', models.FloatField(blank=True, null=True)),
                ('seconds', models.JSONField(blank=True, default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder)),
                ('kept', models.BooleanField(default=False, editable=False, help_text='Old, but referred to: never deleted.')),
            ],
            options={
                'db_table': 'sync_runs',
                'ordering': ['-pk'],
                'indexes': [models.Index(condition=models.Q(('state', 'finished')), fields=['-finished_at'], name='run_last_finished'), models.Index(condition=models.Q(('state', 'running')), fields=['id'], name='run_running'), models.Index(condition=models.Q(('kept', False)), fields=['started_at'], name='run_forgettable')],
            },
        ),
        migrations.CreateModel(
            name='SyncAuditLog',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('operation', models.UUIDField(blank=True, null=True)),
                ('action', models.CharField(choices=[('filled', 'Filled'), ('proposed', 'Proposed, waiting for approval'), ('approved', 'Approved'), ('healed', 'Healed from stored events'), ('superseded', 'Replaced by a better value'), ('conflict', 'Replaced by a better value that differs'), ('withdrawn', 'Withdrawn: its evidence changed'), ('frozen', 'Frozen: it kept changing without anything new'), ('undone', 'Undone'), ('taken_back', 'Undo taken back'), ('gap_opened', 'Gap opened'), ('gap_closed', 'Gap closed by a late event'), ('gap_dismissed', 'Gap dismissed'), ('gap_reopened', 'Gap dismissal taken back'), ('set_aside', 'Set aside after an error'), ('calibrated', 'Confidence measured'), ('noted', 'Note written'), ('note_removed', 'Note removed'), ('tagged', 'Tagged'), ('untagged', 'Tag removed'), ('administered', 'Changed beside signals'), ('merged', 'Entries taken over from a signal that was none'), ('removed', "Removed through the guards' door")], max_length=16)),
                ('gap', models.CharField(blank=True, max_length=32)),
                ('field', models.CharField(blank=True, max_length=32)),
                ('tier', models.CharField(blank=True, max_length=12)),
                ('method', models.CharField(blank=True, max_length=40)),
                ('old', models.JSONField(blank=True, null=True)),
                ('new', models.JSONField(blank=True, null=True)),
                ('confidence', models.DecimalField(blank=True, decimal_places=3, max_digits=4, null=True)),
                ('evidence', models.JSONField(blank=True, default=dict)),
                ('note', models.TextField(blank=True)),
                ('actor', models.CharField(blank=True, help_text='User name, frozen; empty for the cycle itself.', max_length=150)),
                ('signal', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='audit', to='signals.automatedsignal')),
                ('run', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='audit', to='reconciliation.syncrun')),
            ],
            options={
                'verbose_name': 'audit entry',
                'verbose_name_plural': 'audit log',
                'db_table': 'sync_audit_log',
                'ordering': ['-pk'],
                'indexes': [models.Index(fields=['action', '-at'], name='audit_by_action'), models.Index(fields=['-at', '-id'], name='audit_newest_first'), models.Index(condition=models.Q(('actor', ''), _negated=True), fields=['-at', '-id'], name='audit_of_people')],
            },
        ),
        migrations.CreateModel(
            name='SignalHealthMetric',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_index=True, help_text="The run's as-of moment.")),
                ('health', models.FloatField(blank=True, null=True)),
                ('window_signals', models.PositiveIntegerField(default=0)),
                ('window_without_gap', models.PositiveIntegerField(default=0)),
                ('actionable_gaps', models.PositiveIntegerField(default=0)),
                ('waiting_gaps', models.PositiveIntegerField(default=0)),
                ('gaps_by_type', models.JSONField(default=dict)),
                ('fills_by_tier', models.JSONField(default=dict)),
                ('run', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='metric', to='reconciliation.syncrun')),
            ],
            options={
                'db_table': 'signal_health_metrics',
                'ordering': ['-at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='Shard',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('taken', 'Under way'), ('done', 'Done'), ('failed', 'Failed'), ('dropped', 'Left to the next cycle')], default='waiting', max_length=8)),
                ('keys', models.JSONField(default=list, help_text='Of its signals, in order. Emptied when it is over.')),
                ('first', models.PositiveBigIntegerField(help_text='The least of its keys.')),
                ('last', models.PositiveBigIntegerField(help_text='The greatest of its keys.')),
                ('signals', models.PositiveIntegerField(help_text='How many it is to do.')),
                ('done', models.PositiveIntegerField(default=0, help_text='How many of them are done.')),
                ('results', models.JSONField(blank=True, default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder, help_text='What was counted.')),
                ('worker', models.CharField(blank=True, help_text='Who has it, or had it last.', max_length=120)),
                ('token', models.PositiveIntegerField(default=0, help_text='Grows with every taking, and with dropping.')),
                ('expires_at', models.DateTimeField(blank=True, help_text='When another may take it.', null=True)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('error', models.TextField(blank=True)),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='signals.source')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='shards', to='reconciliation.syncrun')),
            ],
            options={
                'db_table': 'sync_shards',
                'ordering': ['pk'],
                'indexes': [models.Index(condition=models.Q(('state__in', ['waiting', 'taken'])), fields=['run', 'id'], name='shard_open')],
            },
        ),
        migrations.CreateModel(
            name='GapRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('gap', models.CharField(max_length=32)),
                ('state', models.CharField(choices=[('open', 'Open'), ('filled', 'Filled by a tier'), ('closed', 'Closed by a late event'), ('dismissed', 'Dismissed by an operator'), ('reopened', 'Dismissal taken back')], default='open', max_length=10)),
                ('opened_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('tier', models.CharField(blank=True, help_text='The tier that filled it.', max_length=12)),
                ('reason', models.TextField(blank=True, help_text='Why an operator dismissed it.')),
                ('actor', models.CharField(blank=True, max_length=150)),
                ('signal', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='gap_records', to='signals.automatedsignal')),
                ('run', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='gap_records', to='reconciliation.syncrun')),
            ],
            options={
                'db_table': 'signal_gaps',
                'ordering': ['-pk'],
                'indexes': [models.Index(condition=models.Q(('state', 'dismissed')), fields=['gap', 'signal'], name='gap_dismissed'), models.Index(condition=models.Q(('state', 'open')), fields=['gap', 'signal'], name='gap_open')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state__in', ['open', 'dismissed'])), fields=('signal', 'gap'), name='one_standing_gap')],
            },
        ),
        migrations.CreateModel(
            name='AuditDoor',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('table', models.CharField(max_length=64)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('actor', models.CharField(blank=True, max_length=150)),
                ('why', models.TextField()),
                ('evidence', models.JSONField(default=dict)),
                ('shut', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='reconciliation.auditdoor')),
            ],
            options={
                'db_table': 'audit_door',
                'constraints': [models.CheckConstraint(condition=models.Q(('shut__lt', 0)), name='no_door_stays_open')],
            },
        ),
        migrations.CreateModel(
            name='IndicatorExport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=20)),
                ('at', models.DateTimeField(help_text='Fire minute of its first batch.')),
                ('total', models.PositiveIntegerField()),
                ('batches', models.JSONField(default=dict, help_text='Checksum and fire minute by batch number.')),
                ('entries', models.JSONField(default=list)),
                ('lists', models.JSONField(default=list)),
                ('unreadable', models.BooleanField(default=False, help_text='Some of its entries could not be read.')),
                ('symbol', models.CharField(blank=True, max_length=32)),
                ('start', models.DateTimeField(blank=True, null=True)),
                ('end', models.DateTimeField(blank=True, null=True)),
                ('deliveries', models.ManyToManyField(related_name='exports', to='signals.delivery')),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='exports', to='signals.source')),
            ],
            options={
                'db_table': 'indicator_exports',
                'ordering': ['source', '-at'],
                'indexes': [models.Index(condition=models.Q(('end__isnull', False)), fields=['source', 'end'], name='exports_that_are_whole')],
            },
        ),
        migrations.CreateModel(
            name='MeasuredConfidence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('tier', models.CharField(max_length=12)),
                ('field', models.CharField(max_length=32)),
                ('confidence', models.DecimalField(decimal_places=3, max_digits=4)),
                ('sample', models.PositiveIntegerField(help_text='How many hidden values it was measured on.')),
                ('measured_at', models.DateTimeField()),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='confidences', to='signals.source')),
            ],
            options={
                'db_table': 'measured_confidences',
                'ordering': ['source', 'tier', 'field'],
                'constraints': [models.UniqueConstraint(fields=('source', 'tier', 'field'), name='one_confidence_per_tier_and_field')],
            },
        ),
        migrations.CreateModel(
            name='Agreement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('heard', models.PositiveIntegerField()),
                ('agreed', models.PositiveIntegerField()),
                ('low', models.FloatField()),
                ('high', models.FloatField()),
                ('confidence', models.DecimalField(decimal_places=3, max_digits=4)),
                ('since', models.DateTimeField(blank=True, null=True)),
                ('shown', models.PositiveIntegerField(default=0)),
                ('received', models.PositiveIntegerField(default=0)),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='agreements', to='signals.source')),
                ('stretch', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='agreements', to='reconciliation.replaystretch')),
            ],
            options={
                'db_table': 'replay_agreements',
                'ordering': ['source', '-stretch__start'],
                'constraints': [models.UniqueConstraint(fields=('source', 'stretch'), name='one_agreement_per_stretch')],
            },
        ),
    ]
