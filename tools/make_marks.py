"""Write the words that say "colorized" in a corner of a download, as pictures: `tools/make_marks.py FONT.ttf`.

The font has Korean letters. Pictures, because a server may have no such font.
"""

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

PAGE = Path(__file__).resolve().parent.parent / "src" / "dancheong" / "app" / "web" / "page"
WORDS = {"en": "colorized by AI", "ko": "AI 채색 사진"}
HEIGHT_PX, LETTERS_PX, SIDE_PX = 96, 56, 34

if __name__ == "__main__":
    font = ImageFont.truetype(sys.argv[1], LETTERS_PX)
    for language, words in WORDS.items():
        picture = Image.new("L", (round(font.getlength(words)) + 2 * SIDE_PX, HEIGHT_PX))
        ImageDraw.Draw(picture).text((SIDE_PX, HEIGHT_PX / 2), words, 255, font, "lm")
        picture.save(PAGE / f"mark_{language}.png", optimize=True)
