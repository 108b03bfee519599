"""Systems in which every check holds, to be spoilt."""

from pathlib import Path
from typing import Any

import pytest
from django_q.models import Schedule

from reconciliation.cycle import schedule
from signals.models import Source
from signals.receiving.senders import default_source, new_token
from tests.builders import at, created, entry, send

from .cases import MINUTE, NOW, ago, finished, heard


@pytest.fixture
def sound(db: None, settings: Any, tmp_path: Path) -> Any:
    """A system in which every check holds; gives the settings, to be spoilt."""
    settings.VAR_DIR, settings.HOST, settings.PRODUCTION = tmp_path, "127.0.0.1", False
    schedule.install()
    Schedule.objects.update(next_run=NOW + MINUTE)
    finished(ago(MINUTE))
    source = default_source()
    new_token(source)
    heard(source, ago(MINUTE))
    send([(created(), at(1)), (entry(), at(3))])
    return settings


@pytest.fixture
def production(sound: Any) -> Any:
    sound.PRODUCTION, sound.PUBLIC_URL = True, "https://signals.example.com"
    sound.ALLOWED_HOSTS = [".example.com"]
    Source.objects.update(open_on_loopback=False)
    return sound
