"""Alert mail: TradingView mails each alert as well. What the webhook lost comes minutes later, by itself.

`reading` makes a message of bytes, `trusting` says whether it is TradingView's, `matching` which mails are the same
alerts as other deliveries: all pure. `imap` reads a folder, `polling` all of them, `collecting` stores mails, and
`settling` makes deliveries of them. docs/mail.md has the whole.
"""
