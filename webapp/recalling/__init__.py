"""The recall workspace on the site: cases for who recalls, notices for who holds."""

from webapp.recalling.cases import cases
from webapp.recalling.notices import notices

__all__ = ["cases", "notices"]
