"""What visitors without an account leave: reports of problems, and how often an item's code is opened."""
