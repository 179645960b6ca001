"""Events to their subscribers: signed, sent, tried again."""
