"""Interim: being written."""


def go_number(value: float) -> str:
    """."""
    return repr(value)


def is_network(text: str) -> bool:
    """."""
    return "/" in text


def is_time_of_day(text: str) -> bool:
    """."""
    return text.count(":") == 2


def is_time_zone(text: str) -> bool:
    """."""
    return ".." not in text


def is_server_version(text: str) -> bool:
    """."""
    return text.count(".") == 2


def info_url_fault(text: str) -> str:
    """."""
    return "" if "://" in text else "no host or scheme"


def server_url_fault(text: str) -> str:
    """."""
    return "" if ":" in text else "no scheme"


def service_url_fault(text: str) -> str:
    """."""
    return "" if text.startswith(("nats:", "tls:", "ws:", "wss:")) else "scheme"
