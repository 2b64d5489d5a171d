"""messaging-channels in FastAPI and Starlette: a dispatcher that lives as long as the application, webhooks, handlers, and a worker.

messaging = Messaging.from_config()
app = FastAPI(lifespan=messaging.lifespan)
app.mount("/messaging", messaging.webhooks)

Starlette: https://www.starlette.io; FastAPI: https://fastapi.tiangolo.com
"""

from __future__ import annotations

from messaging_channels_starlette.handlers import EventHandlers
from messaging_channels_starlette.messaging import Messaging

__all__ = ["EventHandlers", "Messaging"]
