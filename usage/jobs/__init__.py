"""What goes on in the background of a database: one list of jobs, run by one program at a time.

A *job* is due every so often. It works in *steps*, each of them a short transaction or none: after
a step that leaves more to do at once it yields, and the others have their turn. *Streams* go on all
the time and have locks of their own, so that whoever runs jobs runs them too.
"""

from usage.jobs.job import Job
from usage.jobs.job_list import JOBS, streams
from usage.jobs.runner import LOOKS_EVERY, Runner

__all__ = ["JOBS", "LOOKS_EVERY", "Job", "Runner", "streams"]
