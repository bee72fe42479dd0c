"""An administrator's bnfos.conf is changed, and nothing in it is lost."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from berofos_agent.config import bnfosconf, editor
from berofos_agent.config.bnfosconf import Login
from berofos_agent.config.editor import ConfFile
from berofos_agent.errors import ConfigurationError

MAC = bytes.fromhex("00193200121D")

KEPT_BY_HAND = """\
# our relays, ask Marie before touching
[fos1]
mac = 00:19:32:00:12:1D
  Host=10.100.0.201
# the password of 2019
login = admin:foo:b=a#r;%"

; second rack
[fos2]
mac = 00:11:22:33:44:55
host = 10.100.0.202
#login = <user>:<password>

[attic]
mac = 00:11:22:33:44:66
;host = 0.0.0.0
#login = <user>:<password>
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bnfos.conf"


def written(path: Path, text: str = KEPT_BY_HAND) -> ConfFile:
    path.write_bytes(text.encode())
    return ConfFile.load(str(path))


def test_a_changed_value_changes_its_line_and_no_other(path: Path) -> None:
    file = written(path)
    file.set("fos1", "host", "10.100.0.77")
    file.save()
    assert path.read_text() == KEPT_BY_HAND.replace("  Host=10.100.0.201", "  Host=10.100.0.77")


def test_a_login_takes_the_place_of_its_placeholder(path: Path) -> None:
    file = written(path)
    file.set("fos2", "login", "admin:new")
    assert file.text == KEPT_BY_HAND.replace("#login = <user>:<password>", "login = admin:new", 1)
    assert file.entries[1].login == Login("admin", "new")


def test_a_placeholder_left_beside_a_login_goes_with_the_next_password(path: Path) -> None:
    file = written(path, "[fos1]\nhost = 10.0.0.1\n#login = <user>:<password>\nlogin = admin:old\n")
    file.set("fos1", "login", "admin:new")
    assert file.text == "[fos1]\nhost = 10.0.0.1\nlogin = admin:new\n"


def test_a_host_takes_the_place_of_its_placeholder(path: Path) -> None:
    file = written(path)
    file.set("attic", "host", "10.100.0.9")
    assert file.text == KEPT_BY_HAND.replace(";host = 0.0.0.0", "host = 10.100.0.9")


def test_a_new_key_follows_the_last_setting_of_its_section(path: Path) -> None:
    file = written(path)
    file.set("fos1", "port", "8080")
    assert 'login = admin:foo:b=a#r;%"\nport = 8080\n\n; second rack\n' in file.text


def test_windows_line_ends_stay(path: Path) -> None:
    file = written(path, "[fos1]\r\nhost = 10.0.0.1\r\n")
    file.set("fos1", "host", "10.0.0.2")
    file.set("fos1", "login", "admin:x")
    file.append_device(MAC)
    assert file.text == (
        "[fos1]\r\nhost = 10.0.0.2\r\nlogin = admin:x\r\n"
        "\r\n[fos2]\r\nmac = 00:19:32:00:12:1D\r\n;host = 0.0.0.0\r\n#login = <user>:<password>\r\n"
    )


def test_a_last_line_without_an_end_is_ended(path: Path) -> None:
    file = written(path, "[fos1]\nhost = 10.0.0.1")
    file.set("fos1", "login", "admin:x")
    file.append("fos2", {"host": "10.0.0.2"})
    assert [entry.name for entry in file.entries] == ["fos1", "fos2"]
    assert file.text.startswith("[fos1]\nhost = 10.0.0.1\nlogin = admin:x\n\n[fos2]\n")


def test_a_first_device_makes_the_file_of_the_documentation(path: Path) -> None:
    file = ConfFile.load(str(path))
    assert file.append_device(MAC, "10.34.1.50") == "fos1"
    file.save()
    assert path.read_text() == "[fos1]\nmac = 00:19:32:00:12:1D\nhost = 10.34.1.50\n#login = <user>:<password>\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("taken", "name"),
    [
        pytest.param([], "fos1", id="empty-file"),
        pytest.param(["fos1"], "fos2", id="one-more"),
        pytest.param([f"fos{number}" for number in range(1, 10)], "fos10", id="tenth-device"),
        pytest.param(["fos1", "fos3", "attic"], "fos2", id="gap-is-filled"),
    ],
)
def test_next_name(taken: list[str], name: str) -> None:
    assert editor.next_name([bnfosconf.Entry(other) for other in taken]) == name


def test_a_file_open_to_all_is_closed_and_keeps_its_owner(path: Path) -> None:
    file = written(path)
    path.chmod(0o644)
    before = path.stat()
    file.set("fos1", "login", "admin:x")
    file.save()
    after = path.stat()
    assert stat.S_IMODE(after.st_mode) == 0o600
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)


def test_a_symbolic_link_stays_one(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / "relays.conf"
    target.parent.mkdir()
    target.write_text(KEPT_BY_HAND)
    path.symlink_to(target)
    file = ConfFile.load(str(path))
    file.set("fos1", "host", "10.100.0.77")
    file.save()
    assert path.is_symlink()
    assert "10.100.0.77" in target.read_text()


def test_nothing_is_left_lying_beside_the_file(path: Path) -> None:
    file = written(path)
    file.set("fos1", "host", "10.100.0.77")
    file.save()
    assert os.listdir(path.parent) == ["bnfos.conf"]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param("[fos9\nhost = 10.0.0.1\n", id="header-not-closed"),
        pytest.param("[fos9]\nhost 10.0.0.1\n", id="no-equals"),
        pytest.param("[fos9]\nmac = nonsense\n", id="no-mac"),
        pytest.param("[fos9]\n[fos9]\nhots = 3\n", id="declared-twice"),
        pytest.param("[fos:]\nmac = 00:11:22:33:44:77\n", id="no-usable-name"),
    ],
)
@pytest.mark.parametrize("is_first", [True, False], ids=["before-the-others", "behind-the-others"])
def test_a_section_with_a_mistake_is_kept_and_keeps_no_other_from_being_changed(
    path: Path, broken: str, is_first: bool
) -> None:
    text = f"{broken}\n{KEPT_BY_HAND}" if is_first else f"{KEPT_BY_HAND}\n{broken}"
    file = written(path, text)
    file.set("fos1", "host", "10.100.0.77")
    file.append_device(MAC[::-1], "10.0.0.5")
    file.save()
    assert path.read_text().startswith(text.replace("  Host=10.100.0.201", "  Host=10.100.0.77"))
    assert broken in path.read_text()


def test_a_section_with_a_mistake_is_not_changed(path: Path) -> None:
    file = written(path, "[fos1]\nhots = 10.0.0.1\n")
    with pytest.raises(ConfigurationError, match="line 2: unknown key hots.*; correct it first"):
        file.set("fos1", "host", "10.0.0.2")


def test_a_binary_file_is_refused_and_stays(path: Path) -> None:
    path.write_text("\0\1\2")
    with pytest.raises(ConfigurationError, match="binary"):
        ConfFile.load(str(path))
    assert path.read_text() == "\0\1\2"


def test_a_comment_behind_a_value_is_kept(path: Path) -> None:
    file = written(path, "[fos1] # left\nmac = 00:19:32:00:12:1D office\nhost = 10.0.0.1 ; upstairs\nport = 81#later\n")
    file.set("fos1", "host", "10.0.0.2")
    file.set("fos1", "mac", "00:19:32:00:12:1E")
    file.set("fos1", "port", "82")
    file.set("fos1", "login", "admin:a # b")
    assert file.text == (
        "[fos1] # left\nmac = 00:19:32:00:12:1E office\n"
        "host = 10.0.0.2 ; upstairs\nport = 82 #later\nlogin = admin:a # b\n"
    )


@pytest.mark.parametrize("value", ["admin:x ", "admin:x\nhost = 10.6.6.6", "admin:x\0"])
def test_a_value_that_would_not_read_back_is_refused(path: Path, value: str) -> None:
    file = written(path)
    with pytest.raises(ConfigurationError, match="cannot be stored"):
        file.set("fos1", "login", value)
    assert not file.changed


def test_no_password_in_the_refusal(path: Path) -> None:
    file = written(path)
    with pytest.raises(ConfigurationError) as caught:
        file.set("fos1", "login", "admin:s3cret ")
    assert "s3cret" not in str(caught.value)


def test_a_device_that_is_not_declared_is_refused(path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"declares no \[fos9\]"):
        written(path).set("fos9", "host", "10.0.0.1")


def test_a_change_by_someone_else_is_not_overwritten(path: Path) -> None:
    file = written(path)
    file.set("fos1", "host", "10.100.0.77")
    path.write_text("[fos1]\nhost = 10.100.0.78\n")
    with pytest.raises(ConfigurationError, match="changed by someone else"):
        file.save()
    assert path.read_text() == "[fos1]\nhost = 10.100.0.78\n"


def test_a_special_file_is_neither_read_nor_replaced(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(ConfigurationError, match="not a regular file"):
        ConfFile.load(str(path))


def test_a_directory_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    file = ConfFile.load(str(tmp_path / "missing" / "bnfos.conf"))
    file.append_device(MAC)
    with pytest.raises(ConfigurationError, match="cannot be written: No such file or directory"):
        file.save()


def test_a_header_hidden_in_a_comment_is_no_header(path: Path) -> None:
    text = "[fos1]\nhost = 10.0.0.1\n# page\x0c[fos2]\n[fos2]\nhost = 10.0.0.2\n"
    file = written(path, text)
    file.set("fos2", "host", "10.0.0.3")
    assert file.text == text.replace("10.0.0.2", "10.0.0.3")


def test_a_section_is_not_added_twice(path: Path) -> None:
    path.write_text("[fos1]\n")
    with pytest.raises(ConfigurationError, match=r"\[fos1\] is there already"):
        ConfFile.load(str(path)).append("fos1", {})


def test_a_text_without_the_section_is_refused() -> None:
    with pytest.raises(KeyError, match="fos2"):
        editor.set_value("[fos1]\n", "fos2", "host", "10.0.0.1")


def test_a_full_disk_leaves_the_old_file_and_nothing_else(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = "[fos1]\nhost = 10.0.0.1\n"
    path.write_text(before)
    file = ConfFile.load(str(path))
    file.set("fos1", "host", "10.0.0.99")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ConfigurationError, match="written: No space left on device; correct that and try again"):
        file.save()
    assert path.read_text() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
