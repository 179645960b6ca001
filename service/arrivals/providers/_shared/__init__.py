"""Code that several providers share, for reading and for writing."""
