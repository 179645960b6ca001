"""Outputs that came inside an answer: their bytes come back as they are, and the first ones stay."""

import anyio
import pytest

from arrivals.store import outputs
from arrivals.store.outputs import InlineOutput

pytestmark = pytest.mark.timeout(30)

PICTURE = InlineOutput(content_type="image/png", content=bytes(range(256)))
OTHER = InlineOutput(content_type="text/plain;charset=utf-8", content=b"")


async def keep(database, output, generation_id="gen_1", number=0):
    async with database.transaction() as tx:
        await outputs.keep(tx, generation_id, number, output)


async def kept(database, generation_id="gen_1", number=0):
    async with database.reading() as tx:
        return await outputs.kept(tx, generation_id, number)


@pytest.mark.parametrize("output", [PICTURE, OTHER], ids=["every byte", "none"])
async def test_output_comes_back_to_the_byte(database, output):
    await keep(database, output)
    assert output == await kept(database)


async def test_what_is_not_kept_is_none(database):
    assert await kept(database) is None


async def test_outputs_are_told_apart_by_generation_and_number(database):
    await keep(database, PICTURE)
    await keep(database, OTHER, number=1)
    await keep(database, OTHER, generation_id="gen_2")
    assert [PICTURE, OTHER, OTHER, None] == [
        await kept(database), await kept(database, number=1), await kept(database, "gen_2"),
        await kept(database, "gen_2", 1),
    ]  # fmt: skip


async def test_what_is_kept_later_takes_its_place(database):
    await keep(database, PICTURE)
    await keep(database, OTHER)
    assert OTHER == await kept(database)


async def test_of_many_who_keep_at_once_one_does(database):
    kinds = [InlineOutput(content_type=f"image/{number}", content=b"%d" % number) for number in range(6)]

    async with anyio.create_task_group() as group:
        for output in kinds:
            group.start_soon(keep, database, output)

    assert await kept(database) in kinds


async def test_what_is_not_committed_is_not_kept(database):
    async def kept_in_vain():
        async with database.transaction() as tx:
            await outputs.keep(tx, "gen_1", 0, PICTURE)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await kept_in_vain()
    assert await kept(database) is None


def test_bytes_stay_out_of_the_repr():
    assert "content=" not in repr(PICTURE)
