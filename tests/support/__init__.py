"""Real parts for the tests: broker, PostgreSQL, browser; and the run's closing report."""
