"""The front door: reads requests whole before anything is done for them, so that nobody who is slow holds anything."""
