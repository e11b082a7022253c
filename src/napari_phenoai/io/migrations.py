"""The tables of the ledger, step by step; a step that was released is never edited."""

from __future__ import annotations

__all__ = ["MIGRATIONS"]

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE records (
            kind TEXT NOT NULL,
            file TEXT NOT NULL,
            id TEXT NOT NULL,
            size INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL,
            record TEXT NOT NULL CHECK (json_valid(record)),
            PRIMARY KEY (kind, file)
        ) STRICT
        """,
        "CREATE INDEX records_by_id ON records (kind, id)",
        """
        CREATE VIEW images AS SELECT id, record ->> 'name' AS name, record ->> 'uri' AS uri,
            record ->> 'group' AS "group", record FROM records WHERE kind = 'image'
        """,
        """
        CREATE VIEW reviews AS SELECT id, record ->> 'image' AS image, record ->> 'z' AS z,
            record ->> 'y' AS y, record ->> 'x' AS x, record ->> 'height' AS height,
            record ->> 'width' AS width, record ->> 'verdict' AS verdict,
            record ->> 'role' AS role, record ->> 'author' AS author,
            record ->> 'seconds' AS seconds, record ->> 'at' AS at, record
            FROM records WHERE kind = 'review'
        """,
        """
        CREATE VIEW models AS SELECT id, record ->> 'family' AS family,
            record ->> 'parent' AS parent, record ->> 'snapshot' AS snapshot,
            record ->> 'created' AS created, record FROM records WHERE kind = 'model'
        """,
        """
        CREATE VIEW rounds AS SELECT id, record ->> 'kind' AS kind, record ->> 'model' AS model,
            record ->> 'served' AS served, record ->> 'at' AS at, record
            FROM records WHERE kind = 'round'
        """,
        """
        CREATE TABLE queues (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            round TEXT NOT NULL UNIQUE,
            made TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE queue_items (
            queue INTEGER NOT NULL REFERENCES queues (number) ON DELETE CASCADE,
            tile TEXT NOT NULL,
            position INTEGER NOT NULL,
            score REAL,
            reason TEXT NOT NULL,
            strategy TEXT NOT NULL,
            role TEXT NOT NULL,
            model TEXT,
            state TEXT NOT NULL,
            PRIMARY KEY (queue, tile)
        ) STRICT
        """,
        """
        CREATE TABLE jobs (
            id TEXT PRIMARY KEY,
            state TEXT NOT NULL,
            process TEXT NOT NULL,
            started TEXT NOT NULL,
            record TEXT NOT NULL CHECK (json_valid(record))
        ) STRICT
        """,
        "CREATE INDEX jobs_by_state ON jobs (state)",
        "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    ),
    (
        """
        CREATE TABLE edits (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            image TEXT NOT NULL,
            z INTEGER NOT NULL,
            y INTEGER NOT NULL,
            x INTEGER NOT NULL,
            height INTEGER NOT NULL,
            width INTEGER NOT NULL,
            dtype TEXT NOT NULL,
            tool TEXT NOT NULL,
            author TEXT NOT NULL,
            at TEXT NOT NULL,
            pixels INTEGER NOT NULL,
            reverts INTEGER REFERENCES edits (number),
            root INTEGER REFERENCES edits (number),
            settled INTEGER NOT NULL DEFAULT 0,
            undone INTEGER NOT NULL DEFAULT 0,
            cut_off INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """,
        "CREATE INDEX edits_intended ON edits (image, number) WHERE settled = 0",
        "CREATE INDEX edits_done ON edits (number) WHERE root IS NULL AND undone = 0",
        "CREATE INDEX edits_undone ON edits (number) WHERE undone = 1 AND cut_off = 0",
        "CREATE INDEX edits_by_root ON edits (root, number) WHERE root IS NOT NULL",
        """
        CREATE TABLE edit_parts (
            edit INTEGER NOT NULL REFERENCES edits (number) ON DELETE CASCADE,
            y INTEGER NOT NULL,
            x INTEGER NOT NULL,
            height INTEGER NOT NULL,
            width INTEGER NOT NULL,
            before BLOB NOT NULL,
            after BLOB NOT NULL,
            PRIMARY KEY (edit, y, x)
        ) STRICT
        """,
        """
        CREATE TABLE stale_chunks (
            image TEXT NOT NULL,
            z INTEGER NOT NULL,
            row INTEGER NOT NULL,
            column INTEGER NOT NULL,
            edit INTEGER NOT NULL,
            PRIMARY KEY (image, z, row, column)
        ) STRICT
        """,
    ),
    (
        "ALTER TABLE edits ADD COLUMN objects TEXT",
        """
        CREATE TABLE object_ids (
            image TEXT PRIMARY KEY,
            next INTEGER NOT NULL
        ) STRICT
        """,
    ),
    (
        """
        CREATE TABLE decisions_under_way (
            review TEXT PRIMARY KEY,
            image TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX edits_by_reverts ON edits (reverts) WHERE reverts IS NOT NULL",
        "CREATE INDEX edits_cut_off ON edits (number) WHERE cut_off = 1",
    ),
    (
        """
        CREATE TABLE edit_planes (
            edit INTEGER NOT NULL REFERENCES edits (number) ON DELETE CASCADE,
            z INTEGER NOT NULL,
            y INTEGER NOT NULL,
            x INTEGER NOT NULL,
            height INTEGER NOT NULL,
            width INTEGER NOT NULL,
            before BLOB NOT NULL,
            after BLOB NOT NULL,
            PRIMARY KEY (edit, z, y, x)
        ) STRICT
        """,
    ),
)
