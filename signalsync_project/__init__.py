"""The project: its settings, its addresses, and the processes that run it."""

import atexit
import gc

# A process that ends goes through all that it has imported once more, to free what the system takes back anyway: half a
# second of the processor, a third of a short command. What is frozen, it leaves.
atexit.register(gc.freeze)
