"""Messages that are no JSON: templates as they are written in the alert, and lists of key=value."""

from collections.abc import Mapping

import pytest

from signals.dialects.texts import TextError, by_pairs, by_templates


def parts(template: str, message: str) -> Mapping[str, str] | None:
    return by_templates([template])(message)


@pytest.mark.parametrize(
    ("template", "message", "found"),
    [
        ("{{ticker}} crossed {{close}}", "BTCUSDT crossed 65000", {"ticker": "BTCUSDT", "close": "65000"}),
        ("{{strategy.order.action}} now", "Buy  NOW", {"strategy_order_action": "Buy"}),
        ("at {{price:number}}.", "at 1,000.5.", {"price": "1,000.5"}),
        ("{{name:text}}: {{side}} it", "My (14, close): sell it", {"name": "My (14, close)", "side": "sell"}),
        ("{{name:text}}: {{side}} it", "One: two: sell it", None),  # where the first one ends is final
        ("only {{a}}", "only two words", None),
        ("at {{price:number}}", "at home", None),
        ("{{ticker}} crossed", "the BTCUSDT crossed", None),
    ],
)
def test_a_placeholder_stands_for_what_is_between_the_words(
    template: str, message: str, found: Mapping[str, str] | None
) -> None:
    assert parts(template, message) == found


def test_the_first_template_that_fits_is_taken() -> None:
    opens = by_templates(["{{a}} up", "{{b}} goes {{way}}"])

    assert opens("X up") == {"a": "X"}
    assert opens("X goes up") == {"b": "X", "way": "up"}
    assert opens("X" * 10_000 + " up") is None


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("", "1 to 1,000 characters"),
        ("{{a}} {{a}} x", "names 'a' twice"),
        ("{{a}} {{b}}", "no words of its own"),
        ("x {{a}}{{b}}", "nothing between them"),
        ("x {{a:price}}", "there are word, number, text"),
        (" ".join(f"x {{{{p{n}}}}}" for n in range(31)), "more than 30 placeholders"),
    ],
)
def test_a_template_that_cannot_tell_its_messages_apart_is_refused(template: str, says: str) -> None:
    with pytest.raises(TextError, match=says):
        by_templates([template])


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("K,buy,risk=1", {"key": "K", "side": "buy", "risk": "1"}),
        ("K , buy , note='a b'", {"key": "K", "side": "buy", "note": "a b"}),
        ("K,buy", {"key": "K", "side": "buy"}),
        ("K,buy,now", None),
        ("K,risk=1,buy", None),
        ("K,buy,risk=1,risk=2", None),
        ("", None),
    ],
)
def test_a_list_has_its_bare_words_first_and_each_name_once(message: str, found: Mapping[str, str] | None) -> None:
    assert by_pairs(",", "=", ["key", "side"])(message) == found
