"""Small files that are written anew: nothing is left of an attempt that failed, or whose process was killed."""

import os
from pathlib import Path

import pytest

from signals.receiving.files import DRAFT_SECONDS, forget_drafts, rewrite


def test_an_attempt_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "book.json").mkdir()  # which no file can replace
    with pytest.raises(OSError):
        rewrite(tmp_path / "book.json", b"{}")
    assert list(tmp_path.iterdir()) == [tmp_path / "book.json"]


def test_what_the_killed_have_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    names = {"book.json", "book.4194305", "book.77", "01765386000123456789.draining", "progress"}
    for name in names:
        (tmp_path / name).touch()
    old = (tmp_path / "progress").stat().st_mtime - DRAFT_SECONDS - 1
    for name in names - {"book.77"}:  # that one is being written
        os.utime(tmp_path / name, (old, old))
    forget_drafts(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == names - {"book.4194305"}


def test_a_folder_that_is_not_there_has_none(tmp_path: Path) -> None:
    forget_drafts(tmp_path / "missing")
