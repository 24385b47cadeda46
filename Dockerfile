# One image for web, worker, beat and observer: they differ in their command. See docker-compose.yml and docs/install.md.

FROM python:3.13-slim-bookworm AS dependencies
COPY requirements.txt /
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /requirements.txt

FROM python:3.13-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    VAR_DIR=/var/lib/meshportal \
    STATIC_ROOT=/srv/meshportal/staticfiles
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin meshportal \
 && install -d -o meshportal -g meshportal /var/lib/meshportal
COPY --from=dependencies /opt/venv /opt/venv
WORKDIR /srv/meshportal
COPY . .
# A folder that stays out of the image: without SECRET_KEY the settings would leave one key for every installation in it.
RUN VAR_DIR=/tmp/build python manage.py collectstatic --no-input --verbosity 0 && rm -rf /tmp/build
USER meshportal
EXPOSE 8000
CMD ["uvicorn", "meshportal.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--no-access-log", "--timeout-graceful-shutdown", "3"]
