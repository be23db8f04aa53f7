"""How a question is refused."""

from typing import Any


class ApiError(Exception):
    """A refusal: its status, a sentence that says what to do, and more fields of the answer."""

    def __init__(self, status: int, message: str, **details: Any) -> None:
        self.status = status
        self.message = message
        self.details = details
        super().__init__(message)
