"""The sweep: every unit of every store examined, with a coverage statement."""

from shredder.sweep.ahead import Opening, counted_ahead
from shredder.sweep.coverage import Coverage, ScopeCoverage, could_look
from shredder.sweep.crew import Cluster, Crew, Processes
from shredder.sweep.found import Problem, Sweep, is_to_come, phase_of
from shredder.sweep.ledger import Ledger
from shredder.sweep.sweep import Means, sweep
from shredder.sweep.worker import Job

__all__ = [
    "Cluster",
    "Coverage",
    "Crew",
    "Job",
    "Ledger",
    "Means",
    "Opening",
    "Problem",
    "Processes",
    "ScopeCoverage",
    "Sweep",
    "could_look",
    "counted_ahead",
    "is_to_come",
    "phase_of",
    "sweep",
]
