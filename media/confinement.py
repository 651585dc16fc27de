"""Confinement: what a process that reads strangers' files gives up before the first of them."""

import ctypes
import os
import platform
import resource
import signal
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from errno import EACCES
from pathlib import Path

# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_SET_SECCOMP = 22
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
# linux/seccomp.h, linux/filter.h
_KILL, _REFUSE, _ALLOW = 0x80000000, 0x00050000 | EACCES, 0x7FFF0000
_LOAD, _JUMP_EQUAL, _JUMP_FROM, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE = 0, 4  # where the system call's data hold them
# Calls of the 32-bit ABI beside x86-64 have numbers of their own from here on.
_X32 = 0x40000000

_OPEN_FILES = 256


@dataclass(frozen=True, slots=True)
class _Machine:
    """An architecture: how the kernel names it, and the numbers of the system calls that are refused."""

    audit: int
    refused: tuple[int, ...]


# Refused are socket; io_uring_setup, which opens sockets past such a filter; and ptrace,
# process_vm_readv and process_vm_writev, which reach into other processes of the same user.
_MACHINES = {
    "x86_64": _Machine(0xC000003E, (41, 425, 101, 310, 311)),
    "aarch64": _Machine(0xC00000B7, (198, 425, 117, 270, 271)),
}


class _Filter(ctypes.Structure):
    """`struct sock_fprog`: a program of the kernel's packet filter."""

    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def end_with(parent: int) -> None:
    """Has this process killed when the thread that started it ends; at once where `parent` is gone already."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def confine() -> bool:
    """Gives up new privileges, the network, core files and many open files, for good and for all children.

    What those children leave behind becomes this process's own, so that whoever ends it finds them.
    False where the kernel filters no system calls, so that the network is still there.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    machine = _MACHINES.get(platform.machine())
    return machine is not None and _filter_calls(machine)


def allow(*, memory: int, cpu_seconds: int, file_bytes: int) -> None:
    """Sets what may be used from now on: address space and CPU beyond what is used, the longest file written.

    Past its CPU seconds the process is killed by SIGXCPU; past the others, calls fail.
    """
    spent = resource.getrusage(resource.RUSAGE_SELF)
    _set_soft(resource.RLIMIT_AS, _sizes()[0] + memory)
    _set_soft(resource.RLIMIT_CPU, int(spent.ru_utime + spent.ru_stime) + 1 + cpu_seconds)
    _set_soft(resource.RLIMIT_FSIZE, file_bytes)


def resident_bytes() -> int:
    """The physical memory that this process holds."""
    return _sizes()[1]


def descendants_of(pid: int) -> list[int]:
    """The processes below one, children before grandchildren; those that have ended are left out."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        parent = _parent_of(entry) if entry.name.isdigit() else None
        if parent is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for one in found:
        found.extend(children.get(one, ()))
    return found[1:]


def _parent_of(process: Path) -> int | None:
    try:
        status = (process / "stat").read_bytes()
    except OSError:
        return None
    # pid (name) state parent ...; the name may hold anything, brackets too.
    state, parent = status.rpartition(b")")[2].split()[:2]
    return None if state in (b"Z", b"X") else int(parent)


def _sizes() -> tuple[int, int]:
    """Address space and resident memory of this process, in bytes."""
    total, resident = Path("/proc/self/statm").read_bytes().split()[:2]
    page = resource.getpagesize()
    return int(total) * page, int(resident) * page


def _set_soft(limit: int, wanted: int) -> None:
    # The hard limit stays: a later task may be allowed more.
    _, hard = resource.getrlimit(limit)
    resource.setrlimit(limit, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _filter_calls(machine: _Machine) -> bool:
    program = _program(machine)
    instructions = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    filter_ = _Filter(len(program), instructions)
    refused: int = _libc().prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filter_), 0, 0)
    return refused == 0


def _program(machine: _Machine) -> Sequence[tuple[int, int, int, int]]:
    """The filter: code, steps to jump if true, steps to jump if false, value (linux/bpf_common.h)."""
    count = len(machine.refused)
    return [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, machine.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_FROM, count + 1, 0, _X32),
        *((_JUMP_EQUAL, count - place, 0, number) for place, number in enumerate(machine.refused)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]


def _prctl(option: int, value: int) -> None:
    if _libc().prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
