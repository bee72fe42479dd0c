"""What holds for any input: frames, config.txt, bnfos.conf, parameters and command lines."""

from __future__ import annotations

import contextlib
import difflib
import io
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from berofos_agent.agent import ocf, parameters, state
from berofos_agent.agent.invocation import usable_seconds
from berofos_agent.agent.node import relay_mode_for
from berofos_agent.commands.bnfos import options
from berofos_agent.config import bnfosconf, editor
from berofos_agent.config.editor import ConfFile
from berofos_agent.config.mac import format_mac, parse_mac
from berofos_agent.device import frame, settings
from berofos_agent.device.frame import FrameError, NetworkSettings, ScanReply
from berofos_agent.errors import ConfigurationError, ParameterError

from .strategies import (
    bnfos_conf,
    bnfos_lines,
    bounded,
    bytes_of_16_bits,
    config_texts,
    joined,
    macs,
    names,
    passwords,
    value_of,
)

addresses = st.integers(0, 2**32 - 1).map(IPv4Address)
PLACEHOLDERS = [editor._squeezed(line) for line in editor.PLACEHOLDERS.values()]
byte = st.integers(0, 255)
networks = st.builds(NetworkSettings, addresses, addresses, addresses, byte, byte, bytes_of_16_bits)
scan_replies = st.builds(
    ScanReply, macs, st.tuples(byte, byte), st.booleans(), networks, byte, bytes_of_16_bits, st.tuples(byte, byte)
)


# --- frames ----------------------------------------------------------------------------------------------------


@bounded
@given(byte, st.binary(max_size=1500))
def test_a_decoded_frame_equals_the_encoded_one(command: int, payload: bytes) -> None:
    assert frame.decode(frame.encode(command, payload)) == frame.Frame(command, payload)


@bounded
@given(byte, st.binary(max_size=600), st.data())
def test_any_single_wrong_bit_is_rejected(command: int, payload: bytes, data: st.DataObject) -> None:
    wire = bytearray(frame.encode(command, payload))
    bit = data.draw(st.integers(0, len(wire) * 8 - 1))
    wire[bit // 8] ^= 1 << bit % 8
    with pytest.raises(FrameError):
        frame.decode(bytes(wire))


@bounded
@given(st.one_of(st.binary(max_size=1500), st.binary(max_size=60).map(lambda data: frame.encode(1, data))))
def test_any_datagram_is_a_frame_or_a_frame_error(datagram: bytes) -> None:
    with contextlib.suppress(FrameError):
        reply = frame.decode(datagram)
        assert frame.encode(reply.command, reply.payload) == datagram
        for understand in (frame.decode_scan_reply, frame.decode_network_settings, frame.error_of):
            with contextlib.suppress(FrameError):
                understand(reply.payload)


@bounded
@given(scan_replies, st.binary(max_size=20))
def test_a_decoded_scan_reply_equals_the_encoded_one_even_with_extra_bytes(reply: ScanReply, more: bytes) -> None:
    assert frame.decode_scan_reply(frame.encode_scan_reply(reply) + more) == reply


@bounded
@given(macs, networks, st.binary(max_size=20))
def test_decoded_network_settings_equal_the_encoded_ones(mac: bytes, network: NetworkSettings, more: bytes) -> None:
    assert frame.decode_network_settings(frame.encode_network_settings(mac, network) + more) == network


@bounded
@given(st.binary(max_size=5000), macs)
def test_pages_put_together_are_the_image(image: bytes, mac: bytes) -> None:
    pages = [frame.flash_page_payload(mac, image, index)[8:] for index in range(frame.flash_pages(image))]
    assert all(len(page) == frame.PAGE_BYTES for page in pages)
    assert b"".join(pages).rstrip(b"\0") == image.rstrip(b"\0")
    expected = 0
    for value in image:
        expected ^= value
    assert frame.checksum(image) == expected


@bounded
@given(macs)
def test_a_parsed_mac_equals_the_formatted_one(mac: bytes) -> None:
    assert parse_mac(format_mac(mac)) == mac


# --- config.txt and settings -----------------------------------------------------------------------------------


@bounded
@given(config_texts)
def test_any_config_txt_gives_values_or_one_clear_error(text: str) -> None:
    try:
        version, values = settings.parse_config(text)
    except LookupError:
        assert settings.MAGIC_KEY not in [line.partition("=")[0].strip() for line in text.split("\n")]
    except ValueError as exc:
        assert str(exc).isprintable()
    else:
        assert version.isprintable()
        assert all(value.isprintable() for value in values.values())
        assert values.get("mode", "0") in ("0", "1", "2")


@bounded
@given(st.sampled_from(list(settings.SETTINGS)), st.text(max_size=70))
def test_any_value_is_accepted_or_refused_in_one_line_that_does_not_repeat_it(keyword: str, value: str) -> None:
    try:
        taken = settings.check(keyword, value)
    except ValueError as exc:
        assert str(exc).startswith(f"{keyword}: ")
        assert str(exc).isprintable()
    else:
        assert settings.check(keyword, taken) == taken
        target = settings.write_target({keyword: taken})
        assert target.isascii()
        assert target.isprintable()
        assert " " not in target


# --- bnfos.conf ------------------------------------------------------------------------------------------------


@bounded
@given(st.one_of(joined(bnfos_lines), st.text(max_size=200)))
def test_any_bnfos_conf_gives_sections_and_one_clear_problem_each(text: str) -> None:
    entries = bnfosconf.parse(text, "/etc/bnfos.conf")
    assert len({entry.name for entry in entries}) == len(entries)
    for entry in entries:
        assert entry.name.isprintable()
        assert not entry.problem or entry.problem.startswith("/etc/bnfos.conf, line ")
        assert entry.problem.isprintable() or not entry.problem


@bounded
@given(data=st.binary(max_size=300))
def test_any_bytes_of_a_bnfos_conf_give_devices_or_one_clear_error(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.conf"
    path.write_bytes(data)
    with contextlib.suppress(ConfigurationError):
        bnfosconf.read(str(path))


@bounded
@given(bnfos_conf(), st.data())
def test_a_change_affects_the_given_key_only(text: str, data: st.DataObject) -> None:
    file = ConfFile("f", text)
    before = {entry.name: entry for entry in file.entries}
    section = data.draw(st.sampled_from(list(before)))
    key = data.draw(st.sampled_from(list(value_of)))
    value = data.draw(value_of[key])
    file.set(section, key, value)
    wanted = {name: entry._replace(line=0) for name, entry in before.items()}
    wanted[section] = wanted[section]._replace(**{key: bnfosconf.KEYS[key](value)})  # type: ignore[arg-type]
    assert {entry.name: entry._replace(line=0) for entry in file.entries} == wanted
    changes = [line for line in difflib.ndiff(text.split("\n"), file.text.split("\n")) if line[0] in "+-"]
    gone = [line for line in changes if line[0] == "-" and line.strip("- \t\r") and "=" in line]
    assert len([line for line in gone if editor._squeezed(line[2:]) not in PLACEHOLDERS]) <= 1


@bounded
@given(bnfos_conf())
def test_a_change_to_the_current_value_changes_no_meaning(text: str) -> None:
    file = ConfFile("f", text)
    for entry in file.entries:
        if entry.login:
            file.set(entry.name, "login", f"{entry.login.user}:{entry.login.password}")
    assert [entry._replace(line=0) for entry in file.entries] == [
        entry._replace(line=0) for entry in bnfosconf.parse(text, "f")
    ]


@bounded
@given(bnfos_conf(), macs)
def test_a_new_device_is_added_and_everything_else_stays(text: str, mac: bytes) -> None:
    file = ConfFile("f", text)
    before = [entry._replace(line=0) for entry in file.entries]
    name = file.append_device(mac, "10.0.0.9")
    assert [entry._replace(line=0) for entry in file.entries] == [*before, bnfosconf.Entry(name, "10.0.0.9", mac)]
    assert file.text.startswith(text.rstrip("\r\n"))


@bounded
@given(bnfos_conf(), names, st.sampled_from(list(value_of)), st.text(max_size=20))
def test_any_value_is_stored_unchanged_or_refused(text: str, section: str, key: str, value: str) -> None:
    file = ConfFile("f", text)
    try:
        file.set(section, key, value)
    except ConfigurationError as exc:
        assert str(exc).isprintable()
        assert file.text == text
    else:
        entry = next(entry for entry in file.entries if entry.name == section)
        assert getattr(entry, key) == bnfosconf.KEYS[key](value)


@bounded
@given(passwords)
def test_any_password_of_a_device_can_be_stored_and_is_in_no_repr(password: str) -> None:
    (entry,) = bnfosconf.parse(f"[fos1]\nlogin = admin:{password}\n", "f")
    assert entry.login == bnfosconf.Login("admin", password)
    assert repr(entry).count(password) == repr(
        bnfosconf.Entry("fos1", line=1, login=bnfosconf.Login("admin", ""))
    ).count(password)


# --- the agent's parameters and environment --------------------------------------------------------------------

parameter_names = [parameter.name for parameter in parameters.PARAMETERS]
environments = st.dictionaries(
    st.sampled_from(parameter_names),
    st.one_of(
        st.sampled_from(["", "xivo-1", "xivo-2", "0", "60", "keep", "fallback", "bypass", "/etc/bnfos.conf"]),
        st.text(st.characters(blacklist_characters="\0"), max_size=20),
    ),
)


@bounded
@given(environments)
def test_any_parameters_are_accepted_or_refused_by_name(given_: dict[str, str]) -> None:
    try:
        taken = parameters.parse(given_.get)
    except ParameterError as exc:
        assert any(name in str(exc) for name in parameter_names)
        assert ocf.fit(str(exc)).isprintable()
    else:
        assert taken.on_stop in ("keep", "fallback")
        assert 1 <= taken.request_timeout <= 60


@bounded
@given(st.one_of(st.text(max_size=30), st.integers(0, 10**400).map(str)))
def test_any_time_limit_of_the_cluster_gives_an_action_some_time(text: str) -> None:
    assert 0.0 < usable_seconds(text) < 1e7


@bounded
@given(st.text(max_size=12), st.text(min_size=1, max_size=12), st.one_of(st.none(), st.text(max_size=12)))
def test_a_node_is_cabled_to_one_port_or_none(node: str, port_b: str, port_d: str | None) -> None:
    assert relay_mode_for(node, port_b, port_d) in ("0", "1", None)
    if port_b.lower() != (port_d or "").lower():
        assert relay_mode_for(port_b, port_b, port_d) == "1"


@bounded
@given(data=st.one_of(st.binary(max_size=200), st.text(max_size=60).map(lambda text: f'{{"seen": {text}}}'.encode())))
def test_any_state_file_is_read_or_replaced(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.state"
    path.write_bytes(data)
    known, damage = state.load(str(path))
    assert damage or isinstance(known.seen, dict)


# --- command lines ---------------------------------------------------------------------------------------------

words = st.one_of(
    st.sampled_from([f"--{name}" for name in options.MODES]),
    st.sampled_from([f"-{letter}" for letter in options.OPTIONS]),
    st.sampled_from(["mode=1", "mode", "apwd", "fos1", "10.34.1.20", "00:19:32:00:12:1D", "0", "-1", "--", "--config"]),
    st.text(max_size=12),
)


@bounded
@given(st.lists(words, max_size=8))
def test_any_command_line_of_bnfos_is_accepted_or_refused_with_status_2(argv: list[str]) -> None:
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            arguments = options.parse(argv)
        except SystemExit as exc:
            assert exc.code in (0, 2)
            assert "Traceback" not in said.getvalue()
        else:
            assert arguments.mode in options.MODES
