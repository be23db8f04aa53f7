"""What coding agents keep of their conversations: of each call its figures, and no text."""
