"""The tables of dashboard at once, for an empty database: what its migrations until 0010_passkeys make one after the other.

Django uses it where none of them has been applied; a database that has some goes on with them. None of them moves data that
an empty database could have.
"""

import django.core.serializers.json
import django.core.validators
import django.db.models.deletion
import reconciliation.models.requests
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    replaces = [
        ("dashboard", "0001_jobs"),
        ("dashboard", "0002_api_tokens"),
        ("dashboard", "0003_analysis_counts"),
        ("dashboard", "0004_outbox_and_notifying"),
        ("dashboard", "0005_outbound"),
        ("dashboard", "0006_preferences_and_views"),
        ("dashboard", "0007_last_writes"),
        ("dashboard", "0008_second_factors"),
        ("dashboard", "0009_order_and_simulated"),
        ("dashboard", "0010_passkeys"),
    ]
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('signals', '0031_how_often_fills_flipped'),
    ]

    operations = [
        migrations.CreateModel(
            name='AnalysisCount',
            fields=[
                ('key', models.CharField(help_text='Digest of the question.', max_length=32, primary_key=True, serialize=False)),
                ('query', models.TextField(help_text='The question, as an address.')),
                ('state', models.CharField(choices=[('waiting', 'Waiting for the worker'), ('running', 'Being counted'), ('finished', 'Counted'), ('failed', 'Failed')], default='waiting', max_length=10)),
                ('asked_at', models.DateTimeField(help_text='When the worker was last asked to count.')),
                ('counted_at', models.DateTimeField(blank=True, null=True)),
                ('seconds', models.FloatField(blank=True, help_text='How long that took.', null=True)),
                ('report', models.JSONField(blank=True, null=True)),
                ('says', models.TextField(blank=True, help_text='Why it failed.')),
            ],
            options={
                'db_table': 'analysis_counts',
                'ordering': ['-asked_at'],
            },
        ),
        migrations.CreateModel(
            name='Destination',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=64, unique=True)),
                ('sealed', models.TextField(help_text='The address, sealed (dashboard/outbox/sealing.py).')),
                ('service', models.CharField(help_text='What Apprise calls the service.', max_length=64)),
                ('enabled', models.BooleanField(default=True)),
                ('least', models.CharField(choices=[('bad', 'Bad: something does not work'), ('warn', 'Warning: for somebody to see to in time'), ('info', 'For information')], default='warn', help_text='Least severity.', max_length=4)),
                ('escalations_only', models.BooleanField(default=False, help_text='Gets only what nobody saw to in time.')),
                ('tested_at', models.DateTimeField(blank=True, null=True)),
                ('test_error', models.CharField(blank=True, help_text='Why the last test failed.', max_length=400)),
            ],
            options={
                'db_table': 'notifying_destinations',
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='Endpoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=64, unique=True)),
                ('url', models.CharField(max_length=300, validators=[reconciliation.models.requests.check_address], verbose_name='address')),
                ('secret', models.CharField(help_text='Sealed.', max_length=400)),
                ('old_secret', models.CharField(blank=True, help_text='Sealed; it signs, too, until it ends.', max_length=400)),
                ('old_secret_ends_at', models.DateTimeField(blank=True, null=True)),
                ('enabled', models.BooleanField(default=True)),
                ('off_because', models.CharField(blank=True, help_text='Why it was switched off by itself.', max_length=200)),
                ('types', models.JSONField(blank=True, default=list)),
                ('sources', models.JSONField(blank=True, default=list, help_text='Names of sources.')),
                ('symbols', models.JSONField(blank=True, default=list)),
                ('direction', models.CharField(blank=True, choices=[('Bullish', 'Bullish'), ('Bearish', 'Bearish')], max_length=8)),
                ('least_tier', models.CharField(blank=True, help_text='Key of a tier.', max_length=12)),
                ('least_confidence', models.DecimalField(decimal_places=3, default=Decimal('0'), max_digits=4, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)])),
                ('most_minutes', models.PositiveIntegerField(blank=True, help_text='Minutes after which something that happened is not told any more.', null=True)),
                ('created_at', models.DateTimeField()),
                ('created_by', models.CharField(help_text='User name, frozen.', max_length=150)),
                ('last_success_at', models.DateTimeField(blank=True, null=True)),
                ('last_error_at', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.CharField(blank=True, max_length=400)),
                ('failing_since', models.DateTimeField(blank=True, help_text='First failure since the last success.', null=True)),
            ],
            options={
                'db_table': 'outbound_endpoints',
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='Job',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=16)),
                ('title', models.CharField(max_length=200)),
                ('arguments', models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder)),
                ('state', models.CharField(choices=[('waiting', 'Waiting for the worker'), ('running', 'Running'), ('finished', 'Finished'), ('failed', 'Failed')], default='waiting', max_length=10)),
                ('total', models.PositiveIntegerField()),
                ('done', models.PositiveIntegerField(default=0)),
                ('result', models.JSONField(default=dict, help_text='Figures of all slices so far.')),
                ('says', models.TextField(blank=True, help_text='What came of it, or why it failed.')),
                ('started_by', models.CharField(help_text='User name, frozen.', max_length=150)),
                ('created_at', models.DateTimeField()),
                ('updated_at', models.DateTimeField(help_text='When it last got on.')),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'db_table': 'console_jobs',
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='LastWrite',
            fields=[
                ('person', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('position', models.BigIntegerField(help_text='Of the write-ahead log, in bytes.')),
                ('at', models.DateTimeField()),
            ],
            options={
                'db_table': 'last_writes',
            },
        ),
        migrations.CreateModel(
            name='Pace',
            fields=[
                ('destination', models.CharField(max_length=80, primary_key=True, serialize=False)),
                ('full_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'outgoing_paces',
            },
        ),
        migrations.CreateModel(
            name='Ping',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('run', models.PositiveBigIntegerField(default=0)),
                ('good', models.BooleanField(default=True, help_text='Whether that cycle finished.')),
                ('at', models.DateTimeField(blank=True, null=True)),
                ('error', models.CharField(blank=True, help_text='Why it could not be told.', max_length=200)),
            ],
            options={
                'db_table': 'deadman_pings',
            },
        ),
        migrations.CreateModel(
            name='QuietHours',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('starts', models.TimeField(blank=True, help_text='Empty: there are none.', null=True)),
                ('ends', models.TimeField(blank=True, null=True)),
                ('bad_passes', models.BooleanField(default=True, help_text='What is bad is told all the same.')),
            ],
            options={
                'verbose_name_plural': 'quiet hours',
                'db_table': 'quiet_hours',
            },
        ),
        migrations.CreateModel(
            name='StreamEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(help_text='The webhook-id.', max_length=40, unique=True)),
                ('type', models.CharField(max_length=20)),
                ('at', models.DateTimeField(help_text='When it happened.')),
                ('told_at', models.DateTimeField(db_index=True, help_text='When it came into the stream.')),
                ('signal_id', models.BigIntegerField(help_text="The signal's row then; it may be gone.")),
                ('trade_id', models.CharField(max_length=64)),
                ('source', models.CharField(max_length=64)),
                ('symbol', models.CharField(blank=True, max_length=32)),
                ('direction', models.CharField(blank=True, max_length=8)),
                ('tier', models.CharField(blank=True, help_text='Empty for what was heard.', max_length=12)),
                ('confidence', models.DecimalField(decimal_places=3, max_digits=4)),
                ('data', models.JSONField(encoder=django.core.serializers.json.DjangoJSONEncoder)),
            ],
            options={
                'db_table': 'outbound_events',
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='StreamMark',
            fields=[
                ('table', models.CharField(max_length=16, primary_key=True, serialize=False)),
                ('upto', models.BigIntegerField(default=0)),
                ('missing', models.JSONField(default=list, help_text='[first, last, seconds since 1970 when they were missed]')),
                ('read_at', models.DateTimeField()),
                ('trouble', models.CharField(blank=True, help_text='What could not be told last, at read_at.', max_length=400)),
            ],
            options={
                'db_table': 'outbound_marks',
            },
        ),
        migrations.CreateModel(
            name='ToldSignal',
            fields=[
                ('signal_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('status', models.CharField(max_length=10)),
                ('found', models.CharField(blank=True, help_text="As what of replay's it was told; empty: not at all.", max_length=8)),
                ('revision', models.PositiveIntegerField(default=0)),
            ],
            options={
                'db_table': 'outbound_told_signals',
            },
        ),
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='What it is for.', max_length=64)),
                ('prefix', models.CharField(help_text='How it begins, to tell it from others.', max_length=12)),
                ('token_hash', models.CharField(editable=False, max_length=64, unique=True)),
                ('scope', models.CharField(choices=[('Viewer', 'Viewer: read'), ('Operator', 'Operator: also act'), ('Administrator', 'Administrator: all that the person may')], default='Viewer', max_length=16)),
                ('created_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_by', models.CharField(blank=True, help_text='User name, frozen.', max_length=150)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='api_tokens', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'API token',
                'db_table': 'api_tokens',
                'ordering': ['-pk'],
                'permissions': [('use_api', "Can make and revoke API tokens of one's own"), ('administer_tokens', "Can see and revoke everybody's API tokens")],
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Incident',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(help_text='Of its cause.', max_length=160)),
                ('rule', models.CharField(max_length=32)),
                ('state', models.CharField(choices=[('open', 'Open'), ('acknowledged', 'Acknowledged'), ('recovered', 'Recovered')], default='open', max_length=12)),
                ('severity', models.CharField(choices=[('bad', 'Bad: something does not work'), ('warn', 'Warning: for somebody to see to in time'), ('info', 'For information')], help_text='The worst that it was.', max_length=4)),
                ('says', models.CharField(max_length=500)),
                ('symptoms', models.JSONField(default=list, encoder=django.core.serializers.json.DjangoJSONEncoder)),
                ('history', models.JSONField(default=list, encoder=django.core.serializers.json.DjangoJSONEncoder, help_text='What was told and done, and when.')),
                ('opened_at', models.DateTimeField()),
                ('seen_at', models.DateTimeField()),
                ('missing_since', models.DateTimeField(blank=True, help_text='Since when it seems gone.', null=True)),
                ('recovered_at', models.DateTimeField(blank=True, null=True)),
                ('first_told_at', models.DateTimeField(blank=True, null=True)),
                ('told_at', models.DateTimeField(blank=True, help_text='When somebody was last told.', null=True)),
                ('escalated_at', models.DateTimeField(blank=True, null=True)),
                ('snoozed_until', models.DateTimeField(blank=True, null=True)),
                ('version', models.PositiveIntegerField(default=0)),
            ],
            options={
                'db_table': 'incidents',
                'ordering': ['-pk'],
                'permissions': [('handle_incident', 'Can acknowledge and snooze incidents, mute sources and plan maintenance')],
                'indexes': [models.Index(fields=['-recovered_at'], name='incident_recovered')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('recovered_at', None)), fields=('key',), name='incident_open_once_a_cause')],
            },
        ),
        migrations.CreateModel(
            name='Mute',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('until', models.DateTimeField(blank=True, help_text='Empty: until somebody ends it.', null=True)),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('made_by', models.CharField(help_text='User name, frozen.', max_length=150)),
                ('source', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='mute', to='signals.source')),
            ],
            options={
                'db_table': 'muted_sources',
            },
        ),
        migrations.CreateModel(
            name='Outgoing',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(help_text='Which sender sends it.', max_length=16)),
                ('destination', models.CharField(help_text="To whom, in the sender's words.", max_length=80)),
                ('key', models.CharField(blank=True, help_text='What is put twice under one key is sent once.', max_length=160)),
                ('follows', models.BigIntegerField(blank=True, help_text='The message that must have ended first.', null=True)),
                ('payload', models.JSONField(encoder=django.core.serializers.json.DjangoJSONEncoder)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('sending', 'Being sent'), ('sent', 'Sent'), ('dead', 'Given up')], default='waiting', max_length=8)),
                ('created_at', models.DateTimeField()),
                ('due_at', models.DateTimeField(help_text='When it may be tried.')),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('claimed_until', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.CharField(blank=True, max_length=400)),
                ('ended_at', models.DateTimeField(blank=True, help_text='When it was sent or given up.', null=True)),
            ],
            options={
                'db_table': 'outgoing',
                'ordering': ['-pk'],
                'indexes': [models.Index(condition=models.Q(('state__in', ('waiting', 'sending'))), fields=['destination', 'due_at', 'id'], name='outgoing_open'), models.Index(condition=models.Q(('state', 'dead')), fields=['-ended_at'], name='outgoing_dead'), models.Index(condition=models.Q(('ended_at__isnull', False)), fields=['ended_at'], name='outgoing_ended')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('key', ''), _negated=True), fields=('kind', 'destination', 'key'), name='outgoing_once_by_key')],
            },
        ),
        migrations.CreateModel(
            name='Preference',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('zone', models.CharField(choices=[('market', "New York, the market's"), ('utc', 'UTC'), ('browser', "This browser's")], default='market', max_length=8)),
                ('columns', models.JSONField(blank=True, default=list, help_text='Of All Signals.')),
                ('shortcuts', models.BooleanField(default=True, help_text='Single keys do something where no field takes them.')),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='preference', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'console_preferences',
            },
        ),
        migrations.CreateModel(
            name='RuleSetting',
            fields=[
                ('rule', models.CharField(max_length=32, primary_key=True, serialize=False)),
                ('enabled', models.BooleanField(default=True)),
                ('limit', models.FloatField(blank=True, help_text='Beyond which it is told.', null=True)),
                ('least', models.CharField(choices=[('bad', 'Bad: something does not work'), ('warn', 'Warning: for somebody to see to in time'), ('info', 'For information')], default='warn', max_length=4)),
                ('nag_hours', models.FloatField(help_text='Hours after which it is told again. 0: never.')),
                ('escalate_minutes', models.PositiveIntegerField(help_text='Minutes nobody saw to it, then it is escalated. 0: never.')),
                ('simulated', models.BooleanField(default=False, help_text='Of invented markets it is told as well.')),
                ('destinations', models.ManyToManyField(blank=True, help_text='None: all.', to='dashboard.destination')),
            ],
            options={
                'db_table': 'notifying_rules',
                'ordering': ['rule'],
            },
        ),
        migrations.CreateModel(
            name='SecondFactor',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sealed', models.TextField(blank=True, editable=False, help_text='What the app holds, sealed under SECRET_KEY. Empty: there is no app.')),
                ('recovery', models.JSONField(default=list, editable=False, help_text='SHA-256 of the recovery codes not yet used.')),
                ('last_step', models.BigIntegerField(default=0, help_text='Half minute of the latest code: none counts twice.')),
                ('failures', models.PositiveIntegerField(default=0, help_text='Wrong codes and answers since the last right one.')),
                ('failed_at', models.DateTimeField(blank=True, null=True)),
                ('made_at', models.DateTimeField()),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='second_factor', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'second_factors',
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='KeptAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=200)),
                ('path', models.CharField(help_text='SHA-256 of the address with its query.', max_length=64)),
                ('request_hash', models.CharField(max_length=64)),
                ('status', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('body', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(db_index=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'api_kept_answers',
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('user', 'key', 'path'), name='one_answer_per_key')],
            },
        ),
        migrations.CreateModel(
            name='MaintenanceWindow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('reason', models.CharField(max_length=200)),
                ('made_by', models.CharField(help_text='User name, frozen.', max_length=150)),
                ('source', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='signals.source')),
            ],
            options={
                'db_table': 'maintenance_windows',
                'ordering': ['-starts_at'],
                'constraints': [models.CheckConstraint(condition=models.Q(('ends_at__gte', models.F('starts_at'))), name='maintenance_ends_after_it_starts')],
            },
        ),
        migrations.CreateModel(
            name='SavedView',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('page', models.CharField(help_text='Name of the page.', max_length=40)),
                ('name', models.CharField(max_length=60)),
                ('query', models.CharField(blank=True, max_length=2000)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='saved_views', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'console_saved_views',
                'ordering': ['name'],
                'constraints': [models.UniqueConstraint(fields=('user', 'page', 'name'), name='one_view_per_page_and_name')],
            },
        ),
        migrations.CreateModel(
            name='Attempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=40)),
                ('type', models.CharField(max_length=20)),
                ('at', models.DateTimeField()),
                ('number', models.PositiveSmallIntegerField(default=1, help_text='Which attempt it was.')),
                ('again', models.BooleanField(default=False, help_text='Sent again by a person.')),
                ('status', models.PositiveSmallIntegerField(null=True)),
                ('error', models.CharField(blank=True, max_length=200)),
                ('body', models.TextField(blank=True, help_text='The beginning of the answer.')),
                ('seconds', models.FloatField(default=0)),
                ('endpoint', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='attempts', to='dashboard.endpoint')),
                ('event', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='attempts', to='dashboard.streamevent')),
            ],
            options={
                'db_table': 'outbound_attempts',
                'ordering': ['-pk'],
                'indexes': [models.Index(fields=['endpoint', '-id'], name='attempts_of_endpoint'), models.Index(fields=['at'], name='attempts_by_time')],
            },
        ),
        migrations.CreateModel(
            name='Passkey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='Which device holds it.', max_length=64)),
                ('host', models.CharField(help_text='The site that it is for: browsers offer it to no other.', max_length=253)),
                ('key_id', models.CharField(editable=False, help_text='How browsers name it, base64.', max_length=1400, unique=True)),
                ('public', models.TextField(editable=False, help_text='Model, name and public key as WebAuthn has them, base64.')),
                ('counter', models.BigIntegerField(default=0, editable=False, help_text='Of its answers, where the device counts.')),
                ('made_at', models.DateTimeField()),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('factor', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='passkeys', to='dashboard.secondfactor')),
            ],
            options={
                'db_table': 'passkeys',
                'ordering': ['pk'],
                'default_permissions': (),
            },
        ),
    ]
