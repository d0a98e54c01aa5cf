"""The registry as a client sees it: wire types, contexts and tokens, transport, client."""
