"""Gunicorn for a Flask or Django application: `gunicorn -c gunicorn.conf.py 'shop:create_app()'`."""

bind = "127.0.0.1:8000"
workers = 2
threads = 8
worker_class = "gthread"
preload_app = True
graceful_timeout = 60
timeout = 90
