"""Events over NATS JetStream, by FastStream (the extra `nats`). Imported only where a URL begins with `nats://`."""
