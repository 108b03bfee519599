"""Backups: one file of all tables and the spool, which either database writes and reads (docs/backup.md)."""
