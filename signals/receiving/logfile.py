"""Files that should be alert logs: told apart by their first bytes, and read as the text that they hold."""

from io import BufferedReader, TextIOWrapper

ADVICE = (
    "Export the log in TradingView under Alerts, Log, Export, and import that file as it is: do not open and save it in"
    " Excel, which changes its times."
)
# First bytes of what is no text, and what it is.
FOREIGN = (
    (b"PK\x03\x04", "an Excel workbook or another ZIP archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"%PDF", "a PDF"),
)


class NotAnAlertLogError(ValueError):
    """The file is not a CSV export of TradingView's alert log."""


def opened(file: BufferedReader) -> TextIOWrapper:
    """The file's text: UTF-8, whose damaged bytes reach the delivery as they are, or UTF-16, as Excel saves it.

    Raises NotAnAlertLogError for what is no text.
    """
    head = file.peek(4)[:4]
    for start, name in FOREIGN:
        if head.startswith(start):
            raise NotAnAlertLogError(f"This file is {name}, no CSV. {ADVICE}")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return TextIOWrapper(file, encoding="utf-16", errors="replace", newline="")
    if b"\x00" in head[:2]:  # UTF-16 without its mark: every other byte of plain letters is zero
        order = "utf-16-be" if head[:1] == b"\x00" else "utf-16-le"
        return TextIOWrapper(file, encoding=order, errors="replace", newline="")
    return TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
