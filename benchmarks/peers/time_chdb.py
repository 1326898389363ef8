"""ClickHouse's windowFunnel over a Parquet file of events, in the environment of chDB: times, and levels per user.

    time_chdb.py EVENTS.parquet LEVELS.parquet WINDOW_SECONDS STEPS RUNS

Steps are the event names e0, e1, ...; LEVELS.parquet gets user_key and one column per way of asking. Prints one JSON
object: milliseconds of each run by way.
"""

from __future__ import annotations

import json
import sys
import time

from chdb import session

CLOCK = "toUInt64(toUnixTimestamp64Micro(occurred_at))"


def ways(window: int, steps: int) -> dict[str, str]:
    """Expressions of the level of a user.

    `strict_clock` is windowFunnel with a finer clock, on which later steps of one moment come first: nothing of a
    moment follows another, and no entry is forgotten, as `strict_increase` forgets one on the next step's moment.
    """
    names = ", ".join(f"event_name = 'e{number}'" for number in range(steps))
    micros = window * 1_000_000
    finer = f"toUInt64({CLOCK} * 8 + {steps} - toUInt8(substring(event_name, 2)))"
    return {
        "plain": f"windowFunnel({micros})({CLOCK}, {names})",
        "strict_increase": f"windowFunnel({micros}, 'strict_increase')({CLOCK}, {names})",
        "strict_clock": f"windowFunnel({micros * 8}, 'strict_increase')({finer}, {names})",
    }


def main(events: str, levels: str, window: int, steps: int, runs: int) -> None:
    database = session.Session()
    database.query("CREATE DATABASE bench")
    database.query(
        "CREATE TABLE bench.events (user_key String, event_name String, occurred_at DateTime64(6, 'UTC'))"
        " ENGINE = MergeTree ORDER BY tuple()"
    )
    columns = "user_key, event_name, occurred_at"
    database.query(
        f"INSERT INTO bench.events SELECT {columns} FROM file('{events}', 'Parquet') SETTINGS max_threads = 2"
    )
    wanted = ", ".join(f"'e{number}'" for number in range(steps))
    figures: dict[str, list[float]] = {}
    for name, level in ways(window, steps).items():
        for _ in range(runs):
            database.query("DROP TABLE IF EXISTS bench.levels")
            begin = time.perf_counter()
            database.query(
                f"CREATE TABLE bench.levels ENGINE = MergeTree ORDER BY tuple() AS SELECT user_key, {level} AS level"
                f" FROM bench.events WHERE event_name IN ({wanted}) GROUP BY user_key SETTINGS max_threads = 2"
            )
            figures.setdefault(name, []).append((time.perf_counter() - begin) * 1000)
    asked = ", ".join(f"{level} AS {name}" for name, level in ways(window, steps).items())
    database.query(
        f"SELECT user_key, {asked} FROM bench.events WHERE event_name IN ({wanted}) GROUP BY user_key"
        f" INTO OUTFILE '{levels}' FORMAT Parquet"
    )
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *(int(argument) for argument in sys.argv[3:]))
