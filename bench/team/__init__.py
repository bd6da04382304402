"""A team at work, with and without an attacker."""
