"""Which unit goes to which worker, and what becomes of those whose worker dies; by a Ray that is none."""

import os
import signal
import socket
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from ablations.cli import main
from ablations.engines.ray import engine, nodes, session
from ablations.engines.ray import workers as workers_module
from ablations.engines.ray.engine import TRIES, Driver
from ablations.engines.ray.nodes import Share, share
from ablations.engines.ray.worker import Answer
from ablations.engines.ray.workers import RayWorkers, threads_each
from ablations.units.unit import Settings, Unit, units_of
from ablations.units.work import UnitResult
from tests.ablations.units.test_unit import made_up, study_of

pytest.importorskip("ray", reason="workers need Ray, the extra ray")


@dataclass(frozen=True, eq=False)
class Asked:
    """An answer to come."""

    worker: "Handle"
    unit: Unit


@dataclass(frozen=True, eq=False)
class Handle:
    """A worker."""

    name: str

    @property
    def run(self):
        return SimpleNamespace(remote=lambda unit: Asked(self, unit))


class FakeRay:
    """Workers answer in the order in which they were asked; `dying` units kill theirs so many times."""

    class exceptions:
        class RayError(Exception):
            pass

        class RayTaskError(RayError):
            pass

    def __init__(self, dying=None):
        self.dying, self.made, self.killed, self.log = dict(dying or {}), 0, [], []

    def remote(self, _):
        def make(*_):
            self.made += 1
            return Handle(f"w{self.made}")

        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=make))

    def wait(self, answers, timeout):
        return answers[:1], answers[1:]

    def nodes(self):
        return [{"Alive": True, "Resources": {"CPU": 2.0}}]

    def get(self, asked):
        key = asked.unit.key
        self.log.append((asked.worker.name, key))
        if self.dying.get(key, 0):
            self.dying[key] -= 1
            raise self.exceptions.RayError("killed\nmore")
        return Answer(UnitResult(not_applicable=(str(key),)), ())

    def kill(self, worker):
        self.killed.append(worker.name)


def settings(tmp_path: Path) -> Settings:
    return Settings(study_of(["t"]), tmp_path, tmp_path, "cpu")


def results(tmp_path, units, dying=None, count=2):
    ray = FakeRay(dying)
    return ray, list(Driver(ray, units, settings(tmp_path), Share(count, 1, 0.0)).results())


def test_every_unit_once_and_embedders_stay_loaded(tmp_path):
    units = units_of(study_of(["t"]), made_up(1, 1, 1, 1))
    ray, found = results(tmp_path, units)
    assert sorted(str(unit.key) for unit, _ in found) == sorted(str(unit.key) for unit in units)
    assert (ray.made, sorted(ray.killed)) == (2, ["w1", "w2"])
    loads = 0
    for worker in ("w1", "w2"):
        groups = [group for who, (group, _) in ray.log if who == worker]
        loads += sum(1 for i, group in enumerate(groups) if i == 0 or group != groups[i - 1])
    assert loads <= 4  # three embedders, of which one is shared in the end


def test_a_unit_whose_worker_dies_is_done_again_and_nothing_else_is(tmp_path, caplog):
    units = units_of(study_of(["t"]), made_up(1, 1))
    ray, found = results(tmp_path, units, {units[1].key: 1})
    assert len(found) == len(units)
    assert not any(result.failures for _, result in found)
    times = [key for _, key in ray.log]
    assert {key: times.count(key) for key in times} == {unit.key: 2 if unit is units[1] else 1 for unit in units}
    assert "its worker died, it is done again: killed" in caplog.text


def test_a_unit_that_always_kills_its_worker_fails_alone(tmp_path):
    units = units_of(study_of(["t"]), made_up(1, 1))
    ray, found = results(tmp_path, units, {units[-1].key: 100}, count=1)
    failures = [failure for _, result in found for failure in result.failures]
    assert [str(failure) for failure in failures] == [
        f"passt_l_kd_p16_128_ap47 on t0: its worker died {TRIES} times: killed"
    ]
    assert [key for _, key in ray.log].count(units[-1].key) == TRIES
    assert len(found) == len(units)


def test_workers_that_can_not_start_end_the_run(tmp_path):
    class Broken(FakeRay):
        def get(self, asked):
            raise self.exceptions.RayError("The actor died in its creation task\n\nFileNotFoundError: no folder\n")

    driver = Driver(Broken(), units_of(study_of(["t"]), made_up(1)), settings(tmp_path), Share(1, 1, 0.0))
    with pytest.raises(ValueError, match="Ray's workers can't start: FileNotFoundError: no folder"):
        list(driver.results())


def test_what_a_worker_raises_is_a_failure_and_what_it_logs_is_said(tmp_path, caplog):
    units = units_of(study_of(["t"]), made_up(1, 1))

    class Raising(FakeRay):
        def get(self, asked):
            found = super().get(asked)
            if asked.unit is units[0]:
                raise self.exceptions.RayTaskError("it can't be pickled")
            return Answer(
                found.result, (("downstream.tasks.audio", 30, "mixed down"), ("ablations.units.execute", 20, "a hint"))
            )

    with caplog.at_level("INFO"):
        found = list(Driver(Raising(), units, settings(tmp_path), Share(1, 1, 0.0)).results())
    (failure,) = [failure for _, result in found for failure in result.failures]
    assert str(failure) == "crepe_tiny on t0: RayTaskError: it can't be pickled"
    assert len(found) == len(units)
    assert caplog.text.count("mixed down") == len(units) - 1
    assert caplog.text.count("a hint") == 1


class Waiting(FakeRay):
    """The answers of workers whose names are in `silent` never come; nodes die by `cores`, one entry a look."""

    def __init__(self, silent, cores):
        super().__init__()
        self.silent, self.cores = silent, list(cores)

    def wait(self, answers, timeout):
        ready = [answer for answer in answers if answer.worker.name not in self.silent]
        return ready[: len(self.cores) == 1], []

    def nodes(self):
        cores = self.cores.pop(0) if len(self.cores) > 1 else self.cores[0]
        return [{"Alive": count > 0, "Resources": {"CPU": count}} for count in cores]


def test_a_cluster_that_dies_ends_the_run(tmp_path):
    ray = Waiting({"w1", "w2"}, [[2.0], [0.0]])
    driver = Driver(ray, units_of(study_of(["t"]), made_up(1, 1)), settings(tmp_path), Share(2, 1, 0.0))
    with pytest.raises(ValueError, match="no node of the Ray cluster is alive any more; the same command goes on"):
        list(driver.results())


def test_a_stopped_process_that_workers_may_wait_for_is_named_once(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(engine, "LOOKS", 1)
    holder = subprocess.Popen(["sleep", "60"])
    holder.send_signal(signal.SIGSTOP)
    os.waitpid(holder.pid, os.WUNTRACED)
    chosen = settings(tmp_path)
    lock = chosen.store / "embedder" / "audio" / "train" / "scene" / ".lock"
    lock.parent.mkdir(parents=True)
    lock.write_text(f"{holder.pid} {socket.gethostname()}")
    driver = Driver(
        Waiting({"w1"}, [[2.0], [2.0], [0.0]]), units_of(study_of(["t"]), made_up(1)), chosen, Share(1, 1, 0)
    )
    with pytest.raises(ValueError, match="the same command goes on"):
        list(driver.results())
    holder.kill()
    holder.wait()
    (line,) = caplog.messages
    assert line.startswith(f"{lock}: workers may be waiting for process {holder.pid} on ")
    assert f"is stopped; if it does not go on by itself, `kill -CONT {holder.pid}`" in line


def test_a_worker_that_lost_its_node_gives_its_unit_to_another(tmp_path, caplog):
    units = units_of(study_of(["t"]), made_up(1, 1))
    ray = Waiting({"w2"}, [[1.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    driver = Driver(ray, units, settings(tmp_path), Share(2, 1, 0.0))
    found = [unit.key for unit, _ in driver.results()]
    assert len(found) == len(set(found)) == len(units)
    assert "waits for another worker" in caplog.text


def test_without_a_node_for_any_worker_the_run_ends(tmp_path):
    units = units_of(study_of(["t"]), made_up(1, 1))
    driver = Driver(Waiting({"w1", "w2"}, [[1.0]]), units, settings(tmp_path), Share(2, 2, 0.0))
    with pytest.raises(ValueError, match="has lost the nodes that workers need"):
        list(driver.results())


@pytest.mark.parametrize(("cores", "memory"), [(2, 10**12), (64, 10**9)])
def test_more_workers_than_a_machine_bears_are_reduced(monkeypatch, caplog, cores, memory):
    monkeypatch.setattr(nodes.os, "sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setattr(nodes, "available", lambda: memory)
    assert share(RayWorkers(1000), "cpu", [{"CPU": 1000}]).count == 2
    assert "workers: 2 are used, got 1000" in caplog.text


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:99999999", "no.such.host.invalid:6379"])
def test_an_address_where_nobody_is_is_named_at_once(address):
    with (
        pytest.raises(ValueError, match=f"no Ray cluster answers at {address}: "),
        session.session(RayWorkers(1, address), "cpu"),
    ):
        pass


@pytest.mark.parametrize("answer", [None, b""])
def test_an_address_where_nobody_speaks_is_named(monkeypatch, answer):
    monkeypatch.setattr(session, "ANSWER_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        if answer is not None:
            threading.Thread(target=lambda: silent.accept()[0].close(), daemon=True).start()
        with pytest.raises(ValueError, match=f"no Ray cluster answers at {address}: (timed out|it closed|.*reset)"):
            session._check_answer(address)


def test_an_address_without_a_port_is_none():
    with pytest.raises(ValueError, match="must be auto or host:port, got 'here:there'"):
        session._check_answer("here:there")


def test_a_ray_that_does_not_start_is_told_in_one_line():
    def init(**_):
        raise Exception("The current node timed out during startup.\nThis could happen because ...")

    ray = SimpleNamespace(init=init, is_initialized=lambda: False)
    with pytest.raises(ValueError, match="did not start on this machine: The current .*; the same command") as error:
        session._begin(ray, RayWorkers(1))
    assert "\n" not in str(error.value)


def test_a_session_alone_has_a_token_of_its_own(monkeypatch):
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    first, second = (session._settings(RayWorkers(2)) for _ in range(2))
    assert len(first["RAY_AUTH_TOKEN"]) == 64
    assert first["RAY_AUTH_TOKEN"] != second["RAY_AUTH_TOKEN"]
    assert "RAY_AUTH_MODE" not in first  # Ray is imported here, and has decided
    assert "RAY_AUTH_TOKEN" not in session._settings(RayWorkers(2, "auto"))
    monkeypatch.setattr(session.sys, "modules", {})
    assert session._settings(RayWorkers(2))["RAY_AUTH_MODE"] == "token"
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert not {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN"} & session._settings(RayWorkers(2)).keys()  # the user's stays


def test_fewer_units_than_workers(tmp_path):
    ray, found = results(tmp_path, units_of(study_of(["t"]), made_up(1))[:1], count=8)
    assert (ray.made, len(found)) == (1, 1)


@pytest.mark.parametrize(
    ("workers", "device", "nodes", "expected"),
    [
        (RayWorkers(2), "cpu", [{"CPU": 2}], Share(2, 1, 0)),
        (RayWorkers(2), "cpu", [{"CPU": 9}], Share(2, 4, 0)),
        (RayWorkers(3, "auto"), "cpu", [{"CPU": 8}, {"CPU": 4}], Share(3, 4, 0)),
        (RayWorkers(None, "auto"), "cpu", [{"CPU": 8}, {"CPU": 4}, {}], Share(2, 4, 0)),
        (RayWorkers(3), "cuda", [{"CPU": 8, "GPU": 2}], Share(3, 2, 0.5)),
        (RayWorkers(None, "auto", 0.5), "cuda", [{"CPU": 8, "GPU": 2}] * 2, Share(8, 2, 0.5)),
        (RayWorkers(None, "auto", 2), "cuda", [{"CPU": 8, "GPU": 3}], Share(1, 8, 2)),
    ],
)
def test_what_each_worker_gets(monkeypatch, workers, device, nodes, expected):
    monkeypatch.setattr("ablations.engines.ray.nodes.most_here", lambda: 64)
    assert share(workers, device, nodes) == expected


@pytest.mark.parametrize(
    ("workers", "nodes"),
    [
        (RayWorkers(5, "auto"), [{"CPU": 4}]),
        (RayWorkers(3, "auto", 1), [{"CPU": 4, "GPU": 2}]),
        (RayWorkers(1, "auto", 1), [{"CPU": 4}]),
    ],
)
def test_no_room(workers, nodes):
    with pytest.raises(ValueError, match="workers must be from 1 to [024], for which there is room"):
        share(workers, "cuda", nodes)


def test_threads_fit_on_every_node():
    assert threads_each([8, 4], 3) == 4
    assert threads_each([8, 4], 2) == 4
    assert threads_each([2], 5) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--workers", "0"), "Error: workers must be at least 1, got 0"),
        (("--workers", "2", "--gpus-per-worker", "1.5"), "must be a share of one or a whole number, got 1.5"),
        (("--workers", "2", "--gpus-per-worker", "1", "--device", "cpu"), "must be 0 on the device cpu, got 1"),
        (("--gpus-per-worker", "0.5"), "--gpus-per-worker is of Ray workers"),
    ],
)
def test_workers_that_can_not_be(options, message):
    result = CliRunner().invoke(main, ["run", "quickstart", *options])
    assert result.exit_code in (1, 2)
    assert message in result.stderr


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(workers_module, "find_spec", lambda name: None)
    result = CliRunner().invoke(main, ["run", "quickstart", "--workers", "2"])
    assert result.exit_code == 1
    (line,) = result.stderr.strip().splitlines()
    assert "Ray, which is not installed; it is the extra 'ray': pip install" in line
