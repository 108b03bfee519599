# SignalSync in one image. docs/deployment.md says how it is run, and what of this was tried.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    HOST=0.0.0.0 PORT=8000 VAR_DIR=/var/lib/signalsync

RUN useradd --system --uid 10001 --home-dir /var/lib/signalsync --create-home signalsync \
    && chmod 700 /var/lib/signalsync
WORKDIR /srv/signalsync
COPY requirements.txt requirements-redis.txt ./
RUN pip install --upgrade pip && pip install -r requirements.txt -r requirements-redis.txt
COPY manage.py LICENSE ./
COPY signals signals
COPY reconciliation reconciliation
COPY dashboard dashboard
COPY signalsync_project signalsync_project
COPY templates templates

USER signalsync
VOLUME /var/lib/signalsync
EXPOSE 8000
STOPSIGNAL SIGTERM
# The supervisor is the first process: it reaps what dies below it, and passes SIGTERM on to each child's main process.
CMD ["python", "manage.py", "serve"]
