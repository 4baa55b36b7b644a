"""One SQLite file that holds a whole judgment: the pictures, who judges, what each is asked, and every answer once given.

An answer is on the disk before the next question is shown, so nothing is lost when the browser or the program is stopped; who
comes back goes on where they were. Each picture has a random id, which says nothing about what it is. Any SQLite program
reads the file; the tables are below.
"""

import json
import secrets
import sqlite3
import threading
import time
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

from minicolor.errors import BadInput
from minicolor.judging import plan

KIND, VERSION = 0x6D636A31, 1       # SQLite's application_id, "mcj1", and its user_version: that of the tables below
LONGEST_NAME = 40
TABLES = """
    CREATE TABLE judgment (key TEXT PRIMARY KEY, value TEXT NOT NULL);             -- JSON
    CREATE TABLE photo (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE picture (id TEXT PRIMARY KEY, photo INTEGER NOT NULL REFERENCES photo, version INTEGER NOT NULL,
                          png BLOB NOT NULL, UNIQUE (photo, version));              -- version: 0 real, 1.. runs, -1 check
    CREATE TABLE judge (id INTEGER PRIMARY KEY, token TEXT UNIQUE NOT NULL, name TEXT NOT NULL, folded TEXT UNIQUE NOT NULL);
    CREATE TABLE question (id INTEGER PRIMARY KEY, judge INTEGER NOT NULL REFERENCES judge, place INTEGER NOT NULL,
                           left TEXT NOT NULL REFERENCES picture, right TEXT REFERENCES picture, UNIQUE (judge, place));
    CREATE TABLE answer (question INTEGER PRIMARY KEY REFERENCES question, choice TEXT NOT NULL,
                         seconds REAL, at TEXT NOT NULL);                           -- seconds: of looking; at: UTC
"""
CHOICES = {False: ("real", "colored"), True: ("left", "right")}      # by pairs; of a pair: the one that looks more real


class Answers:
    """A judgment's file, made where it is not there. BadInput: it cannot be opened, written, or is something else."""

    def __init__(self, path: str | Path):
        self.path, self.lock = Path(path), threading.RLock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.db = sqlite3.connect(self.path, timeout=30, check_same_thread=False)    # one at a time: self.lock
            self.db.row_factory = sqlite3.Row
            self.db.execute("PRAGMA foreign_keys = ON")
            self.db.execute("PRAGMA synchronous = FULL")
            self._open()
        except (OSError, sqlite3.Error) as e:
            raise BadInput(f"{self.path}: cannot be used to keep answers ({getattr(e, 'strerror', None) or e}); expected a file "
                           "that this command wrote, or a new one") from None

    def _open(self) -> None:
        kind = self.db.execute("PRAGMA application_id").fetchone()[0]
        tables = self.db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and kind != KIND:
            raise sqlite3.DatabaseError("it is another program's database")
        if tables and (version := self.db.execute("PRAGMA user_version").fetchone()[0]) != VERSION:
            raise sqlite3.DatabaseError(f"it is of version {version}, this program writes version {VERSION}")
        if (said := self.db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(f"damaged: {said.splitlines()[-1]}")
        if tables:
            self.db.executescript("BEGIN IMMEDIATE; ROLLBACK")               # a file that cannot be written is said now
        else:
            self.db.executescript(f"BEGIN IMMEDIATE; PRAGMA application_id = {KIND}; PRAGMA user_version = {VERSION};"
                                  f"{TABLES} COMMIT")

    def begin(self, about: dict, names: Iterable[str], versions: Callable[[int], Iterable[tuple[int, bytes]]]) -> None:
        """Keep what is judged: all of it or, when stopped on the way, nothing. about: runs, pairs; photo -> (version, PNG)s.

        BadInput: the disk is full, or another program began in the same file meanwhile.
        """
        def add(table, *values):
            self.db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)

        try:
            with self.lock, self.db:
                self.db.execute("BEGIN IMMEDIATE")
                for key, value in (about | {"key": secrets.token_urlsafe(12)}).items():
                    add("judgment", key, json.dumps(value))
                for photo, name in enumerate(names):
                    add("photo", photo, name)
                    for version, png in versions(photo):
                        add("picture", secrets.token_urlsafe(12), photo, version, png)
        except sqlite3.Error as e:
            raise BadInput(f"{self.path}: the pictures cannot be kept ({e}), so no judgment was begun") from None

    @property
    def about(self) -> dict:
        """What begin() was given, and `key`, the secret part of the results' address. Empty: nothing has begun."""
        return {row["key"]: json.loads(row["value"]) for row in self._all("SELECT * FROM judgment")}

    def photos(self) -> int:
        return self._all("SELECT count(*) AS n FROM photo")[0]["n"]

    def png(self, picture: str) -> bytes | None:
        """The picture with this id."""
        found = self._all("SELECT png FROM picture WHERE id = ?", picture)
        return found[0]["png"] if found else None

    def judge(self, name: str) -> str:
        """The token of the judge of this name or code, who is new or comes back; capitals do not matter. BadInput: no name."""
        name = " ".join(unicodedata.normalize("NFC", name).split())
        if not 1 <= len(name) <= LONGEST_NAME or not name[0].isalnum() or not name.isprintable():  # "=1+1" would run in a table
            raise BadInput(f"a name or code begins with a letter or digit and has at most {LONGEST_NAME} characters")
        with self.lock, self.db:
            self.db.execute("BEGIN IMMEDIATE")
            if found := self._all("SELECT token FROM judge WHERE folded = ?", name.casefold()):
                return found[0]["token"]
            number, token = self._all("SELECT count(*) AS n FROM judge")[0]["n"], secrets.token_urlsafe(12)
            judge = self.db.execute("INSERT INTO judge (token, name, folded) VALUES (?, ?, ?)",
                                    (token, name, name.casefold())).lastrowid
            about = self.about
            ids = {(row["photo"], row["version"]): row["id"] for row in self._all("SELECT id, photo, version FROM picture")}
            asked = plan.questions(self.photos(), len(about["runs"]), about["pairs"], number, Random())
            for place, (photo, shown) in enumerate(asked):
                left, right = [*(ids[photo, version] for version in shown), None][:2]
                self.db.execute("INSERT INTO question (judge, place, left, right) VALUES (?, ?, ?, ?)",
                                (judge, place, left, right))
            return token

    def state(self, token: str) -> dict | None:
        """Where a judge is: name, how much is done of how much, and the next question with its pictures, or None when done."""
        with self.lock:
            judges = self._all("SELECT id, name FROM judge WHERE token = ?", token)
            if not judges:
                return None
            asked = self._all("SELECT q.*, a.choice FROM question q LEFT JOIN answer a ON a.question = q.id WHERE q.judge = ? "
                              "ORDER BY q.place", judges[0]["id"])
        left = [row for row in asked if row["choice"] is None]
        following = left and {"id": left[0]["id"], "pictures": [p for p in (left[0]["left"], left[0]["right"]) if p]}
        return {"name": judges[0]["name"], "done": len(asked) - len(left), "total": len(asked), "question": following or None}

    def answer(self, token: str, question, choice, seconds) -> None:
        """Keep one answer, for good: the same question answered again (a double tap, a resent message) stays as it was."""
        known = self._all("SELECT q.right FROM question q JOIN judge j ON j.id = q.judge WHERE j.token = ? AND q.id = ?",
                          token, question if type(question) is int and abs(question) < 2**63 else -1)
        if not known or choice not in CHOICES[known[0]["right"] is not None]:
            raise BadInput("no such question of this judge, or no such answer to it")
        number = isinstance(seconds, int | float) and 0 <= seconds < 1e6
        with self.lock, self.db:
            self.db.execute("INSERT OR IGNORE INTO answer VALUES (?, ?, ?, ?)",
                            (question, choice, float(seconds) if number else None,
                             time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())))

    def rows(self) -> list[dict]:
        """Every answer with what it was about, judge by judge in the order in which they were asked."""
        return [dict(row) for row in self._all(
            "SELECT j.name AS judge, q.place, f.name AS photo, q.left, l.version AS left_version, q.right, "
            "r.version AS right_version, a.choice, a.seconds, a.at FROM answer a JOIN question q ON q.id = a.question "
            "JOIN judge j ON j.id = q.judge JOIN picture l ON l.id = q.left JOIN photo f ON f.id = l.photo "
            "LEFT JOIN picture r ON r.id = q.right ORDER BY j.id, q.place")]

    def close(self) -> None:
        self.db.close()

    def _all(self, query: str, *values) -> list[sqlite3.Row]:
        with self.lock:
            return self.db.execute(query, values).fetchall()
