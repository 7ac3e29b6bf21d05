import importlib

import pytest

# pytester forgets what its runs import, and a second copy of some modules doesn't work with the first.
for name in ("notes", "respx", "uvicorn.lifespan.off", "uvicorn.protocols.http.auto"):
    importlib.import_module(name)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
