"""Price bars over the network: adapters behind one interface (`base`), what is asked of them (`windows`), one caller.

An adapter (`massive`, `databento`, `crypto`, and those of other packages: `registry`) knows one vendor's protocol, and
no database. `asking` is the one caller, `keeping` the one writer: it judges bars as those of files are, compares them
with the indicator's own prices (`agreement`), and remembers what was asked. docs/feeds.md has the whole.
"""
