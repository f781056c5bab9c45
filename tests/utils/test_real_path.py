"""Real path: without links, and clear about names that cannot be."""

import pytest

from isorep._utils.real_path import real_path


def test_a_link_leads_to_its_file(tmp_path):
    (tmp_path / "a.npz").touch()
    (tmp_path / "link").symlink_to(tmp_path / "a.npz")
    assert real_path(tmp_path / "link") == (tmp_path / "a.npz").resolve()
    assert real_path(tmp_path / "missing") == (tmp_path / "missing").resolve()


def test_links_that_lead_back_to_themselves(tmp_path):
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    with pytest.raises(OSError, match="lead back to themselves"):
        real_path(tmp_path / "one")


def test_a_character_that_no_file_name_contains():
    with pytest.raises(ValueError, match=r"cannot use 'a\\ud800' as a path: .* contain '\\ud800'"):
        real_path("a\ud800")
