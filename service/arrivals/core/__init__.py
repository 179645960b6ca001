"""The pure middle: values and the machine. No I/O, clock, randomness, logging or async stands here."""
