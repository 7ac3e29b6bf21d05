"""Ends an async test or fixture that waits too long, with a traceback that shows what it waits for.

pytest-timeout alone would interrupt the event loop and leave the test waiting in it: anyio runs all tests and fixtures
in one task, so the next fixture would wait for that test without an end.
"""

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from inspect import isasyncgenfunction, iscoroutinefunction, ismethod
from types import MethodType
from typing import Any

import pytest

# Each step gets this share of the time that is left, so that the fixtures after it have some, too.
_SHARE = 0.8


class TimeLimits:
    """A plugin that limits each step to a share of what is left of pytest-timeout's limit for the test."""

    def __init__(self) -> None:
        self._deadline: float | None = None

    @pytest.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_timeout_set_timer(self, settings: Any) -> None:
        self._deadline = _now() + settings.timeout

    @pytest.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_timeout_cancel_timer(self) -> None:
        self._deadline = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        hypothesis = getattr(pyfuncitem.obj, "hypothesis", None)
        if hypothesis and iscoroutinefunction(hypothesis.inner_test):
            hypothesis.inner_test = self._limited(hypothesis.inner_test)
        elif iscoroutinefunction(pyfuncitem.obj):
            pyfuncitem.obj = self._limited(pyfuncitem.obj)
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any]
    ) -> Generator[None, object, object]:
        function: Any = fixturedef.func
        plain = function.__func__ if ismethod(function) else function
        if iscoroutinefunction(plain):
            limited: Any = self._limited(plain)
        elif isasyncgenfunction(plain):
            limited = self._limited_generator(plain)
        else:
            return (yield)
        limited = MethodType(limited, function.__self__) if ismethod(function) else limited
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fixturedef, "func", limited)
            return (yield)

    def _limited(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        async def limited(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            return await self._wait(function.__qualname__, function(*args, **kwargs))

        return limited

    def _limited_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        async def limited(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            __tracebackhide__ = True
            generator = function(*args, **kwargs)
            yield await self._wait(f"the set-up of {function.__qualname__}", anext(generator))
            await self._wait(f"the clean-up of {function.__qualname__}", anext(generator, None))

        return limited

    async def _wait(self, step: str, awaitable: Awaitable[Any]) -> Any:
        __tracebackhide__ = True
        seconds = None if self._deadline is None else (self._deadline - _now()) * _SHARE
        scope = asyncio.timeout(seconds)
        try:
            async with scope:
                return await awaitable
        except TimeoutError as error:
            if not scope.expired():
                raise
            raise pytest.fail.Exception(f"{step} still waits after {seconds:.1f} s") from error


def _now() -> float:
    # Not time.monotonic(), which `frozen_time` stops.
    return time.clock_gettime(time.CLOCK_MONOTONIC)
