"""How help arranges the options of verbs that have many."""

from cyclopts import Group, Parameter

QUESTIONS = Parameter(group=Group("Questions", sort_key=10))
MODEL = Parameter(group=Group("Model", sort_key=11))
COMPARED = Parameter(group=Group("What it is compared with", sort_key=12))
LATENT = Parameter(group=Group("Latent tokens", sort_key=13))
ANSWERS = Parameter(group=Group("Answers", sort_key=14))
OUTPUT = Parameter(group=Group("Output", sort_key=15))
SPREAD = Parameter(group=Group("Several processes or machines", sort_key=16))
