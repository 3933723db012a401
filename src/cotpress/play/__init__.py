"""A page to play with: one question, the original model's answer beside the shortened one."""
