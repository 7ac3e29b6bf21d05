"""Consumer-driven contracts with Pact, as files in git.

- `contracts.consumer`: what a consumer's tests use to state what they send and read.
- `contracts.provider`: what a provider's tests use to verify every recorded interaction.
- `contracts.fakes`: checks that fakes and mocks answer only what a contract covers.
- `contracts.openapi`: compares interactions and descriptions.
- `contracts.gate`: what the command `contracts` does.
"""

import os

os.environ.setdefault("PACT_DO_NOT_TRACK", "true")  # Pact reads it when it is loaded
