"""How long a backup of many images takes, and the way back."""
