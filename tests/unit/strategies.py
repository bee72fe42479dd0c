"""Inputs for the property tests: bytes and lines that are almost right, where parsers have their errors."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from berofos_agent.device.settings import MAGIC_KEY, SETTINGS

EXAMPLES = int(os.environ.get("EXAMPLES", "100"))
"""How many inputs each property gets; `make fuzz` gives more."""

bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

macs = st.binary(min_size=6, max_size=6)
bytes_of_16_bits = st.integers(0, 65535)

keys = st.sampled_from([MAGIC_KEY, *(setting.read for setting in SETTINGS.values() if setting.read), "1_szd00", ""])
values = st.one_of(st.sampled_from(["", "checked", "0", "1", "2", "0.1", "60"]), st.text(max_size=20))
config_lines = st.one_of(st.builds("{}={}".format, keys, values), st.text(max_size=30))


def joined(lines: st.SearchStrategy[str], most: int = 12) -> st.SearchStrategy[str]:
    """Texts of such lines, with different line ends."""
    ends = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r", "\n\n", ""])
    return st.lists(st.tuples(lines, ends), max_size=most).map(lambda pairs: "".join(line + end for line, end in pairs))


config_texts = joined(config_lines)

names = st.sampled_from(["fos1", "fos2", "fos3", "pbx", "a.b-c_d"])
passwords = st.text(
    st.characters(min_codepoint=33, max_codepoint=126) | st.sampled_from(' :=#;%"[]'), min_size=1, max_size=15
).filter(lambda text: text == text.strip())
logins = st.builds("{}:{}".format, st.sampled_from(["admin", "x"]), passwords)
hosts = st.sampled_from(["10.0.0.1", "10.0.0.2", "fos.example.org", "a"])
mac_texts = st.sampled_from(["00:19:32:00:12:1D", "00-19-32-00-12-1e", "001932001220"])
port_texts = st.integers(1, 65535).map(str)
value_of: dict[str, st.SearchStrategy[str]] = {"mac": mac_texts, "host": hosts, "login": logins, "port": port_texts}

_space = st.sampled_from(["", " ", "\t", "  "])
_assignments = st.sampled_from(list(value_of)).flatmap(
    lambda key: st.builds(
        "{}{}{}={}{}{}".format,
        _space,
        st.sampled_from([key, key.upper(), key.title()]),
        _space,
        _space,
        value_of[key],
        _space,
    )
)
_comments = st.one_of(
    st.sampled_from(["", "   ", "#login = <user>:<password>", ";host = 0.0.0.0", "# [fos9]", ";", "#"]),
    st.text(max_size=20).map(lambda text: "#" + text.replace("\n", " ")),
)
bnfos_lines = st.one_of(names.map("[{}]".format), _assignments, _assignments, _comments, st.text(max_size=12))


@st.composite
def bnfos_conf(draw: Any) -> str:
    """A valid bnfos.conf, in any formatting."""
    end = draw(st.sampled_from(["\n", "\r\n"]))
    lines = draw(st.lists(_comments, max_size=2))
    for name in draw(st.lists(names, min_size=1, unique=True)):
        lines.append(f"{draw(_space)}[{name}]{draw(_space)}")
        for key in draw(st.lists(st.sampled_from(list(value_of)), unique=True)):
            spelt = draw(st.sampled_from([key, key.upper()]))
            lines.append(f"{draw(_space)}{spelt}{draw(_space)}={draw(_space)}{draw(value_of[key])}{draw(_space)}")
            lines += draw(st.lists(_comments, max_size=1))
    return end.join(lines) + draw(st.sampled_from(["", end]))
