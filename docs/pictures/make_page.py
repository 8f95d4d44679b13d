"""Draws docs/pictures/page.png: the batch page on a phone in English and in Chinese, an ingredient's chart.

python docs/pictures/make_page.py http://127.0.0.1:8000/01/GTIN/10/LOT
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

LOOKS = (("en", "light", 0), ("zh", "dark", 0), ("en", "light", 1))
SCREEN = {"width": 360, "height": 680}


def main() -> None:
    """Take one picture for each look and put them side by side."""
    shots = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for language, scheme, at_chart in LOOKS:
            page = browser.new_page(viewport=SCREEN, color_scheme=scheme, timezone_id="Asia/Shanghai")
            page.goto(f"{sys.argv[1]}?lang={language}")
            if at_chart:
                page.goto(page.evaluate("document.querySelector('.ingredient a').href"))
                page.evaluate("document.querySelector('figure').previousElementSibling.scrollIntoView()")
            shots.append(Image.open(io.BytesIO(page.screenshot())))
        browser.close()
    gap = 16
    width = sum(s.width for s in shots) + gap * (len(shots) - 1)
    picture = Image.new("RGB", (width, shots[0].height), "#8a8f8c")
    for number, shot in enumerate(shots):
        picture.paste(shot, (number * (shot.width + gap), 0))
    picture.quantize(200).save(Path(__file__).with_name("page.png"), optimize=True)


if __name__ == "__main__":
    main()
