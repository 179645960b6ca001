"""`arrivals doctor`: finds the usual mistakes, and says what to do about each."""
