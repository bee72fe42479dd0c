"""A disk that is full: the file before stays, and one line says why there is no new one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.device.conftest import Desk, desk, firmware, settings, specs

__all__ = ["desk", "firmware", "settings", "specs"]

CHECKOUT = Path(__file__).parents[2]
ONE_PAGE = """
mount -t tmpfs -o size=4k tmpfs "$1"
echo before 1 > "$1/berofos.prom"
"$2" -m berofos_agent metrics --config "$3" --output "$1/berofos.prom"
echo "status $?"
ls -A "$1"
cat "$1/berofos.prom"
"""


def test_metrics_on_a_full_disk_leave_the_file_before(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    argv = ["unshare", "--mount", "sh", "-c", ONE_PAGE, "sh", str(folder), sys.executable, str(desk.config)]
    ran = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)
    file = folder / "berofos.prom"
    assert ran.stdout.splitlines() == ["status 1", "berofos.prom", "before 1"]
    assert ran.stderr == f"berofos metrics: {file}: cannot be written: No space left on device; see --output\n"
