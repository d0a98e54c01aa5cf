"""Real servers, faults and models for tests: public classes that any test may import.

Servers, and when to use which:

- `processes.RegistryProcess`: our registry as a process, to be pushed to, killed and started again; the one place that
  starts it. `fixtures.registry` is one that many tests share.
- `yatai.Yatai`: a BentoCloud-like API with an S3-like object host, in this process, without our extension; what it was
  asked and every violation of the protocol is kept for asserts. Its parts: `actions`, `buckets`, `objects`, `records`.
- `registry.server.Server`: the same with its log and a raw client, for tests of single requests to it.

In front of them:

- `faults.FaultyProxy`: does what networks do; `script.Fault` says what goes wrong with which request.
- `tls.TlsProxy`: speaks TLS, with a certificate of the test's own.
- `nginx.nginx`: Debian's nginx, where a test or a benchmark is about nginx itself.

And around them: `processes` (clients as processes), `models` (folders in BentoML's layout, and their comparison),
`httpd` and `log` (what the servers are made of), `fixtures` (what several `conftest.py` share).
"""
