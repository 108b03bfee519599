"""`batch`: one MFE_UPDATE per entry, one close per delivery."""

from decimal import Decimal

from signals.facts import BarFacts

from .payloads import batch, batch_entry, later_entry, read, refusal


def test_each_entry_becomes_an_update_with_its_place():
    reading = read(batch(batch_entry(), batch_entry(trade_id="B", be_triggered=False)))

    assert [(e.type, e.trade_id, e.position) for e in reading.events] == [
        ("MFE_UPDATE", "20251210_184900000_BEARISH", 0),
        ("MFE_UPDATE", "B", 1),
    ]
    assert reading.events[0].values == {
        "direction": "Bearish",
        "be_mfe": "2.625",
        "no_be_mfe": "43.625",
        "mae": "-0.84375",
        "current_price": "25513.75",
        "be_triggered": True,
    }


def test_the_later_form_says_also_what_the_signal_is():
    (update,) = read(batch(later_entry(status="CONFIRMED", risk=10, bars_to_confirm=2))).events

    assert update.values == {
        "direction": "Bearish",
        "session": "AFTER_HOURS",
        "signal_date": "2025-12-10",
        "triangle_time": "2025-12-10T23:49:00Z",
        "confirmation_time": "2025-12-10T23:52:00Z",
        "bars_to_confirmation": 2,
        "entry_price": "25540.25",
        "stop_loss": "25550.25",
        "be_mfe": "2.625",
        "no_be_mfe": "2.875",
        "mae": "-0.5",
        "current_price": "25513.75",
        "be_triggered": True,
        "completed": False,
        "state": "CONFIRMED",
    }


def test_the_entries_of_one_bar_give_one_close():
    assert read(batch(batch_entry(), batch_entry(trade_id="B"))).bars == (BarFacts(Decimal("25513.75")),)


def test_each_distinct_price_gives_a_close_that_names_its_first_entry():
    other = batch_entry(trade_id="B", current_price=25514)
    reading = read(batch(batch_entry(), other, later_entry(current_price="25514.00")))

    assert reading.bars == (BarFacts(Decimal("25513.75")), BarFacts(Decimal("25514"), position=1))


def test_the_symbol_of_an_entry_is_the_symbol_of_its_price():
    assert read(batch(later_entry(), symbol="NQ1!")).bars[0].symbol == "MNQ1!"
    assert read(batch(batch_entry(), symbol="NQ1!")).bars[0].symbol == "NQ1!"


def test_one_bad_entry_is_named_and_the_others_are_read():
    reading = read(batch(batch_entry(), batch_entry(mae_global_r="low"), "noise", batch_entry(trade_id="D")))

    assert [event.position for event in reading.events] == [0, 3]
    assert reading.faults == (
        "entry 1, MFE_UPDATE: mae_global_r 'low' is not a number",
        "entry 2, MFE_UPDATE: 'noise' is not an object",
    )


def test_a_batch_without_any_readable_entry_is_refused():
    reason = refusal(batch(batch_entry(trade_id=""), batch_entry(be_mfe=True)))

    assert "trade_id '' is missing" in reason
    assert "(and 1 more)" in reason


def test_a_batch_needs_a_list():
    assert "signals None is not a list of signals" in refusal({"event_type": "MFE_UPDATE_BATCH"})


def test_an_empty_batch_says_nothing():
    assert read(batch()).events == ()
