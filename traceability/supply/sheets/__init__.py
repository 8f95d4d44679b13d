"""Spreadsheets that firms bring: read as text, cell by cell; and the template that they follow."""
