"""The audit log's seals: what makes a changed, removed or inserted entry show (docs/security.md, Seals)."""
