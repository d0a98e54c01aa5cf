"""Who calls and what they may do.

::

    auth       the caller of a request, and the rule that each route says
    access     who may do what: decided here only
    sessions   what the pages sign in with              signing    presigned URLs
    throttle   failed sign-ins are counted and slowed
"""
