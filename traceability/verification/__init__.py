"""What a stranger can check: the policy they bring, the bundle they got, the verdict on it."""
