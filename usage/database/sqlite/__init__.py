"""Django's SQLite with connections that notice when their files are taken away."""
