"""Labels for packs: what stands on one, where, on which paper, and the file that is printed.

stock     the papers: sheets and rolls, with the place of each label
symbol    the QR code as dark and light modules
fonts     one typeface for English and Chinese, always embedded
text      lines of text: captions, wrapping
layout    a label's contents on a label's area, in millimetres
pdf       sheets and rolls as a file for a printer
svg       the same label, and a sheet, as a picture for a page

Pure: values in, bytes out.
"""

from __future__ import annotations
