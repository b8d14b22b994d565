"""The sweep: every unit of every store examined, with a coverage statement."""

from shredder.sweep.ahead import counted_ahead
from shredder.sweep.coverage import Coverage, ScopeCoverage, could_look
from shredder.sweep.sweep import Problem, Sweep, sweep

__all__ = ["Coverage", "Problem", "ScopeCoverage", "Sweep", "could_look", "counted_ahead", "sweep"]
