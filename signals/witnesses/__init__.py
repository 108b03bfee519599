"""Other witnesses of what the alerts tell: they are compared with what was heard, and fill nothing."""
