"""Extensions of PostgreSQL that keep more than one disk or one server can hold."""
