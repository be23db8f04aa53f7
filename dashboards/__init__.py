"""Pages for people: the dashboard and the error pages."""
