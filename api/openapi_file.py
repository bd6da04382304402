"""Write /openapi.json to a file, without a running service: `python -m api.openapi_file FILE`.

The types of the dashboard are generated from that file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from api.app import create_app, document
from common.db.engine import open_engine
from common.messaging.broker import Queue
from common.messaging.events import Events
from common.messaging.replies import Replies
from common.settings import load_settings
from common.store import open_store


def document_text() -> str:
    """The document of this code with sorted keys. Its clients are services, but never connect."""
    with TemporaryDirectory() as folder:
        settings = load_settings(data_dir=Path(folder), database_url="", store_url="")
        app = create_app(
            settings,
            open_store(settings.store),
            Queue(settings),
            open_engine(settings.database),
            Events(settings),
            Replies(settings),
        )
        return json.dumps(document(app), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document_text(), encoding="utf-8")
