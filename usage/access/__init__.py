"""Who may read, write and sign in, and what wrong attempts lead to."""
