"""How many requests a minute plans allow, as FEED_RATES says. Pure."""


def rates(text: str) -> dict[str, int]:
    """Of massive=100,databento=30. Raises ValueError for what cannot be read."""
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = part.partition("=")
        if not number.isdecimal() or not int(number):
            raise ValueError(f"{part!r} is no feed with requests a minute, as massive=100")
        found[name.strip()] = int(number)
    return found
