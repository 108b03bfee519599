"""Guards: triggers that refuse what must never happen to rows, whoever asks (docs/security.md, Guards)."""
