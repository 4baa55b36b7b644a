"""The photographs that people have dropped, in memory alone, and the one thread that works on them, in turn.

    add -> [waiting -> working] -> open -> develop -> [waiting -> working] -> open, with a result -> save, forget

Two networks at once would take twice the memory and be no faster, so whoever comes second waits and is told how many are
before them. A photograph is forgotten when its page says so, when nobody has asked for it for a while, when all that are
held grow too large (the longest unused goes first), and when the program ends.
"""

import secrets
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field

from minicolor.errors import BadInput, out_of_memory

KEEP = 20 * 60          # seconds without a word from its page, which says one every minute
HOLD = 1 << 30          # bytes of files and results together
WAITING = 20            # in the queue; fewer than the threads in which a server waits for downloads


class Full(BadInput):
    """More is waiting here than this machine can hold, or than anyone would wait for."""

    def __init__(self):
        super().__init__("Too many photographs are waiting here already. Please try again in a few minutes.")


@dataclass
class Held:
    """One photograph, as far as it has come."""

    name: str
    data: bytes                                        # the file as it was sent
    used: float = field(default_factory=time.monotonic)
    about: dict = field(default_factory=dict)          # what opening it told: its size, its notes ...
    before: bytes = b""                                # JPEGs for the page
    after: bytes = b""
    result: object = None                              # what develop() gave; .rgb is the picture
    results: int = 0                                   # how many there have been
    told: dict = field(default_factory=dict)           # about the result
    error: str = ""                                    # of the last work on it

    @property
    def size(self) -> int:
        return len(self.data) + len(self.before) + len(self.after) + (self.result.rgb.nbytes if self.result else 0)


@dataclass
class Job:
    """Work on one photograph, in the queue."""

    id: str
    doing: str                                         # for its page
    work: Callable[[Held], None]
    stage: str = ""                                    # what it has come to, where it says so
    since: float = 0.0                                 # when it began
    done: threading.Event = field(default_factory=threading.Event)


class Photographs:
    """studio: what knows pictures, with open(data, name), develop(data, name, settings, said) and
    encode(name, result, form); developing.Studio, or one for tests."""

    def __init__(self, studio, keep: float = KEEP, hold: int = HOLD):
        self.studio, self.keep, self.hold = studio, keep, hold
        self.held: dict[str, Held] = {}
        self.queue: list[Job] = []                                     # the first is in work
        self.coming: list[int] = []                                    # sizes of the files that are on their way here
        self.lock = threading.Condition(threading.RLock())
        threading.Thread(target=self._work, daemon=True).start()       # daemon: Ctrl-C waits for no network

    @contextmanager
    def room(self, size: int):
        """Keep room for a file of this size, within which it comes and is added. Full: what cannot be forgotten now takes it."""
        with self.lock:
            busy = {job.id for job in self.queue}
            staying = sum(self.coming) + sum(held.size for id, held in self.held.items() if id in busy)
            many, large = len(self.queue) + len(self.coming) >= WAITING, staying + size > self.hold
            if many or (staying and large):            # alone, each is welcome
                raise Full
            self.coming.append(size)
        try:
            yield
        finally:
            with self.lock:
                self.coming.remove(size)

    def add(self, name: str, data: bytes) -> str:
        """Hold a file and open it; -> its secret id."""
        def work(held: Held) -> None:
            held.about, held.before = self.studio.open(held.data, held.name)

        id = secrets.token_urlsafe(16)
        with self.lock:
            self.held[id] = Held(name, data)
            self._put(Job(id, "opening", work))
        self.sweep()
        return id

    def develop(self, id: str, settings) -> bool:
        """Put it in the queue, or Full; -> whether it is held. What it waited for is replaced; what is in work is finished."""
        def work(held: Held) -> None:
            def said(stage: str) -> None:
                job.stage = stage

            result, told, before, after = self.studio.develop(held.data, held.name, settings, said)
            with self.lock:
                held.result, held.told, held.before, held.after = result, told, before, after
                held.results += 1

        with self.lock:
            if not self._find(id):
                return False
            waits = [job for job in self.queue[1:] if (job.id, job.doing) == (id, "restoring")]
            job = Job(id, "restoring", work)
            self._put(job, WAITING + len(waits))
            self.queue[:] = [other for other in self.queue if other not in waits]
        return True

    def save(self, id: str, form: str) -> tuple[str, bytes] | None:
        """The result as a file, (name, bytes), when its turn has come, or Full; None: it is not held, or has no result."""
        packed = []

        def work(held: Held) -> None:
            packed.append(self.studio.encode(held.name, held.result, form))

        with self.lock:
            held = self._find(id)
            if not held or not held.result:
                return None
            self._put(job := Job(id, "packing", work), WAITING)
        job.done.wait()
        if not packed and held.error:
            raise BadInput(held.error)
        return packed[0] if packed else None

    def state(self, id: str) -> dict | None:
        """How far it has come, for its page; None: it is not held (any more)."""
        with self.lock:
            if not (held := self._find(id)):
                return None
            place, job = next(((i, job) for i, job in enumerate(self.queue) if job.id == id), (0, None))
            since = time.monotonic() - job.since if job and job.since else 0       # in its turn, but not begun: 0
            return {"state": "open" if job is None else "waiting" if place else job.doing, "before_you": place,
                    "stage": job.stage if job else "", "seconds": round(since, 1), "name": held.name,
                    "error": held.error, **held.about,
                    "result": {"number": held.results, **held.told} if held.result else None}

    def picture(self, id: str, which: str) -> bytes | None:
        """The JPEG for the page, "before" or "after"; None where there is none."""
        with self.lock:
            held = self._find(id)
            return (held and getattr(held, which)) or None

    def forget(self, id: str) -> None:
        with self.lock:
            self.held.pop(id, None)

    def sweep(self) -> None:
        """Forget what nobody has asked for, and the longest unused until the rest is small enough; the newest stays."""
        with self.lock:
            oldest, busy = sorted(self.held, key=lambda id: self.held[id].used), {job.id for job in self.queue}
            total = sum(self.coming) + sum(held.size for held in self.held.values())
            for id in oldest:
                idle = time.monotonic() - self.held[id].used > self.keep
                if id not in busy and (idle or (total > self.hold and id != oldest[-1])):
                    total -= self.held.pop(id).size

    def close(self) -> bool:
        """Forget everything; -> whether something is still in work, which nothing can stop."""
        with self.lock:
            self.held.clear()
            return bool(self.queue)

    def _find(self, id: str) -> Held | None:
        if held := self.held.get(id):
            held.used = time.monotonic()
        return held

    def _put(self, job: Job, most: float = float("inf")) -> None:
        if len(self.queue) >= most:
            raise Full
        self.queue.append(job)
        self.lock.notify_all()

    def _work(self) -> None:
        while True:
            with self.lock:
                self.lock.wait_for(lambda: self.queue)
                job = self.queue[0]
                job.since, held = time.monotonic(), self.held.get(job.id)
            if held:                                   # else it was forgotten while it waited
                error = _attempt(job.work, held)
                with self.lock:
                    held.error, held.used = error, time.monotonic()
            with self.lock:
                self.queue.pop(0)
            job.done.set()
            held = job = None                          # a thread that waits must not hold a photograph
            self.sweep()


def _attempt(work: Callable[[Held], None], held: Held) -> str:
    """Do it; -> what the page says went wrong, or "". One photograph that cannot be worked on must not end the others."""
    try:
        work(held)
    except BadInput as e:
        return str(e)
    except Exception as e:
        if out_of_memory(e):
            return f"{held.name}: not enough memory for its size; a smaller picture needs less"
        traceback.print_exc(file=sys.stderr)           # a bug: for who runs the program, not for who looks at the page
        return f"{held.name}: something went wrong here; the program's own window says what"
    return ""
