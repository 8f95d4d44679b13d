"""People who use the node: who they are, what they may do, how they sign in, what they did."""
