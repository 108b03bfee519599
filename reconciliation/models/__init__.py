"""What the cycle keeps: its runs, the lives of gaps, the audit log, and what it could not do."""

from .audit import SyncAuditLog
from .findings import FindingTotal
from .gaps import GapRecord, GapTotal
from .replay import Agreement, ReplayedSignal, ReplayState, ReplayStretch
from .requests import AskedGap, AskingMark, Companion, SyncRequest
from .runs import HealthTotal, SetAside, SignalHealthMetric, SyncLease, SyncRun
from .trust import MeasuredConfidence

__all__ = [
    "Agreement",
    "AskedGap",
    "AskingMark",
    "Companion",
    "FindingTotal",
    "GapRecord",
    "GapTotal",
    "HealthTotal",
    "MeasuredConfidence",
    "ReplayState",
    "ReplayStretch",
    "ReplayedSignal",
    "SetAside",
    "SignalHealthMetric",
    "SyncAuditLog",
    "SyncLease",
    "SyncRequest",
    "SyncRun",
]
