"""Runs of many inputs: in slices, each in a process and from a seed of its own, so that a run can go on later.

The state is a file: which slices of which target are done, how many inputs were accepted, and what failed. Slice and
seed give the same inputs again, as long as the corpus is the same; what fails is kept beside it as it was.
"""

import json
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any

from .mutating import mutated
from .seeds import of_folder
from .targets import TARGETS

SLICE = 5_000
SLOW = 5.0  # seconds of the processor that one input may take
MOST_FAILURES = 20  # of one slice, before it is given up: all of them are one fault, mostly


@dataclass
class Failure:
    """An input that did what none may, and how."""

    target: str
    error: str
    where: str
    input: bytes

    @property
    def name(self) -> str:
        return f"{self.target}-{blake2b(self.input, digest_size=6).hexdigest()}"


@dataclass
class Sliced:
    """What a slice gave."""

    target: str
    number: int
    inputs: int = 0
    accepted: int = 0
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)


class SlowError(AssertionError):
    """An input took longer than any alert may."""


def run_slice(target: str, number: int, seed: int, corpus: Sequence[bytes] = (), size: int = SLICE) -> Sliced:
    """So many inputs, one after the other. Never raises for what an input does."""
    done, one = Sliced(target, number), TARGETS[target]
    random, seeds = Random(f"{seed} {target} {number}"), [*one.seeds(), *corpus]
    signal.signal(signal.SIGVTALRM, too_slow)
    began = time.process_time()
    for _ in range(size):
        content = mutated(seeds, random)
        done.inputs += 1
        if failure := failure_of(target, content, done):
            done.failures.append(failure)
            if len(done.failures) >= MOST_FAILURES:
                break
    done.seconds = time.process_time() - began
    return done


def too_slow(*_: Any) -> None:
    raise SlowError(f"more than {SLOW} s")


def failure_of(target: str, content: bytes, done: Sliced | None = None) -> Failure | None:
    signal.setitimer(signal.ITIMER_VIRTUAL, SLOW)
    try:
        accepted = TARGETS[target].once(content)
    except (Exception, RecursionError) as error:  # noqa: BLE001 which of them it is, is what is asked
        last = traceback.extract_tb(error.__traceback__)[-1]
        return Failure(
            target, f"{type(error).__name__}: {error}"[:300], f"{Path(last.filename).name}:{last.lineno}", content
        )
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    if done is not None:
        done.accepted += accepted
    return None


@dataclass
class State:
    """What is done of a run, in a file. Slices are numbered from 0, by target."""

    seed: int
    slices: dict[str, int] = field(default_factory=dict)
    inputs: dict[str, int] = field(default_factory=dict)
    accepted: dict[str, int] = field(default_factory=dict)
    guided: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, seed: int) -> "State":
        path = folder / "state.json"
        if not path.exists():
            return cls(seed)
        told = cls(**json.loads(path.read_text()))
        if told.seed != seed:
            raise SystemExit(f"{path} is of seed {told.seed}: go on with --seed {told.seed}, or remove the folder")
        return told

    def add(self, done: Sliced, folder: Path) -> None:
        for total, number in ((self.inputs, done.inputs), (self.accepted, done.accepted)):
            total[done.target] = total.get(done.target, 0) + number
        self.seconds[done.target] = round(self.seconds.get(done.target, 0.0) + done.seconds, 1)
        for each in done.failures:
            if self.failures.setdefault(f"{each.target} {each.where}", each.error) == each.error:
                (folder / each.name).write_bytes(each.input)
        self.save(folder)

    def save(self, folder: Path) -> None:
        draft = folder / "state.json.new"
        draft.write_text(json.dumps(asdict(self), indent=1))
        draft.rename(folder / "state.json")


def run(state: State, targets: Sequence[str], inputs: int, folder: Path, workers: int) -> None:
    """Go on with a run until so many inputs are done in all."""
    waiting = slices_of(targets, inputs, state)
    with ProcessPoolExecutor(workers, initializer=lone) as pool:
        running: set[Future[Sliced]] = set()
        began, told = time.monotonic(), 0.0
        while True:
            while len(running) < workers and (found := next(waiting, None)):
                target, number = found
                corpus = list(of_folder(folder / "corpus" / target))
                running.add(pool.submit(run_slice, target, number, state.seed, corpus))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for each in done:
                state.add(each.result(), folder)
            if time.monotonic() - told > 30:
                told = time.monotonic()
                say(state, told - began)


def lone() -> None:
    """A worker ends with its parent's terminal, not before: what it has begun is counted."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def slices_of(targets: Sequence[str], inputs: int, state: State) -> Iterator[tuple[str, int]]:
    """What is left to do: the targets in turn, as long as each has not had its share."""
    whole = sum(TARGETS[name].share for name in targets)
    # By inputs that are done: slices under way when a run was stopped are lost, and others take their place.
    lacking = {name: int(inputs * TARGETS[name].share / whole) - state.inputs.get(name, 0) for name in targets}
    left = {name: state.slices.get(name, 0) + max(0, -(-lacking[name] // SLICE)) for name in targets}
    while any(state.slices.get(name, 0) < left[name] for name in targets):
        for name in targets:
            number = state.slices.get(name, 0)
            if number < left[name]:
                state.slices[name] = number + 1
                yield name, number


def say(state: State, seconds: float) -> None:
    total = sum(state.inputs.values())
    sys.stdout.write(f"{total:,} inputs, {len(state.failures)} kinds of failure, {seconds:.0f} s here\n")
    sys.stdout.flush()
