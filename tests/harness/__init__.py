"""Real servers, faults and models for tests: public classes that any test may import.

- `yatai.Yatai`: a BentoCloud-like API with an S3-like object host, without our extension.
- `faults.FaultyProxy`: stands between a client and any server and does what networks do.
- `processes`: clients and our registry as processes, to be killed and started again.
- `models`: folders in BentoML's layout, and their comparison.
"""
