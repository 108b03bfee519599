"""The life of an incident as a specification: what is told when, and what never is. Pure; time is passed in."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.notifying.incidents import (
    CALM,
    Hush,
    Life,
    Policy,
    Symptom,
    Told,
    group,
    is_quiet,
    is_there,
    reaches,
    step,
    worst,
)  # fmt: skip

START = datetime(2025, 12, 12, 15, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PATIENT = Policy()
NAGGING = Policy(nag=4 * HOUR, escalate=30 * MINUTE)


class Story:
    """One incident, looked at again and again."""

    def __init__(self, policy: Policy = PATIENT) -> None:
        self.policy, self.now = policy, START
        self.life: Life | None = None
        self.told: list[str] = []

    def sees(self, severity: str | None, *, after: timedelta = 2 * MINUTE, hushed: bool = False) -> "Story":
        self.now += after
        stepped = step(self.life, severity, self.policy, self.now, hushed=hushed)
        if stepped:
            self.life, told = stepped
            self.told += [told] if told else []
            if self.life.recovered_at:
                self.life = None
        return self

    def gone(self) -> "Story":
        return self.sees(None).sees(None, after=CALM)

    def handled(self, **changes: object) -> "Story":
        assert self.life
        self.life = Life(**{**{name: getattr(self.life, name) for name in Life.__slots__}, **changes})  # type: ignore
        return self


class TestTelling:
    def test_nothing_wrong_tells_nothing(self) -> None:
        assert Story().gone().told == []

    def test_what_stays_is_told_once_and_its_end_once(self) -> None:
        assert Story().sees("bad").sees("bad").sees("bad").gone().gone().told == ["first", "recovered"]

    def test_what_comes_and_goes_within_minutes_is_one_incident(self) -> None:
        story = Story().sees("bad").sees(None).sees("bad").sees(None)
        assert story.told == ["first"]
        assert story.life

    def test_what_comes_back_after_it_recovered_is_another(self) -> None:
        assert Story().sees("bad").gone().sees("bad").told == ["first", "recovered", "first"]

    def test_what_gets_worse_is_told_and_what_gets_better_is_not(self) -> None:
        assert Story().sees("warn").sees("bad").sees("warn").sees("bad").told == ["first", "worse"]

    def test_what_is_less_severe_than_the_rule_tells_is_kept_until_it_is_not(self) -> None:
        story = Story(Policy(least="bad")).sees("warn")
        assert story.told == []
        assert story.life
        assert story.sees("bad").gone().told == ["first", "recovered"]

    def test_what_nobody_was_told_of_does_not_recover_aloud(self) -> None:
        assert Story(Policy(least="bad")).sees("warn").gone().told == []


class TestNagging:
    def test_it_is_told_again_after_so_many_hours_and_again(self) -> None:
        story = Story(Policy(nag=4 * HOUR)).sees("bad")
        assert story.sees("bad", after=3 * HOUR).told == ["first"]
        assert story.sees("bad", after=HOUR).sees("bad", after=4 * HOUR).told == ["first", "still", "still"]

    def test_what_nobody_sees_to_is_escalated_once(self) -> None:
        story = Story(NAGGING).sees("bad").sees("bad", after=29 * MINUTE)
        assert story.told == ["first"]
        assert story.sees("bad", after=MINUTE).sees("bad", after=HOUR).told == ["first", "escalated"]

    def test_what_is_acknowledged_is_told_again_only_when_it_gets_worse_or_ends(self) -> None:
        story = Story(NAGGING).sees("warn").handled(acknowledged=True).sees("warn", after=9 * HOUR)
        assert story.told == ["first"]
        assert story.sees("bad").told == ["first", "worse"]
        assert story.sees("bad", after=HOUR).gone().told == ["first", "worse", "escalated", "recovered"]

    def test_what_is_snoozed_is_told_when_the_time_is_over_and_it_is_still_there(self) -> None:
        story = Story(NAGGING).sees("bad").handled(snoozed_until=START + 8 * HOUR, escalated_at=START)
        assert story.sees("bad", after=7 * HOUR).told == ["first"]
        assert story.sees("bad", after=HOUR).sees("bad").told == ["first", "still"]

    def test_what_ends_while_it_is_snoozed_says_so(self) -> None:
        assert Story().sees("bad").handled(snoozed_until=START + 8 * HOUR).gone().told == ["first", "recovered"]


class TestHushing:
    def test_what_is_hushed_is_told_when_it_no_longer_is_and_is_still_there(self) -> None:
        story = Story().sees("bad", hushed=True).sees("bad", hushed=True)
        assert story.told == []
        assert story.sees("bad").told == ["first"]

    def test_what_came_and_went_in_the_meantime_is_never_told(self) -> None:
        assert Story().sees("bad", hushed=True).gone().told == []

    def test_what_got_worse_in_the_meantime_is_told_then(self) -> None:
        assert Story().sees("warn").sees("bad", hushed=True).sees("bad").told == ["first", "worse"]

    @pytest.mark.parametrize(
        ("symptoms", "reason"),
        [
            ([("silent", "a")], "muted"),
            ([("silent", "a"), ("silent", "b")], ""),
            ([("worker", "")], ""),
        ],
    )
    def test_a_muted_source_hushes_what_is_about_it_alone(self, symptoms: list[tuple[str, str]], reason: str) -> None:
        about = [Symptom(rule, rule, "", source=source) for rule, source in symptoms]
        assert Hush(sources={"a": "muted"}).reason(about, "bad", START) == reason

    def test_maintenance_of_everything_hushes_everything(self) -> None:
        assert Hush("maintenance: moving").reason([Symptom("x", "x", "")], "bad", START) == "maintenance: moving"

    def test_quiet_hours_let_pass_what_is_bad_if_so_chosen(self) -> None:
        about, quiet = [Symptom("x", "x", "")], (time(9), time(11))  # START is 10:00 in New York
        assert Hush(quiet=quiet).reason(about, "warn", START) == "quiet hours"
        assert Hush(quiet=quiet).reason(about, "bad", START) == ""
        assert Hush(quiet=quiet, bad_passes=False).reason(about, "bad", START) == "quiet hours"

    def test_quiet_hours_may_go_past_midnight(self) -> None:
        night = (time(22), time(7))
        hours = [h for h in range(24) if is_quiet(night, datetime(2025, 12, 12, 5, tzinfo=UTC) + h * HOUR)]
        assert hours == [0, 1, 2, 3, 4, 5, 6, 22, 23]  # 5:00 UTC is midnight in New York


LOOKS = st.lists(
    st.tuples(st.sampled_from(["bad", "warn", "info", None]), st.integers(1, 600), st.booleans()), max_size=40
)


@given(LOOKS, st.sampled_from([PATIENT, NAGGING, Policy("bad", HOUR, HOUR), Policy("info", 2 * HOUR)]))
def test_whatever_is_seen_each_incident_is_told_first_then_ends_once(
    looks: Sequence[tuple[str | None, int, bool]], policy: Policy
) -> None:
    story = Story(policy)
    for severity, minutes, hushed in looks:
        before = len(story.told)
        story.sees(severity, after=minutes * MINUTE, hushed=hushed)
        fresh = story.told[before:]
        assert len(fresh) <= 1
        assert not hushed or fresh in ([], ["recovered"])
        assert not fresh or fresh == ["recovered"] or reaches(severity or "info", policy.least) or story.life
    state = "quiet"
    for told in story.told:
        if told == Told.FIRST:
            assert state == "quiet"
            state = "told"
        else:
            assert state == "told"
            state = "quiet" if told == Told.RECOVERED else "told"
    told_of = story.life is not None and story.life.first_told_at is not None
    assert (state == "told") == told_of


class TestGrouping:
    worker = Symptom("worker-stopped", "worker-stopped", "the worker stopped")
    health = Symptom("health-low", "health-low", "health is low", suspects=("worker-stopped", "everything-silent"))

    @staticmethod
    def silent(name: str, cause: str = "", suspects: tuple[str, ...] = ()) -> Symptom:
        return Symptom("source-silent", f"source-silent:{name}", name, source=name, cause=cause, suspects=suspects)

    def test_each_symptom_is_its_own_cause(self) -> None:
        a, b = self.silent("a"), self.silent("b")
        assert group([a, b], {}) == {a.key: [a], b.key: [b]}

    def test_what_the_worker_explains_is_told_with_it(self) -> None:
        a = self.silent("a", suspects=("worker-stopped",))
        assert group([self.worker, a, self.health], {}) == {"worker-stopped": [self.worker, a, self.health]}

    def test_sources_that_are_all_silent_are_one_cause_and_explain_the_health(self) -> None:
        a, b = self.silent("a", "everything-silent"), self.silent("b", "everything-silent")
        assert group([a, b, self.health], {}) == {"everything-silent": [a, b, self.health]}

    def test_what_was_told_by_itself_stays_by_itself_when_an_explanation_comes(self) -> None:
        grouped = group([self.worker, self.health], {"health-low": ["health-low"]})
        assert grouped == {"worker-stopped": [self.worker], "health-low": [self.health]}

    def test_what_came_of_a_cause_stays_with_it_until_that_recovered(self) -> None:
        grouped = group([self.health], {"worker-stopped": ["worker-stopped", "health-low"]})
        assert grouped == {"worker-stopped": [self.health]}
        assert not is_there("worker-stopped", grouped["worker-stopped"])
        assert group([self.health], {}) == {"health-low": [self.health]}

    def test_what_a_standing_incident_explains_joins_it(self) -> None:
        assert group([self.health], {"worker-stopped": ["worker-stopped"]}) == {"worker-stopped": [self.health]}

    @given(
        st.lists(st.sampled_from("abcdef"), unique=True),
        st.dictionaries(st.sampled_from("abcdef"), st.sets(st.sampled_from("abcdef"))),
        st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=2)),
    )
    def test_every_symptom_is_in_one_incident(
        self, keys: list[str], standing: dict[str, set[str]], suspects: dict[str, list[str]]
    ) -> None:
        symptoms = [Symptom("r", key, key, suspects=tuple(suspects.get(key, ()))) for key in keys]
        grouped = group(symptoms, standing)
        assert sorted(one.key for each in grouped.values() for one in each) == sorted(keys)


def test_severities_are_in_order() -> None:
    assert worst(["info", "bad", "warn"]) == "bad"
    assert reaches("bad", "warn")
    assert not reaches("info", "warn")
