"""A small provider: notes in memory."""

from fastapi import FastAPI

NOTES: list[str] = []
app = FastAPI()


@app.get("/notes/")
async def list_notes() -> list[str]:
    return NOTES


@app.get("/broken")
async def broken() -> None:
    raise RuntimeError("a secret cause")
