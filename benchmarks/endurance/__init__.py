"""An hour of everything at once: senders, questions, exports, purges, hostile peers and kills.

An *activity* is a function that does its work on the *stage* until that is over; each runs in a
thread of its own. To add one, write it and name it in `__main__.ACTIVITIES`. What it has been
promised goes into the *ledger*, what it measures into the *minutes*.
"""
