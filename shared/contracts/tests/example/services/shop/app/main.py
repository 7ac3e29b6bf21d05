"""The shop shows the books of the catalog."""

from fastapi import FastAPI


def create_app() -> FastAPI:
    app = FastAPI(title="Shop")

    @app.get("/")
    async def front_page() -> str:
        return "Welcome"

    return app
