"""Each service is checked against its OpenAPI description by schemathesis."""
