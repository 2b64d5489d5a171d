"""messaging-channels in Flask: one dispatcher for each process, webhooks, handlers, unsubscribe links and a worker.

messaging = Messaging()
messaging.init_app(app)

Flask: https://flask.palletsprojects.com
"""

from __future__ import annotations

from messaging_channels_flask.extension import Messaging

__all__ = ["Messaging"]
