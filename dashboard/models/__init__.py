"""What the dashboard itself keeps: jobs, tokens of programs, counts, what is sent out, and who is told what."""

from .access import ApiToken, KeptAnswer, Passkey, SecondFactor
from .counts import AnalysisCount
from .jobs import Job
from .notifying import Destination, Incident, MaintenanceWindow, Mute, Ping, QuietHours, RuleSetting, Severity
from .outbound import Attempt, Endpoint, StreamEvent, StreamMark, ToldSignal
from .outgoing import Outgoing, Pace
from .preferences import Preference, SavedView
from .writes import LastWrite

__all__ = [
    "AnalysisCount", "ApiToken", "Attempt", "Destination", "Endpoint", "Incident", "Job", "KeptAnswer",
    "LastWrite", "MaintenanceWindow", "Mute", "Outgoing", "Pace", "Passkey", "Ping", "Preference", "QuietHours",
    "RuleSetting", "SavedView", "SecondFactor", "Severity", "StreamEvent", "StreamMark", "ToldSignal",
]  # fmt: skip
