"""How often what happened to jobs, for `/metrics`: counted in the database as it happens, whoever ends or restarts."""
