"""Passwords are taken out of every text, however they are spelt; what is no password stays."""

from __future__ import annotations

import base64
import json
import os
import re
import time

import pytest

from berofos_agent.report import redaction
from berofos_agent.report.redaction import REDACTED

SECRET = 'S3c&r"t%p<w'


@pytest.mark.parametrize(
    "text",
    [
        '<nvpair id="f-passwd" name="passwd" value="hunter2"/>',
        "<nvpair id='f-passwd' value='hunter2' name='passwd'/>",
        '<nvpair id="f" name="snmp_priv_passwd" value="hunter2"/>',
        '<nvpair id="f" name="community" value="hunter2"/>',
        '<nvpair id="f" name="PASSWORD" value="hunter2"/>',
        '<nvpair id="f" name="client_secret" value="hunter2"/>',
        '<nvpair id="f" name="token" value="hunter2"/>',
        '<nvpair\n id="f"\n name="api_key"\n value="hunter2"/>',
        "info: +  /cib/configuration/resources/nvpair[@id='f-instance_attributes-passwd']:  @value=hunter2",
        "pcs stonith create f fence_ipmilan passwd=hunter2 ip=10.0.0.1",
        "crm_resource --set-parameter password --parameter-value=x --password hunter2",
        "passwd: hunter2",
        'password = "hunter2"',
        '{"passwd": "hunter2"}',
        "login = admin:hunter2",
        "http://admin:hunter2@10.0.0.1/config.txt",
        "Authorization: Basic hunter2hunter2",
        "FENCE_PASSWORD=hunter2",
        "secret=hunter2;and,more",
    ],
)
def test_the_value_of_a_setting_that_is_named_like_a_secret_is_taken_out(text: str) -> None:
    redacted = redaction.redact(text, [])
    assert "hunter2" not in redacted
    assert REDACTED in redacted


@pytest.mark.parametrize(
    "text",
    [
        "totem.token (u32) = 1000",
        "  token: 1000",
        "A processor failed, forming new configuration: token timed out (1000ms)",
        '<nvpair id="f" name="ip" value="10.0.0.1"/>',
        "WARNING: fos1 has no password: anybody on the network can switch it  [no-password]",
        "berofos password --config=/etc/bnfos.conf",
        "fos1: switched from A-D to A-B: start on xivo-1, 9 ms",
        '"check": "no-password",\n"severity": "warning"',
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redaction.redact(text, []) == text


def test_a_known_password_is_taken_out_however_it_is_spelt() -> None:
    known = redaction.spellings([SECRET])
    header = base64.b64encode(f"admin:{SECRET}".encode()).decode()
    for text in (SECRET, "S3c%26r%22t%25p%3Cw", "S3c&amp;r&quot;t%p&lt;w", 'S3c&amp;r"t%p&lt;w', header):
        assert redaction.redact(f"a {text} b", known) == f"a {REDACTED} b", text


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("correct horse battery", "nvpair[@id='f-passwd']:  @value=correct horse battery"),
        ("correct horse battery", "fence_x --password correct horse battery"),
        ('a"bcdefg', 'passwd="a"bcdefg"'),
        ("it's secret", "passwd='it's secret'"),
        ("p@ssw0rd!", "http://admin:p@ssw0rd!@10.0.0.1/"),
        ("two words=x y", "password: two words=x y"),
        ("pässe", "http://10.0.0.1/p%E4sse p%c3%a4sse"),
        ('say"hi"', '{"text": "say\\"hi\\""}'),
        ("größe", '{"text": "gr\\u00f6\\u00dfe"}'),
        ("it's it", "value='it&apos;s it' it&#39;s it"),
        ("it's it", "sh -c 'it'\\''s it'"),
        ("pässe", f"header {base64.b64encode('admin:pässe'.encode('latin-1')).decode()}"),
    ],
)
def test_no_part_of_a_known_password_stays(secret: str, text: str) -> None:
    redacted = redaction.redact(text, redaction.spellings([secret]))
    assert not [part for part in re.findall(r"[\w!]{3,}", secret) if part in redacted], redacted
    assert REDACTED in redacted
    assert redacted.count("%") == 0
    assert "u00" not in redacted


def test_a_password_that_is_the_name_of_a_setting_does_not_hide_the_setting() -> None:
    assert "hunter2" not in redaction.redact("fence_x --password hunter2", redaction.spellings(["password"]))


def test_a_variable_that_is_not_utf8_is_a_secret_too() -> None:
    (secret,) = redaction.secrets_of_environment({"FENCE_PASSWD": os.fsdecode(b"caf\xe9-secret")})
    assert "secret" not in redaction.redact("x caf\ufffd-secret", redaction.spellings([secret]))


def test_a_short_password_does_not_spoil_the_words_it_is_part_of() -> None:
    known = redaction.spellings(["on"])
    assert redaction.redact("on a node: on, upon xivo-1", known) == f"{REDACTED} a node: {REDACTED}, upon xivo-1"


def test_passwords_are_known_from_the_cib_the_configuration_and_the_environment() -> None:
    cib = '<nvpair id="a" name="passwd" value="a&amp;b"/><nvpair id="b" name="ip" value="10.0.0.1"/>'
    assert list(redaction.secrets_of_cib(cib)) == ["a&b"]
    conf = "[fos1]\nlogin = admin:one:two\n# login = admin:old\n  LOGIN=admin: x y \n"
    assert list(redaction.secrets_of_conf(conf))[:3] == ["one:two", "old", "x y"]
    assert list(redaction.secrets_of_conf("[fos1]\nlgin admin:s3cret = x\nmac = 00:19:32:00:12:1D\n")) == ["s3cret"]
    environ = {"FENCE_PASSWD": "one", "HOME": "/root", "PWD": "/root", "OLDPWD": "/etc", "API_TOKEN": "two"}
    assert list(redaction.secrets_of_environment(environ)) == ["one", "two"]


def test_the_address_of_a_webhook_is_a_secret_and_that_of_a_person_is_not() -> None:
    """docs/alerts.md: the address of a webhook is often its secret."""
    cib = '<recipient id="r" value="https://hooks.example/T0ken?a=1&amp;b=2"/><recipient id="s" value="a@example.org"/>'
    secrets = list(redaction.secrets_of_cib(cib))
    assert secrets == ["https://hooks.example/T0ken?a=1&b=2"]
    redacted = redaction.redact(cib, redaction.spellings(secrets))
    assert "T0ken" not in redacted
    assert "a@example.org" in redacted


def test_of_a_bnfos_conf_only_what_is_known_to_be_no_secret_stays() -> None:
    kept = "[fos1]\nmac = 00:19:32:00:12:1D\nhost = 10.0.0.1\nport=80\n"
    told = redaction.conf(kept + "login = admin:a\nlgin admin:b = c\n# it was d\n;login=x:e\n")
    assert told == kept + f"login = {REDACTED}\n{REDACTED}\n#{REDACTED}\n;{REDACTED}\n"


def test_json_stays_json() -> None:
    data = {"passwd": "x", "text": 'sets password: x"', "list": [{"n": 1, "at": "passwd=y"}], "token": 1000}
    told = redaction.redact_json(data, [])
    assert json.loads(json.dumps(told)) == {
        "passwd": REDACTED,
        "text": f"sets password: {REDACTED}",
        "list": [{"n": 1, "at": f"passwd={REDACTED}"}],
        "token": 1000,
    }


@pytest.mark.parametrize("text", ["x" * 3_000_000, "<a '" * 300_000, "--pass" * 200_000, 'name="' * 200_000])
def test_a_huge_word_ends(text: str) -> None:
    redaction.redact(text, [])


def test_empty_lines_take_no_time() -> None:
    began = time.process_time()
    lines = "\n" * 20_000
    assert not [*redaction.secrets_of_corosync(lines), *redaction.secrets_of_conf(lines)]
    assert time.process_time() - began < 1
