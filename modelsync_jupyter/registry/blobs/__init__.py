"""Blobs: the bytes of all archives, in pieces named by their digest. `protocol` says what a store of them promises."""
