"""Who may do what: seats, the wheel, resume tokens."""
