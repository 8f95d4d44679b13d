"""The web site: pages for consumers, labels, bundles and the log, read from the store."""

from webapp.app import create_app as create_app
