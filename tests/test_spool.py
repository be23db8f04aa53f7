"""The collectors' spool: what is in it after a power cut, and how it goes on from there."""

import datetime as dt
from pathlib import Path

import msgspec

from usage.collecting.spool import Spool
from usage.records import UsageRecord
from usage.upstream_accounts import AccountsTold, QuotaReading

ONE, OTHER = (
    UsageRecord(dt.datetime(2026, 4, 25, tzinfo=dt.UTC), model, event_id=number)
    for number, model in enumerate(("gpt-5", "o4-mini"))
)


def test_records_come_back_as_they_were(tmp_path: Path):
    spool = Spool(tmp_path / "east.spool")
    spool.add([ONE])
    spool.add([OTHER])
    assert spool.records() == [ONE, OTHER]
    spool.clear()
    assert spool.records() == []
    spool.close()


def test_half_a_record_does_not_cost_the_next_one(tmp_path: Path):
    path = tmp_path / "east.spool"
    spool = Spool(path)
    spool.add([ONE, OTHER])
    spool.close()
    path.write_bytes(path.read_bytes()[:-20])
    spool = Spool(path)
    assert spool.records() == [ONE]
    spool.add([OTHER])
    assert spool.records() == [ONE, OTHER]
    spool.close()


def test_a_spool_whose_folder_is_replaced_goes_on_in_the_new_one(tmp_path: Path):
    folder = tmp_path / "collector"
    spool = Spool(folder / "east.spool")
    spool.add([ONE])
    assert spool.is_in_place()
    folder.rename(tmp_path / "aside")
    assert not spool.is_in_place()
    spool.move_into_place()
    spool.add([ONE, OTHER])
    assert spool.is_in_place()
    spool.close()
    assert Spool(folder / "east.spool").records() == [ONE, OTHER]


def told(*ratios: float) -> AccountsTold:
    found = AccountsTold()
    for hour, ratio in enumerate(ratios):
        found.add(QuotaReading("east", "a", "5h", ONE.timestamp + dt.timedelta(hours=hour), ratio))
    return found


def test_what_came_of_accounts_comes_back_beside_the_records(tmp_path: Path):
    spool = Spool(tmp_path / "east.spool")
    spool.add([ONE], told(0.1))
    spool.add([OTHER], told(0.1, 0.2))
    assert spool.content() == ([ONE, OTHER], told(0.1, 0.2))
    spool.close()


def test_a_spool_of_an_older_version_holds_records_alone(tmp_path: Path):
    path = tmp_path / "east.spool"
    path.write_bytes(msgspec.json.encode(ONE) + b"\n" + b'{"quota": 5}\n{"quota":{}}\n')
    spool = Spool(path)
    assert spool.content() == ([ONE], AccountsTold())
    spool.close()
