"""The stream: which bytes of an archive are which file, reading it out of a folder, writing it into another."""
