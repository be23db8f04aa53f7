"""What a question is: its filters and parameters, and how it is refused."""
