# The recipe for every service: docker build --build-arg SERVICE=<folder of services/> .
# The stages are in the order of how often their content changes.

# Named once and in full, so that Renovate can add a digest.
FROM python:3.13-slim AS base

FROM base AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python -m venv --without-pip /opt/venv

# Third-party packages, pinned by hash.
FROM build AS packages
ARG SERVICE
COPY services/${SERVICE}/deploy/requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/venv/bin/python install --require-hashes --no-deps --only-binary :all: -r requirements.txt

# Our own code, with its bytecode: the chassis as a wheel, the service as a folder.
FROM build AS code
ARG SERVICE
COPY deploy/requirements/build.txt ./
RUN --mount=type=cache,target=/root/.cache/pip pip install --require-hashes --no-deps -r build.txt
COPY shared/chassis/pyproject.toml shared/chassis/README.md chassis/
COPY shared/chassis/src chassis/src
RUN pip install --no-deps --no-index --no-build-isolation --target /opt/venv/lib/python3.*/site-packages ./chassis
COPY services/${SERVICE} /srv/service
RUN rm -r /srv/service/deploy && python -m compileall -q /srv/service

FROM base
# Nothing is installed in a running container.
RUN pip uninstall --yes --quiet --root-user-action=ignore pip \
    && rm -rf /usr/local/lib/python3.*/ensurepip \
    && groupadd --gid 10001 service \
    && useradd --uid 10001 --gid service --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin service
COPY --from=packages /opt/venv /opt/venv
COPY --from=code /opt/venv /opt/venv
COPY --from=code /srv/service /srv/service
WORKDIR /srv/service
USER 10001:10001
ARG SERVICE
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SERVICE=${SERVICE}
STOPSIGNAL SIGTERM
# On a busy machine a start may take a minute; until then no failure counts.
# The probe asks 127.0.0.1 at <SERVICE>_PORT, which the container's environment sets.
HEALTHCHECK --interval=5s --timeout=5s --retries=5 --start-period=120s --start-interval=1s \
    CMD ["python", "-I", "-m", "chassis.ops.probe"]
ENTRYPOINT ["python", "-m", "app"]
CMD ["serve"]
# At the end, because it changes with each commit.
ARG REVISION=unknown
ENV SERVICE_REVISION=${REVISION}
LABEL org.opencontainers.image.title="${SERVICE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="MIT"
