"""Small widgets that show and edit values; they know neither session nor viewer."""
