"""The yardstick of the webhook: the least that a Django project can do to keep an alert."""
