"""Transactional outbox: events go from the transaction that writes them to every subscriber (ADR 0019).

A publisher takes these steps:

1. Import `models` in `app/models.py`, and write a migration for its tables.
2. Subclass `settings.PublisherSettings`.
3. Call `writing.write_event` in the transaction of each change.
4. Run `process.delivering` in the app's lifespan, and add `metrics.measure_outbox`.
5. Add `commands.add_outbox_commands` to its command line.
6. Describe the events with `chassis.events.asyncapi`.
"""
