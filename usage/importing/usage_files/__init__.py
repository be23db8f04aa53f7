"""Files of usage that are no databases, and older tools' databases: what each row in them is."""
