"""The report: one HTML file with the services' graph and every interaction, made of a `Record`."""
