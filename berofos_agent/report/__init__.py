"""What somebody needs who was not there, without passwords."""
