"""The byte lane: the connections of one process, and how bytes come in and leave without holding a thread.

::

    front      one event loop with all connections; who answers what
    bridge     bodies that arrive, and requests as WSGI knows them
    receiving  a blob that arrives in pieces            sending    archives that leave, whole or in ranges
    fast       threads that are lent to fast clients    places     threads for what takes long, shared out
"""
