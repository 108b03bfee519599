"""What the cycle keeps: its runs, the lives of gaps, the audit log, and what it could not do."""

from .audit import SyncAuditLog
from .exports import IndicatorExport
from .findings import FindingTotal
from .gaps import GapRecord, GapTotal
from .replay import Agreement, ReplayedSignal, ReplayState, ReplayStretch
from .requests import AskedGap, AskingMark, Companion, SyncRequest
from .runs import HealthTotal, SetAside, SignalHealthMetric, SyncLease, SyncRun
from .seals import AuditDoor, AuditSeal
from .shards import Cluster, Shard
from .trust import MeasuredConfidence

__all__ = [
    "Agreement",
    "AskedGap",
    "AskingMark",
    "AuditDoor",
    "AuditSeal",
    "Cluster",
    "Companion",
    "FindingTotal",
    "GapRecord",
    "GapTotal",
    "HealthTotal",
    "IndicatorExport",
    "MeasuredConfidence",
    "ReplayState",
    "ReplayStretch",
    "ReplayedSignal",
    "SetAside",
    "Shard",
    "SignalHealthMetric",
    "SyncAuditLog",
    "SyncLease",
    "SyncRequest",
    "SyncRun",
]
