"""What a walk would take, before it is walked: time, memory and disk of every step."""
