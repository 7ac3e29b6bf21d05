"""An async test or fixture that never ends fails, and the tests after it run."""

import pytest

HANGS = """
    import asyncio
    import pytest

    @pytest.fixture(scope="session")
    async def shared():
        yield 1

    @pytest.fixture
    async def hangs_before():
        await asyncio.Event().wait()
        yield

    @pytest.fixture
    async def hangs_after():
        yield
        await asyncio.Event().wait()

    class TestMethods:
        @pytest.fixture
        async def own(self):
            self.number = 7
            yield self
            await asyncio.Event().wait()

        async def test_method(self, own):
            assert own is self and self.number == 7

    async def test_hangs(shared):
        "waits for an event"
        await asyncio.Event().wait()

    async def test_before(hangs_before): pass

    async def test_after(hangs_after): pass

    async def test_its_own_timeout(shared):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.Event().wait()

    async def test_last(shared):
        assert shared == 1
"""


@pytest.fixture(autouse=True)
def short_limits(pytester: pytest.Pytester) -> None:
    """Each step has 0.5 of 5 seconds, so that the rest is enough for reports on a busy machine."""
    pytester.makeconftest("from service_testing import time_limits; time_limits._SHARE = 0.1")


@pytest.mark.slow
def test_hanging_step_fails_and_the_next_tests_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(HANGS)
    result = pytester.runpytest_subprocess("-p", "no:randomly", "--timeout=5", timeout=100)
    result.assert_outcomes(passed=4, failed=1, errors=3)
    for step in (
        "the set-up of hangs_before",
        "the clean-up of hangs_after",
        "the clean-up of TestMethods.own",
        "test_hangs",
    ):
        result.stdout.fnmatch_lines([f"*Failed: {step} still waits after *"])
    result.stdout.fnmatch_lines([">       await asyncio.Event().wait()"])


@pytest.mark.slow
def test_hanging_example_of_hypothesis_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import asyncio
        from hypothesis import given, settings, strategies

        @settings(max_examples=1)
        @given(strategies.just(1))
        async def test_hangs(number):
            await asyncio.Event().wait()

        async def test_last(): pass
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:randomly", "--timeout=5", timeout=100)
    result.assert_outcomes(passed=1, failed=1)


def test_without_a_timeout_nothing_is_limited(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import asyncio

        async def test_sleeps(): await asyncio.sleep(0.01)
        """
    )
    pytester.runpytest("--timeout=0").assert_outcomes(passed=1)
