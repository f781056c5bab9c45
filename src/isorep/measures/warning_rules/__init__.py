"""What decides a similarity unnoticed: one reason a file."""
