"""What is inside a version: its tensors, what its pickles import, and how two versions differ.

Everything here reads headers: nothing is executed, and nothing is read as a whole that need not be. So it works on a
local folder as on an archive in a registry, which is read by ranges.
"""
