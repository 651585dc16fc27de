"""The cache of staged originals: never over its budget, each object fetched once, none half seen, none lost in use."""

import errno
import fcntl
import multiprocessing
import os
import random
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from errors import IntegrityMismatch, ObjectNotFound, StorageFull, StorageUnavailable
from media import staging_cache
from media.staging import CACHE_FOLDER, Staging
from media.staging_cache import StagingCache
from storage.service import AppStorageService

KIB = 1024
BUDGET = 100 * KIB
# Seconds; generous, because other tests keep the machine busy.
PATIENCE = 60
processes = multiprocessing.get_context("spawn")


@dataclass
class Object:
    """An object of a store; `meanwhile` happens when half of it has been given."""

    data: bytes
    promised: int | None = None
    meanwhile: Callable[[], object] = lambda: None
    fetches: list[float] = field(default_factory=list)

    def size(self) -> int:
        return len(self.data) if self.promised is None else self.promised

    def copy_to(self, write: Callable[[bytes], None]) -> None:
        self.fetches.append(time.monotonic())
        half = len(self.data) // 2
        write(self.data[:half])
        self.meanwhile()
        write(self.data[half:])


def data_of(name: str, size: int) -> bytes:
    return random.Random(name).randbytes(size)


def object_of(name: str, size: int = 10 * KIB) -> Object:
    return Object(data_of(name, size))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / CACHE_FOLDER


@pytest.fixture
def cache(folder: Path) -> StagingCache:
    return StagingCache(folder, BUDGET)


def use(cache: StagingCache, name: str, source: Object) -> Path | None:
    """Where the copy lay while it was in use, after a look at its bytes."""
    with cache.pinned(name, source) as copy:
        assert copy is None or copy.read_bytes() == source.data
        return copy


def is_kept(folder: Path, name: str) -> bool:
    return any(path.name.startswith(sha256(name.encode()).hexdigest()) for path in folder.iterdir())


def held_in(folder: Path) -> int:
    """Bytes of all copies, whole or not, at one moment: nobody adds or removes any meanwhile."""
    try:
        account = os.open(folder / "lock", os.O_RDWR)
    except FileNotFoundError:
        return _sizes_in(folder)
    try:
        fcntl.flock(account, fcntl.LOCK_EX)
        return _sizes_in(folder)
    finally:
        os.close(account)


def _sizes_in(folder: Path) -> int:
    total = 0
    for path in folder.iterdir():
        if path.name != "lock":
            try:
                total += path.stat().st_size
            except FileNotFoundError:
                continue
    return total


def counted(folder: Path) -> int:
    """Bytes in use, as the account has it."""
    return int((folder / "lock").read_bytes().split()[1])


def test_an_object_is_fetched_once_and_then_found(cache: StagingCache, folder: Path) -> None:
    source = object_of("a.jpg")
    first, second = use(cache, "a.jpg", source), use(cache, "a.jpg", source)
    assert first == second
    assert first is not None
    assert (first.parent, first.suffix, len(source.fetches)) == (folder, ".jpg", 1)


def test_another_instance_finds_it_too(cache: StagingCache, folder: Path) -> None:
    use(cache, "a", object_of("a"))
    again = object_of("a")
    assert use(StagingCache(folder, BUDGET), "a", again) is not None
    assert again.fetches == []


def test_the_folder_is_private(cache: StagingCache, folder: Path) -> None:
    use(cache, "a", object_of("a"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_was_open_to_others_is_closed(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    StagingCache(folder, BUDGET)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
def test_a_folder_of_somebody_else_is_not_used(folder: Path) -> None:
    folder.mkdir()
    poison = folder / f"{sha256(b'a').hexdigest()}"
    poison.write_bytes(b"poison")
    os.chown(folder, 65534, 65534)
    cache = StagingCache(folder, BUDGET)
    assert use(cache, "a", object_of("a")) is None
    cache.sweep()
    assert list(folder.iterdir()) == [poison]


def test_a_link_in_the_place_of_the_folder_is_not_used(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    assert use(StagingCache(folder, BUDGET), "a", object_of("a")) is None
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    "name",
    ["/../../etc/passwd", "s3://photos/../x.jpg", "a\0b", "a.\n", "", ".", "x." + "y" * 300, "é/🏔️.jpg", "a.j/pg",
     "part-" + "0" * 64, "lock", "\udcff.jpg", "s3://b/" + "k" * 5000 + ".heic"],
)  # fmt: skip
def test_a_hostile_name_stays_in_the_folder(cache: StagingCache, folder: Path, tmp_path: Path, name: str) -> None:
    copy = use(cache, name, object_of("bytes"))
    assert copy is not None
    assert copy.parent == folder
    assert staging_cache._NAME.fullmatch(copy.name)
    assert [path.name for path in tmp_path.iterdir()] == [CACHE_FOLDER]


def test_a_link_in_the_place_of_a_copy_is_not_followed(cache: StagingCache, folder: Path, tmp_path: Path) -> None:
    source = object_of("a")
    copy = use(cache, "a", source)
    assert copy is not None
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    copy.unlink()
    copy.symlink_to(secret)
    assert use(cache, "a", source) == copy
    assert secret.read_bytes() == b"secret"


def test_the_least_recently_used_goes_first(cache: StagingCache, folder: Path) -> None:
    for number in range(10):
        use(cache, f"{number}", object_of(f"{number}"))
        time.sleep(0.005)
    use(cache, "0", object_of("0"))
    time.sleep(0.005)
    use(cache, "new", object_of("new"))
    assert [name for name in ("0", "1", "2", "3", "new") if not is_kept(folder, name)] == ["1"]
    assert counted(folder) == held_in(folder) == BUDGET


def test_what_is_in_use_stays_whatever_comes(cache: StagingCache, folder: Path) -> None:
    with cache.pinned("old", object_of("old")) as old:
        assert old is not None
        for number in range(30):
            use(cache, f"{number}", object_of(f"{number}"))
        assert old.read_bytes() == data_of("old", 10 * KIB)
    for number in range(30, 40):
        use(cache, f"{number}", object_of(f"{number}"))
    assert not is_kept(folder, "old")


def test_where_everything_is_in_use_there_is_no_room(cache: StagingCache, folder: Path) -> None:
    with ExitStack() as stack:
        for number in range(10):
            assert stack.enter_context(cache.pinned(f"{number}", object_of(f"{number}"))) is not None
        late = object_of("late")
        assert use(cache, "late", late) is None
        assert late.fetches == []
        assert held_in(folder) == BUDGET
    assert use(cache, "late", object_of("late")) is not None


def test_what_is_larger_than_the_budget_evicts_nothing(cache: StagingCache, folder: Path) -> None:
    use(cache, "a", object_of("a"))
    assert use(cache, "large", object_of("large", BUDGET + 1)) is None
    assert is_kept(folder, "a")


def test_a_budget_of_nothing_keeps_nothing(folder: Path) -> None:
    cache = StagingCache(folder, 0)
    assert use(cache, "a", object_of("a")) is None
    cache.sweep()
    assert not folder.exists()


def test_a_smaller_budget_takes_effect_at_the_next_sweep(cache: StagingCache, folder: Path) -> None:
    for number in range(10):
        use(cache, f"{number}", object_of(f"{number}"))
    StagingCache(folder, 45 * KIB).sweep()
    assert counted(folder) == held_in(folder) == 40 * KIB
    StagingCache(folder, 0).sweep()
    assert counted(folder) == held_in(folder) == 0


def test_half_a_copy_is_seen_by_nobody(cache: StagingCache, folder: Path) -> None:
    seen = []
    source = object_of("a")
    source.meanwhile = lambda: seen.append((is_kept(folder, "a"), held_in(folder)))
    use(cache, "a", source)
    # Its bytes count from the start.
    assert seen == [(False, len(source.data))]


@pytest.mark.parametrize("promised", [10 * KIB - 1, 10 * KIB + 1])
def test_other_bytes_than_promised_are_not_kept(cache: StagingCache, folder: Path, promised: int) -> None:
    with pytest.raises(IntegrityMismatch):
        use(cache, "a", Object(data_of("a", 10 * KIB), promised))
    assert (counted(folder), held_in(folder)) == (0, 0)


@pytest.mark.parametrize("error", [StorageUnavailable("broken off"), ObjectNotFound("gone"), ZeroDivisionError()])
def test_a_fetch_that_fails_leaves_nothing_and_may_be_repeated(
    cache: StagingCache, folder: Path, error: Exception
) -> None:
    def fail() -> None:
        raise error

    source = object_of("a")
    source.meanwhile = fail
    with pytest.raises(type(error)):
        use(cache, "a", source)
    assert (counted(folder), held_in(folder)) == (0, 0)
    assert use(cache, "a", object_of("a")) is not None


def test_an_error_of_the_user_lets_go(cache: StagingCache, folder: Path) -> None:
    with pytest.raises(ZeroDivisionError), cache.pinned("a", object_of("a")):
        raise ZeroDivisionError
    cache.forget("a")
    assert held_in(folder) == 0


def test_a_file_is_adopted_without_a_copy(cache: StagingCache, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "received"
    file.write_bytes(data_of("a", 5))
    inode = file.stat().st_ino
    cache.adopt("a", file, 5)
    assert not file.exists()
    source = object_of("a", 5)
    copy = use(cache, "a", source)
    assert copy is not None
    assert (copy.stat().st_ino, source.fetches, counted(folder)) == (inode, [], 5)


def test_a_file_of_another_size_is_not_adopted(cache: StagingCache, tmp_path: Path) -> None:
    file = tmp_path / "received"
    file.write_bytes(b"short")
    cache.adopt("a", file, 6)
    assert file.exists()
    assert use(cache, "a", source := object_of("a")) is not None
    assert len(source.fetches) == 1


def test_a_file_for_which_there_is_no_room_is_left(cache: StagingCache, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "received"
    file.write_bytes(bytes(BUDGET))
    with cache.pinned("a", object_of("a")):
        cache.adopt("b", file, BUDGET)
    assert file.exists()
    assert counted(folder) == held_in(folder) == 10 * KIB


def test_a_file_of_another_disk_is_left(
    cache: StagingCache, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(self: Path, target: Path) -> Path:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    file = tmp_path / "received"
    file.write_bytes(b"bytes")
    monkeypatch.setattr(Path, "rename", elsewhere)
    cache.adopt("a", file, 5)
    assert (file.exists(), counted(folder)) == (True, 0)


def test_what_is_forgotten_is_gone_unless_in_use(cache: StagingCache, folder: Path) -> None:
    cache.forget("a")
    assert not folder.exists()
    with cache.pinned("a", object_of("a")):
        cache.forget("a")
        assert is_kept(folder, "a")
    cache.forget("a")
    assert (is_kept(folder, "a"), counted(folder)) == (False, 0)


def test_two_who_want_it_at_once_fetch_it_once(cache: StagingCache) -> None:
    source = object_of("a")
    source.meanwhile = lambda: time.sleep(0.2)
    with ThreadPoolExecutor(8) as pool:
        copies = set(pool.map(lambda _: use(cache, "a", source), range(8)))
    assert len(copies) == len(source.fetches) == 1


def test_who_waits_takes_over_where_the_first_fails(cache: StagingCache) -> None:
    begun, waiting = threading.Event(), threading.Event()

    def fail() -> None:
        begun.set()
        waiting.wait(PATIENCE)
        time.sleep(0.1)
        raise StorageUnavailable("broken off")

    failing, sound = Object(data_of("a", 10), meanwhile=fail), object_of("a", 10)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(use, cache, "a", failing)
        begun.wait(PATIENCE)
        second = pool.submit(use, cache, "a", sound)
        waiting.set()
        assert isinstance(first.exception(), StorageUnavailable)
        assert second.result() is not None
    assert len(sound.fetches) == 1


def fetch_and_hang(folder: Path, begun: Event) -> None:
    source = object_of("a")

    def hang() -> None:
        begun.set()
        time.sleep(PATIENCE)

    source.meanwhile = hang
    use(StagingCache(folder, BUDGET), "a", source)


@contextmanager
def hanging_fetcher(folder: Path) -> Iterator[int]:
    """The id of a process that has fetched half of an object."""
    begun = processes.Event()
    process = processes.Process(target=fetch_and_hang, args=(folder, begun))
    process.start()
    try:
        assert begun.wait(PATIENCE)
        assert process.pid is not None
        yield process.pid
    finally:
        process.kill()
        process.join()


def test_who_waits_takes_over_where_the_first_is_killed(cache: StagingCache, folder: Path) -> None:
    source = object_of("a")
    with hanging_fetcher(folder) as pid, ThreadPoolExecutor(1) as pool:
        second = pool.submit(use, cache, "a", source)
        time.sleep(0.2)
        assert source.fetches == []
        os.kill(pid, signal.SIGKILL)
        assert second.result(PATIENCE) is not None
    assert len(source.fetches) == 1
    assert counted(folder) == held_in(folder) == len(source.data)


def test_what_a_killed_process_had_begun_is_swept(cache: StagingCache, folder: Path) -> None:
    with hanging_fetcher(folder) as pid:
        cache.sweep()
        assert counted(folder) == held_in(folder) == 10 * KIB
        os.kill(pid, signal.SIGKILL)
    cache.sweep()
    assert counted(folder) == held_in(folder) == 0


def test_what_a_killed_process_had_begun_makes_room_before_anything_is_evicted(
    cache: StagingCache, folder: Path
) -> None:
    with hanging_fetcher(folder):
        pass
    for number in range(10):
        use(cache, f"{number}", object_of(f"{number}"))
    assert all(is_kept(folder, f"{number}") for number in range(10))


def hold(folder: Path, begun: Event) -> None:
    with StagingCache(folder, BUDGET).pinned("a", object_of("a")):
        begun.set()
        time.sleep(PATIENCE)


def test_a_pin_ends_with_its_process_however_that_ends(cache: StagingCache, folder: Path) -> None:
    begun = processes.Event()
    process = processes.Process(target=hold, args=(folder, begun))
    process.start()
    assert begun.wait(PATIENCE)
    cache.forget("a")
    assert is_kept(folder, "a")
    process.kill()
    process.join()
    cache.forget("a")
    assert not is_kept(folder, "a")


def test_a_child_that_was_forked_does_not_keep_what_we_let_go(cache: StagingCache, folder: Path) -> None:
    ended = multiprocessing.get_context("fork").Event()
    with cache.pinned("a", object_of("a")):
        child = multiprocessing.get_context("fork").Process(target=ended.wait, args=(PATIENCE,))
        child.start()
    cache.forget("a")
    assert not is_kept(folder, "a")
    ended.set()
    child.join()


def use_at_random(folder: Path, seed: int, rounds: int) -> int:
    """Many threads use objects of many sizes; how often one got a copy."""
    cache = StagingCache(folder, BUDGET)
    chance = random.Random(seed)
    numbers = [chance.randrange(60) for _ in range(rounds)]
    picks = [(f"{number}", 1 + number * 977 % (BUDGET // 3)) for number in numbers]

    def one(pick: tuple[str, int]) -> int:
        name, size = pick
        if size % 7 == 0:
            file = folder.parent / f"{seed}-{threading.get_ident()}"
            file.write_bytes(data_of(name, size))
            cache.adopt(name, file, size)
        if size % 11 == 0:
            cache.forget(name)
        return use(cache, name, object_of(name, size)) is not None

    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(one, picks))


def test_the_budget_is_never_exceeded_by_many_threads_of_many_processes(folder: Path) -> None:
    folder.mkdir(0o700)
    with processes.Pool(3) as pool:
        results = [pool.apply_async(use_at_random, (folder, seed, 400)) for seed in range(3)]
        highest = 0
        while not all(result.ready() for result in results):
            highest = max(highest, held_in(folder))
            time.sleep(0.001)
        got = [result.get(PATIENCE) for result in results]
    assert 0 < highest <= BUDGET
    assert min(got) > 200
    used = counted(folder)
    StagingCache(folder, BUDGET).sweep()
    assert used == counted(folder) == held_in(folder)


def use_until_killed(folder: Path, seed: int) -> None:
    while True:
        use_at_random(folder, seed, 100)


def test_the_budget_holds_while_processes_are_killed(cache: StagingCache, folder: Path) -> None:
    folder.mkdir(0o700)
    for seed in range(6):
        process = processes.Process(target=use_until_killed, args=(folder, seed))
        process.start()
        deadline = time.monotonic() + PATIENCE
        while held_in(folder) < BUDGET // 2 and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(random.Random(seed).random() * 0.05)
        process.kill()
        process.join()
        assert held_in(folder) <= BUDGET
        # Never fewer than there are: then room would be given away twice.
        assert held_in(folder) <= counted(folder)
        cache.sweep()
        assert held_in(folder) == counted(folder)
        assert not any(path.name.startswith("part-") for path in folder.iterdir())
        cache.make_room(BUDGET)


def test_after_a_restart_of_the_machine_nothing_is_trusted(
    cache: StagingCache, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(cache, "a", object_of("a"))
    monkeypatch.setattr(staging_cache, "_boot", lambda: b"another-start")
    StagingCache(folder, BUDGET).sweep()
    assert held_in(folder) == counted(folder) == 0


@pytest.mark.parametrize("text", [b"", b"rubbish", b"\xff" * 50, b"boot -5 7"])
def test_a_broken_account_is_made_anew(cache: StagingCache, folder: Path, text: bytes) -> None:
    use(cache, "a", object_of("a"))
    (folder / "lock").write_bytes(text)
    use(cache, "b", object_of("b"))
    assert counted(folder) == held_in(folder) == 10 * KIB


def test_a_folder_that_is_taken_away_is_made_anew(cache: StagingCache, folder: Path) -> None:
    use(cache, "a", object_of("a"))
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert use(cache, "a", object_of("a")) is not None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_files_of_others_are_left_alone(cache: StagingCache, folder: Path) -> None:
    use(cache, "a", object_of("a"))
    (folder / "holiday.jpg").write_bytes(b"mine")
    (folder / "deadbeef").mkdir()
    cache.make_room(BUDGET)
    assert sorted(path.name for path in folder.iterdir()) == ["deadbeef", "holiday.jpg", "lock"]


def fill_disk(monkeypatch: pytest.MonkeyPatch, folder: Path, room: int) -> None:
    """A disk on which no more than so many bytes may be written to copies that are there at once."""
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        taken = sum(path.stat().st_blocks for path in folder.iterdir()) * 512
        if taken + len(data) > room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = real(descriptor, data)
        os.fsync(descriptor)
        return written

    monkeypatch.setattr(os, "write", write)


def test_a_full_disk_makes_room_once_and_goes_on(
    cache: StagingCache, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        use(cache, name, object_of(name, 16 * KIB))
    source = object_of("d", 32 * KIB)
    fill_disk(monkeypatch, folder, 60 * KIB)
    assert use(cache, "d", source) is not None
    assert len(source.fetches) == 1
    assert not is_kept(folder, "a")
    assert counted(folder) == held_in(folder)


def test_a_disk_that_stays_full_fails_one_fetch_and_leaves_nothing(
    cache: StagingCache, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cache.pinned("a", object_of("a", 16 * KIB)):
        with monkeypatch.context() as patch:
            fill_disk(patch, folder, 20 * KIB)
            with pytest.raises(StorageFull):
                use(cache, "b", object_of("b", 32 * KIB))
        assert counted(folder) == held_in(folder) == 16 * KIB
    assert use(cache, "b", object_of("b", 32 * KIB)) is not None


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")


@as_root
def test_a_small_disk_of_its_own_is_filled_and_emptied_and_filled(
    tmp_path: Path, remote_storage: AppStorageService, media_folder: Path
) -> None:
    (media_folder / "upload").mkdir()
    for number in range(8):
        (media_folder / f"upload/{number}.jpg").write_bytes(data_of(f"{number}", 1024 * KIB))
    with mounted(tmp_path / "small", "-o", "size=4m") as small:
        # The disk is smaller than the budget.
        staging = Staging(small, 1024**3)
        for number in (*range(8), *range(8)):
            path = f"{media_folder}/upload/{number}.jpg"
            with staging.stage_to_temp(remote_storage, path) as copy:
                assert copy.parent == small / CACHE_FOLDER
                assert copy.read_bytes() == data_of(f"{number}", 1024 * KIB)
        # An upload, too, takes the place of copies.
        with staging.new_file() as staged:
            staged.write(bytes(3 * 1024 * KIB))
        with pytest.raises(StorageFull), staging.new_file() as staged:
            staged.write(bytes(5 * 1024 * KIB))
        staging.close()


@as_root
def test_what_lies_on_a_read_only_disk_is_used_and_nothing_is_added(folder: Path) -> None:
    with mounted(folder, "-o", "mode=700"):
        use(StagingCache(folder, BUDGET), "a", object_of("a"))
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        cache = StagingCache(folder, BUDGET)
        source, other = object_of("a"), object_of("b")
        assert use(cache, "a", source) is not None
        assert use(cache, "b", other) is None
        file = folder.with_name("received")
        file.write_bytes(b"bytes")
        cache.adopt("c", file, 5)
        cache.forget("a")
        cache.sweep()
        assert (source.fetches, other.fetches, file.exists()) == ([], [], True)
