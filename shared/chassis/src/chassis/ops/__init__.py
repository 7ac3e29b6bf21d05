"""Running a service: settings, logs, metrics, health, command line, background tasks."""
