"""The lateness of knowledge, simulated: the product's own policy and budgets against a clock that nobody waits for."""
