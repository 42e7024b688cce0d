"""What bench/run makes of figures: medians, verdicts, the table. Nothing is started."""
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bench")]

from suite import candidates, extent, goals, load, plots, report, rows, together  # noqa: E402 - found by the line above
from suite.programs import Failure  # noqa: E402

pytestmark = pytest.mark.checked


def contender(label, *values, is_peer=None, **more):
    rounds = [{"failure": value} if isinstance(value, str) else {"value": value} for value in values]
    for name, numbers in more.items():
        for one, number in zip(rounds, numbers):
            one[name] = number
    return {"label": label, "candidate": label, "is_peer": label != "crossgate" if is_peer is None else is_peer, "rounds": rounds}


def row(*contenders, floor=None, name="echo-16k"):
    return {"name": name, "title": "Echo", "unit": "µs", "floor": floor, "contenders": list(contenders)}


def verdict(goal, *contenders, floor=None):
    said = goal.verdict(row(*contenders, floor=floor))
    return said["met"], said["text"]


def test_below_every_peer_names_the_best_of_them():
    met, text = verdict(goals.below_peers(), contender("crossgate", 8, 9, 9.5), contender("nginx", 10, 10, 10), contender("ws", 90, 90, 90))
    assert (met, text) == (True, "0.90 of nginx, rounds 0.80 to 0.95")


def test_short_says_how_far():
    met, text = verdict(goals.below_peers(), contender("crossgate", 12), contender("nginx", 10))
    assert (met, text) == (False, "short by 20%: 1.20 of nginx")


def test_rounds_on_both_sides_of_a_peer_are_level():
    met, text = verdict(goals.below_peers(), contender("crossgate", 9, 10.2, 10.1), contender("nginx", 10, 10, 10))
    assert (met, text) == (goals.LEVEL, "1.01 of nginx, rounds 0.90 to 1.02")


def test_equal_is_not_below():
    assert verdict(goals.below_peers(), contender("crossgate", 10), contender("nginx", 10))[0] is False


def test_ratios_are_of_rounds_so_that_a_slow_round_does_not_count_for_one_side():
    met, text = verdict(goals.below_peers(), contender("crossgate", 9, 18, "failed"), contender("nginx", 10, 20, 5))
    assert (met, text) == (True, "0.90 of nginx")


def test_who_fails_or_is_another_build_is_no_peer():
    met, text = verdict(goals.below_peers(), contender("crossgate", 10), contender("hitch", "not installed"),
                        contender("other build", 5, is_peer=False))
    assert (met, text) == (None, "no peer was measured")


def test_without_our_own_figure_there_is_no_verdict():
    assert verdict(goals.below_peers(), contender("crossgate", "broken"), contender("nginx", 1)) == \
        (None, "crossgate was not measured: broken")


@pytest.mark.parametrize("value, met, text", [(110, True, "1.10 of the floor"), (121, False, "short by 10%: 1.21 of the floor")])
def test_floor(value, met, text):
    assert verdict(goals.within_floor(1.10), contender("crossgate", value), floor=100) == (met, text)


def test_the_bare_server_stands_beside_the_floor_and_is_no_peer():
    both = contender("crossgate", 110, 120), contender("bare", 100, 100, is_peer=False)
    assert verdict(goals.within_floor(1.10), *both, floor=100) == (False, "short by 5%: 1.15 of the floor; 1.15 of bare")
    assert verdict(goals.at_most(200, "KB"), *both) == (True, "115.0 KB; 1.15 of bare")
    assert verdict(goals.share_of_floor(0.8), *both, floor=115) == (True, "1.00 of the speed of recv, open, seal and send; 1.15 of bare")
    assert verdict(goals.below_peers(), *both) == (None, "no peer was measured")
    assert all(not one.is_peer for row in rows.ROWS for one in row.contenders if one.candidate == "bare")


def test_floor_that_is_not_known():
    assert verdict(goals.within_floor(1.10), contender("crossgate", 1)) == (None, "the floor was not measured")


@pytest.mark.parametrize("value, met, text", [(12.5, True, "0.80 of the speed of recv, open, seal and send"),
                                              (20, False, "short by 60%: 0.50 of the speed of recv, open, seal and send")])
def test_share_of_the_speed_of_records(value, met, text):
    assert verdict(goals.share_of_floor(0.8), contender("crossgate", value), floor=10) == (met, text)


def test_records_alone_are_told_beside():
    one = {**row(contender("crossgate", 10), floor=9), "records": 5}
    assert goals.share_of_floor(0.8).verdict(one)["text"] == \
        "0.90 of the speed of recv, open, seal and send, 0.50 of that of seal and open alone"


def test_memory():
    assert verdict(goals.at_most(15.5, "KB"), contender("crossgate", 15.5)) == (True, "15.5 KB")
    assert verdict(goals.at_most(15.5, "KB"), contender("crossgate", 31)) == (False, "2.0 times the goal: 31.0 KB")


def test_storm_is_held_against_quiet_and_against_a_peer():
    ours, nginx = contender("crossgate", 4, quiet=[2]), contender("nginx", 20, quiet=[1])
    quiet = goals.within(3, "crossgate", "crossgate", "…", other_what="quiet")
    assert verdict(quiet, ours, nginx) == (True, "2.00 of quiet")
    assert verdict(goals.within(0.1, "crossgate", "nginx", "…"), ours, nginx) == (False, "2.0 times the goal: 0.20 of nginx")
    assert verdict(goals.within(0.1, "crossgate", "haproxy", "…"), ours, nginx) == (None, "haproxy was not measured")


def test_two_workers_scale_by_cost_and_balance():
    goal = goals.scales(1.9, "one", "two")
    assert verdict(goal, contender("one", 100), contender("two", 100, balance=[2.0]))[0] is True
    assert verdict(goal, contender("one", 100), contender("two", 100, balance=[1.8]))[0] is False
    assert verdict(goal, contender("one", 100), contender("two", 125, balance=[2.0]))[0] is False


@pytest.mark.parametrize("value, text", [(None, "–"), (0.01234, "0.0123"), (99.94, "99.9"), (123.4, "123"), (123456.7, "123,457")])
def test_numbers(value, text):
    assert report.number(value) == text


RESULTS = {
    "date": "2030-01-02T03:04:05", "commit": "abc", "quick": False, "trouble": None, "extent": {"rounds": 3, "seconds": 2},
    "machine": {"processor": "P", "cores": 2, "memory": "1 kB", "system": "S", "kernel": "6", "openssl": "OpenSSL 3", "core_of_servers": 0,
                "core_of_load": 1},
    "candidates": {"crossgate": "1", "nginx": "2", "hitch": "3"}, "missing": {"ws": "it is not installed"}, "floors": {"call/message": 3.97},
    "rows": [{**row(contender("crossgate", 10, 11, 12), contender("nginx", 20), contender("hitch", "is\nbroken", "is\nbroken"), floor=9),
              "verdicts": [{"goal": "below", "met": True, "text": "0.55 of nginx"}]},
             {**row(contender("crossgate", 4, quiet=[2]), name="storm-dhe"), "verdicts": []},
             {**row(contender("1 certificate", 5), name="growth-certificates"), "verdicts": [{"goal": "g", "met": None, "text": "t"}]}]}


def test_table():
    text = report.markdown(RESULTS)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "| work | unit | crossgate | of best peer | floor | nginx | hitch | load's own | spread |" in lines
    assert "| Echo | µs | 11 | 0.50 nginx | 9 | 20 | – [1] | | 18% |" in lines
    assert "| Echo | µs | 2 → 4 | – | | | | | – |" in lines
    assert "| Echo | µs | 1 certificate | 5 | – |" in lines
    assert "[1] hitch: is broken" in lines and "Not measured: ws, since it is not installed" in lines
    assert "| Echo | below | met | 0.55 of nginx |" in lines and any(line.startswith("1 of 2 goals are met; 0 are level") for line in lines)
    assert "| call/message | 3.97 |" in lines


def test_a_generator_without_time_left_is_told():
    stormy = {**RESULTS, "rows": [{**row(contender("crossgate", 4, quiet=[2], busy=[0.97])), "verdicts": []}]}
    assert "upper bounds (crossgate 0.97)" in report.markdown(stormy)
    assert "upper bounds" not in report.markdown(RESULTS)


def test_a_storm_that_a_server_hardly_feels_is_told():
    mild = {**RESULTS, "rows": [{**row(contender("crossgate", 4, quiet=[2], server_busy=[0.6])), "verdicts": []}]}
    assert "others used the core (crossgate 0.60)" in report.markdown(mild)


def test_plots_hold_ratios_to_ours_and_leave_out_who_is_not_there():
    text = plots.script("messages", RESULTS["rows"][:1], ["crossgate", "nginx", "hitch"], "x.svg")
    assert 'row "crossgate" "nginx"' in text and '"echo-16k" 1.0000 1.8182' in text
    assert plots.script("storms", RESULTS["rows"][1:2], ["crossgate", "nginx", "hitch"], "x.svg") is None


def test_rows_are_chosen_by_name_and_by_first_part():
    assert [one.name for one in rows.chosen(["bulk", "idle"])] == ["bulk", "idle-echo", "idle-relay", "idle-many"]
    assert [one.name for one in rows.chosen([])] == [one.name for one in rows.ROWS]
    assert 20 < len(rows.chosen([], quick=True)) < len(rows.ROWS)
    with pytest.raises(LookupError, match="ech"):
        rows.chosen(["ech"])


def test_crowds_are_as_large_as_open_files_allow():
    titles = {one.name: one.title for one in rows.table(20_000)}
    assert "9,500" in titles["idle-relay"] and "19,000" in titles["idle-echo"]
    assert "20,000" in {one.name: one.title for one in rows.ROWS}["idle-relay"]


@pytest.mark.parametrize("descriptors, many, processes", [(101_000, 50_000, 1), (51_000, 50_000, 1), (50_999, 50_000, 2), (20_000, 50_000, 3),
                                                          (4_000, 24_000, 8)])
def test_many_connections_have_as_many_processes_as_it_takes_and_few_have_as_many(descriptors, many, processes):
    by_name = {one.name: one for one in rows.table(descriptors)}
    for name in ("idle-many", "growth-connections", "growth-open"):
        one = by_name[name]
        assert {one.setup_of(contender).workers for contender in one.contenders} == {one.processes} == {processes}
        assert (f"in {processes} processes each" in one.title) == (processes > 1)
        assert max(one.load_of(contender)["connections"] for contender in one.contenders) <= processes * (descriptors - 1000)
        assert max(contender.crowd for contender in one.contenders) <= processes * (descriptors - 1000)
    assert f" {many:,} " in by_name["idle-many"].title
    assert f"{many:,} connections" in [contender.label for contender in by_name["growth-connections"].contenders]


class FakePart:
    """A load process that tells what is asked of it, and at last this result."""

    def __init__(self, number, said, result):
        self.number, self.said, self.result = number, said, result

    def wait_until_ready(self):
        self.said.append(("ready", self.number))

    def begin(self):
        self.said.append(("begin", self.number))

    def __call__(self):
        return self.result


def test_loads_begin_when_all_are_ready_and_are_one_result():
    said, asked = [], []

    def part(connections, operations, seconds, cpu_us, before, after):
        return {"command": "c", "connections": connections, "operations": operations, "per_second": operations / seconds, "seconds": seconds,
                "client": {"cpu_us": 7}, "server": {"cpu_us": cpu_us, "pss_bytes_before": before, "pss_bytes": after}}
    results = [part(34, 100, 1, 2000, 5000, 15000), part(33, 100, 2, 4000, 6000, 14000), part(33, 50, 1, 2000, 5500, 14500)]

    class FakeLoad:
        @contextmanager
        def running(self, _mode, _url, _server, options):
            asked.append(options)
            yield FakePart(len(asked), said, results[len(asked) - 1])
            said.append(("end", None))
    whole = together.run(FakeLoad(), "echo", "wss://", 1, {"connections": 100, "size": 64}, 3)
    assert asked == [{"connections": count, "size": 64, "wait": True} for count in (34, 33, 33)]
    assert said == [(what, number) for what in ("ready", "begin") for number in (1, 2, 3)] + 3 * [("end", None)]
    assert (whole["connections"], whole["operations"], whole["per_second"], whole["client"]["cpu_us"]) == (100, 250, 200, 21)
    assert whole["server"] == {"cpu_us_per_operation": 10, "pss_bytes_per_connection": 100}   # 2000 µs a second, of 200 messages
    results[1]["server"]["pss_bytes"] = None
    assert together.added(results)["server"]["pss_bytes_per_connection"] is None


def test_rows_have_names_of_their_own_and_what_they_need():
    names = [one.name for one in rows.ROWS]
    assert len(set(names)) == len(names)
    for one in rows.ROWS:
        assert one.goals and one.setup.role in candidates.PATHS
        labels = [contender.label for contender in one.contenders]
        assert len(set(labels)) == len(labels)


def test_quick_is_less_of_everything(tmp_path):
    large = extent.QUICK.load({"connections": 50000, "depth": 2})
    assert large == {"connections": 500, "depth": 2, "seconds": 0.15, "warm_up": 0.05}
    assert extent.WHOLE.load({}, patience=4) == {"seconds": 4.8, "warm_up": 0.8}
    assert extent.QUICK.setup(candidates.Setup("hello", certificates=999)).certificates == 50
    assert extent.QUICK.file(tmp_path, 1024).stat().st_size == 1024


def test_rounds_that_are_asked_for_are_made_but_memory_is_measured_once():
    by_name = {one.name: one for one in rows.ROWS}
    asked = extent.replace(extent.WHOLE, rounds=7, asked_rounds=7)
    names = ("echo-16k", "storm-dhe", "idle-many")
    assert [extent.WHOLE.rounds_of(by_name[name]) for name in names] == [3, 2, 1]
    assert [asked.rounds_of(by_name[name]) for name in names] == [7, 7, 1]
    assert [extent.QUICK.rounds_of(by_name[name]) for name in names] == [1, 1, 1]


def test_the_generator_is_believed_only_without_errors():
    load.judge({"operations": 1, "errors": 0})
    load.judge({"operations": 0, "errors": 0, "bytes": 1 << 20})
    for bad in ({"operations": 0, "errors": 0}, {"operations": 9, "errors": 1, "first_error": "x"}):
        with pytest.raises(Failure):
            load.judge(bad)


def test_words_of_the_generator():
    assert load.words_of({"handshake_rate": "max", "tls": "1.3", "rate": None, "insecure": True}) == \
        ["--handshake-rate", "max", "--tls", "1.3", "--insecure"]


def test_list_names_every_row():
    said = subprocess.run([ROOT / "bench/run", "--list"], capture_output=True, text=True, timeout=90, check=True).stdout
    assert [line.split()[0] for line in said.splitlines()] == [one.name for one in rows.ROWS]
