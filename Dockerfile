# One recipe for both services: docker build --build-arg SERVICE=users .
# Its stages go from what changes seldom to what changes often.

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python -m venv --without-pip /opt/venv

# The third parties' packages, by hash.
FROM build AS packages
ARG SERVICE
COPY deploy/requirements/${SERVICE}.txt requirements.txt
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/venv/bin/python install --require-hashes --no-deps --only-binary :all: -r requirements.txt

# Our own: the chassis as a wheel, the service as it is; both as bytecode, too.
FROM build AS code
ARG SERVICE
COPY deploy/requirements/build.txt ./
RUN --mount=type=cache,target=/root/.cache/pip pip install --require-hashes --no-deps -r build.txt
COPY shared/chassis/pyproject.toml chassis/
COPY shared/chassis/src chassis/src
RUN pip install --no-deps --no-index --no-build-isolation --target /opt/site-packages ./chassis
COPY services/${SERVICE}/app /srv/service/app
COPY services/${SERVICE}/migrations /srv/service/migrations
RUN python -m compileall -q /srv/service

FROM python:3.13-slim
# Nothing is installed in a running container.
RUN pip uninstall --yes --quiet --root-user-action=ignore pip \
    && rm -rf /usr/local/lib/python3.13/ensurepip \
    && groupadd --gid 10001 service \
    && useradd --uid 10001 --gid service --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin service
COPY --from=packages /opt/venv /opt/venv
COPY --from=code /opt/site-packages /opt/venv/lib/python3.13/site-packages
COPY --from=code /srv/service /srv/service
WORKDIR /srv/service
USER 10001:10001
ARG SERVICE
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SERVICE=${SERVICE} \
    USERS_HOST=0.0.0.0 USERS_PORT=8001 \
    ITEMS_HOST=0.0.0.0 ITEMS_PORT=8002
STOPSIGNAL SIGTERM
# A busy machine may take a minute to start it; until then no failure counts.
HEALTHCHECK --interval=5s --timeout=5s --retries=5 --start-period=120s --start-interval=1s \
    CMD ["python", "-I", "-m", "chassis.ops.probe"]
ENTRYPOINT ["python", "-m", "app"]
CMD ["serve"]
# Last, because it differs with each commit.
ARG REVISION=unknown
LABEL org.opencontainers.image.title="${SERVICE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="MIT"
