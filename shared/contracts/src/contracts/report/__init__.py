"""The report: one HTML file with the graph of the services and every interaction."""
