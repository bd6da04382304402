"""Write the next migration: what the tables in `common/db/tables/` have and the newest schema has not.

    python .ci/new_migration.py "what is true afterwards"

A first draft, for SQLite and PostgreSQL alike; read it, fill what old rows need, and say why.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config

from common.db.engine import migrate

SCRIPTS = Path("common/db/migrations")


def main() -> None:
    """See the module."""
    said = " ".join(sys.argv[1:]).strip()
    if not said:
        sys.exit('Say what will be true, for example: make migration SAYS="Images have a place"')
    newest = max(path.name[:4] for path in (SCRIPTS / "versions").glob("[0-9]*.py"))
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/newest.db"
        migrate(url)
        config = Config()
        config.set_main_option("script_location", str(SCRIPTS))
        config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
        config.attributes["url"] = url
        slug = re.sub(r"\W+", " ", said)
        command.revision(config, slug, autogenerate=True, rev_id=f"{int(newest) + 1:04}")


if __name__ == "__main__":
    main()
