import os
import stat

import pytest

from billing_local.home import AlreadyRunningError, Home


def test_a_folder_has_one_holder_who_is_named(tmp_path):
    first, second = Home(tmp_path / "x"), Home(tmp_path / "x")
    first.acquire()
    with pytest.raises(AlreadyRunningError, match=str(os.getpid())):
        second.acquire()
    assert second.holder() == os.getpid()
    first.release()
    assert second.holder() is None
    second.acquire()
    second.release()


def test_two_folders_do_not_meet(tmp_path):
    homes = [Home(tmp_path / name) for name in "ab"]
    for home in homes:
        home.acquire()
    assert [home.holder() for home in homes] == [os.getpid(), os.getpid()]
    for home in homes:
        home.release()


def test_a_secret_is_made_once_and_kept_from_others(tmp_path):
    home = Home(tmp_path / "x")
    first = home.secret("postgres")
    assert len(first) >= 32
    assert Home(tmp_path / "x").secret("postgres") == first
    assert home.secret("other") != first
    assert stat.S_IMODE((tmp_path / "x" / "secrets.json").stat().st_mode) == 0o600


def test_ready_is_told_only_while_it_is_true(tmp_path):
    home = Home(tmp_path / "x")
    home.acquire()
    home.tell_ready({"urls": {}})
    assert home.ready_file.exists()
    home.release()
    assert not home.ready_file.exists()
