"""A DEEPaaS module: predictions and trainings for others, with the same code as here."""
