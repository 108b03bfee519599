"""`python -m tests.torture.cleanly FOLDER SEED BEGUN AS_OF`: the deliveries of deliveries.jsonl, undisturbed."""

import base64
import json
import sys
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import django

AT_ONCE = 200


def main() -> None:
    folder, seed = Path(sys.argv[1]), int(sys.argv[2])
    begun, as_of = map(datetime.fromisoformat, sys.argv[3:5])
    (folder / "clean").mkdir(exist_ok=True)
    django.setup()
    from django.core.management import call_command

    from reconciliation.cycle.run import run_sync
    from signals.intake import take_in
    from signals.models import Source
    from signals.parcels import Incoming
    from signals.storage.queries import batches

    from .promises import everything
    from .running import make_sources

    call_command("migrate", verbosity=0)
    make_sources(seed, begun)
    arrived = defaultdict(list)
    with (folder / "deliveries.jsonl").open() as file:
        for source, at, raw in map(json.loads, file):
            arrived[source].append(Incoming(base64.b64decode(raw), datetime.fromisoformat(at)))
    for name, items in arrived.items():
        for some in batches(items, AT_ONCE):
            take_in(Source.objects.get(name=name), some, now=as_of)
    run_sync(now=as_of, trigger="command")
    run_sync(now=as_of, trigger="command")
    (folder / "clean.json").write_text(json.dumps(everything()))


if __name__ == "__main__":
    main()
