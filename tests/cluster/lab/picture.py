"""A small picture of the lines: which port each device puts them through to."""

from __future__ import annotations

from collections.abc import Mapping


def draw(lines: Mapping[str, str], telephony: str, dead: str = "") -> list[str]:
    """Return the picture's rows.

    `lines` names the node that has a device's lines, `telephony` the node the telephony resource runs on.

        == A [fos1] B ==== xivo-1  telephony       == A [fos2] B ==== xivo-1  telephony
                    D .... xivo-2                              D .... xivo-2
    """
    rows = ["", ""]
    for device, active in lines.items():
        for row, (port, node) in enumerate((("B", "xivo-1"), ("D", "xivo-2"))):
            left = f"== A [{device}]" if row == 0 else ""
            wire = "====" if node == active else "...."
            remark = "dead" if node == dead else "telephony" if node == telephony else ""
            rows[row] += f"{left:>11} {port} {wire} {node}  {remark:<14}"
    return [row.rstrip() for row in rows]
