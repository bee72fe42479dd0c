"""A small picture of the lines: which port each box puts them through to; pure text, knows no cluster."""

from __future__ import annotations

from collections.abc import Mapping


def draw(lines: Mapping[str, str], telephones: str, dead: str = "") -> list[str]:
    """Return the picture's rows.

    `lines` tells the node that has a box's lines, `telephones` the node the telephone resource runs on.

        == A [fos1] B ==== xivo-1  telephones      == A [fos2] B ==== xivo-1  telephones
                    D .... xivo-2                              D .... xivo-2
    """
    rows = ["", ""]
    for box, active in lines.items():
        for row, (port, node) in enumerate((("B", "xivo-1"), ("D", "xivo-2"))):
            left = f"== A [{box}]" if row == 0 else ""
            wire = "====" if node == active else "...."
            remark = "dead" if node == dead else "telephones" if node == telephones else ""
            rows[row] += f"{left:>11} {port} {wire} {node}  {remark:<14}"
    return [row.rstrip() for row in rows]
