"""Stored archives: how they are cut when they come, how they are read, and what their bytes tell.

::

    cutting    cut a whole body while it arrives        recutting  cut what a stock client sent in parts once more
    reader     a stored archive as one file             contents   its layout, model.yaml and content digest
    modelyaml  what the catalog takes from model.yaml   backfill   content digests that are computed later
    inspection files, tensors and differences           aliased    an archive under the name of an alias
    patience   how long a client waits for long work
"""
