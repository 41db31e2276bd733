"""Postgres refuses to run as root, so root runs it as somebody else: with nothing to set up.

Best is a user namespace, in which we are `nobody` while files stay ours. Where the kernel or the
container forbids that, the process really becomes `nobody`, its folder is given to it, and of
root's powers it keeps one, to look past closed folders: a clone in /root is reached only so.

Sources: capabilities(7), prctl(2), capset(2).
"""

import ctypes
import os
import pwd
import signal
import sys
from collections.abc import Callable
from pathlib import Path

_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1


def needs_another_user() -> bool:
    """Root may not run Postgres; a user without a name (some containers) cannot either."""
    if os.geteuid() == 0:
        return True
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return True
    return False


def somebody() -> pwd.struct_passwd:
    """`nobody`, or else the first user that is not root."""
    users = sorted(pwd.getpwall(), key=lambda user: (user.pw_name != "nobody", user.pw_uid))
    for user in users:
        if user.pw_uid != 0:
            return user
    raise RuntimeError("no user but root exists here, and Postgres does not run as root")


def can_map_user() -> bool:
    """Whether this kernel lets us into a user namespace; tried in a child that ends at once."""
    if sys.platform != "linux":
        return False
    child = os.fork()
    if child == 0:
        try:
            _map_to(somebody().pw_uid, os.geteuid(), os.getegid())
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def become_able(folder: Path, when_parent_dies: signal.Signals) -> Callable[[], None]:
    """What a child has to do before it starts Postgres on `folder` (a Popen `preexec_fn`)."""
    if not needs_another_user():
        return die_with_parent(when_parent_dies)
    user = somebody()
    uid, gid = os.geteuid(), os.getegid()
    if can_map_user():

        def map_user() -> None:
            parent = os.getppid()
            _map_to(user.pw_uid, uid, gid)
            _die_with_parent(parent, when_parent_dies)

        return map_user
    _give(folder, user)

    def change_user() -> None:
        parent = os.getppid()
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        _keep_looking(libc)
        # Last, because a change of user forgets the signal.
        _die_with_parent(parent, when_parent_dies)

    return change_user


def die_with_parent(when_parent_dies: signal.Signals) -> Callable[[], None]:
    """For a child that needs no other user: only end when we end (a Popen `preexec_fn`)."""
    return lambda: _die_with_parent(os.getppid(), when_parent_dies)


def _map_to(inside: int, uid: int, gid: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{inside} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{inside} {gid} 1")


def _keep_looking(libc: ctypes.CDLL) -> None:
    """Keep CAP_DAC_OVERRIDE through the coming exec; without it, what is open must do."""
    header = (ctypes.c_uint32 * 2)(_CAP_VERSION_3, 0)
    mask = 1 << _CAP_DAC_OVERRIDE
    # effective, permitted, inheritable; then the same for capabilities above 31.
    data = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    if libc.capset(ctypes.byref(header), ctypes.byref(data)) == 0:
        libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


def _die_with_parent(parent: int, when_parent_dies: signal.Signals) -> None:
    # Elsewhere than Linux there is no such signal, and the launcher's watchdog does the work.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(when_parent_dies))
        # The parent may have died before prctl, and then the signal never comes.
        if os.getppid() != parent:
            os._exit(1)


def _give(folder: Path, user: pwd.struct_passwd) -> None:
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
