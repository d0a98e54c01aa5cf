"""The same work done by us and by what a user would pick instead, in one run on one machine: ratios, not tests."""
