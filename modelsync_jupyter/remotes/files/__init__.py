"""Files and folders as ends of a copy: on this computer, and through fsspec on any other system it has a driver for."""
