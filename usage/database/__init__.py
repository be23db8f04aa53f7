"""What the portal adds to Django's database connections."""
