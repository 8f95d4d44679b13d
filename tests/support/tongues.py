"""Words of the other language on a page: what was not translated, or was said in one language only."""

from __future__ import annotations

from typing import Final

from playwright.sync_api import Page

FIND: Final = """([words, known]) => {
  const foreign = new RegExp(words, "gu"), names = "script, style, noscript, bdi, code, pre, .code, time";
  const told = (text) => (text.match(foreign) ?? []).some((word) => !known.includes(word));
  const page = document.documentElement, found = new Set();
  const own = (element) => !element.closest(names) && element.closest("[lang]") === page;
  const walk = document.createTreeWalker(page, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const { parentElement, data } = walk.currentNode;
    if (own(parentElement) && told(data)) found.add(data.trim());
  }
  for (const name of ["aria-label", "alt", "title", "placeholder"])
    for (const element of document.querySelectorAll(`[${name}]`)) {
      const text = element.getAttribute(name);
      if (own(element) && told(text)) found.add(`${name}: ${text}`);
    }
  return [...found];
}"""
WORDS: Final = {"zh": r"(?<![\w.:/@-])[A-Za-z][a-z’]{2,}(?![\w.:/-])", "en": r"\p{Script=Han}+"}
"""What a page in a language should have none of; GTIN, PDF, ft:region and README.md are no words."""
KNOWN: Final = (
    "Aegis",
    "Atom",
    "Authenticator",
    "Cookie",
    "Earth",
    "Feed",
    "Google",
    "Lot",
    "Microsoft",
    "Natural",
)
"""Names of things that are written in Latin letters in Chinese, too; Lot is what stands on packs."""


def foreign_texts(page: Page, lang: str, *known: str) -> list[str]:
    """Texts of a page with words of the other language.

    What is marked as a name (``bdi``), as a code or as being in another language is left out.

    Args:
        lang: ``en`` or ``zh``, the language of the page.
        known: more words that may stand there.
    """
    found: list[str] = page.evaluate(FIND, [WORDS[lang], [*KNOWN, *known]])
    return found
