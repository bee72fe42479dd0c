"""Which port a node is cabled to: names match exactly, without regard to case, short against full if unambiguous."""

from __future__ import annotations

import pytest

from berofos_agent.node import relay_mode_for, this_node


@pytest.mark.parametrize(
    ("node", "b", "d", "mode"),
    [
        pytest.param("xivo-1", "xivo-1", "xivo-2", "1", id="at-b"),
        pytest.param("xivo-2", "xivo-1", "xivo-2", "0", id="at-d"),
        pytest.param("XiVO-2", "xivo-1", "xivo-2", "0", id="case"),
        pytest.param("xivo-3", "xivo-1", "xivo-2", None, id="neither"),
        pytest.param("xivo-2", "xivo-1", None, None, id="d-leads-to-a-pbx"),
        pytest.param("xivo-1.example.org", "xivo-1", "xivo-2", "1", id="full-against-short"),
        pytest.param("xivo-1", "xivo-1.example.org", "xivo-2.example.org", "1", id="short-against-full"),
        pytest.param("xivo.a", "xivo.b", "other", None, id="two-full-names-that-differ"),
        pytest.param("xivo", "xivo.a", "xivo.b", None, id="short-name-of-both"),
        pytest.param("xivo", "xivo", "xivo.b", "1", id="exact-beats-similar"),
        pytest.param("xivo-10", "xivo-1", "xivo-2", None, id="a-prefix-is-no-match"),
    ],
)
def test_relay_mode_for(node: str, b: str, d: str | None, mode: str | None) -> None:
    assert relay_mode_for(node, b, d) == mode


def test_the_cluster_names_the_node() -> None:
    assert this_node({"OCF_RESKEY_CRM_meta_on_node": "xivo-2"}) == "xivo-2"
