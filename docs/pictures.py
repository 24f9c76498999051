#!/usr/bin/env python3
"""Makes docs/demo.png and docs/report.png from the program and the sample report.

    docs/pictures.py target/release/qs-audit

Needs Chromium. `just pictures` builds the program first.
"""

import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parent
REPORT = DOCS.parent / "reports" / "sample" / "nightly"
COLUMNS = 118

PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 16px; background: #0d1017; color: #e6e8ec }}
pre {{ margin: 0; font: 13px/17.6px "DejaVu Sans Mono", monospace }}
.c1 {{ font-weight: bold }} .c2 {{ opacity: .7 }}
</style><pre>{}</pre>"""


def rgb(color: int) -> str:
    """A color of the cube in the terminal's palette of 256."""
    levels = (0, 95, 135, 175, 215, 255)
    place = color - 16
    return "#" + "".join(f"{levels[place // step % 6]:02x}" for step in (36, 6, 1))


def spans(text: str) -> str:
    """Text with terminal colors as HTML."""
    out, open_spans = [], 0
    for at, part in enumerate(re.split(r"\x1b\[([0-9;]*)m", text)):
        if at % 2 == 0:
            out.append(html.escape(part))
            continue
        if part in ("", "0", "39"):
            out.append("</span>" * open_spans)
            open_spans = 0
            continue
        if color := re.fullmatch(r"38;5;(\d+)", part):
            out.append(f'<span style="color: {rgb(int(color[1]))}">')
            open_spans += 1
            continue
        for code in part.split(";"):
            out.append(f'<span class="c{int(code)}">')
            open_spans += 1
    return "".join(out) + "</span>" * open_spans


def chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        if path := shutil.which(name):
            return path
    sys.exit("pictures.py: no Chromium was found")


def picture(page: Path, png: Path, width: int, height: int) -> None:
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                "--no-first-run", f"--user-data-dir={profile}", f"--window-size={width},{height}",
                f"--screenshot={png}", page.as_uri(),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=120,
        )
    print(f"wrote {png}")


def main() -> None:
    program = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "COLUMNS": str(COLUMNS)}
        demo = subprocess.run(
            [program, "demo", "--color", "always"],
            cwd=folder, env=environment, check=True, capture_output=True, text=True,
        )
        shown = demo.stdout.split("What to try next:")[0]
        lines = shown.rstrip().split("\n")
        page = Path(folder) / "demo.html"
        page.write_text(PAGE.format(spans("\n".join(lines))), encoding="utf-8")
        picture(page, DOCS / "demo.png", 980, round(len(lines) * 17.6) + 40)
    picture(REPORT / "index.html", DOCS / "report.png", 1180, 1860)


if __name__ == "__main__":
    main()
