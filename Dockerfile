# One image per service:  docker build --build-arg SERVICE=invoice -t billing/invoice-svc .
# The same image runs api, worker, all and migrate; the command says which.
ARG PYTHON_IMAGE=python:3.12-slim

FROM ${PYTHON_IMAGE} AS packages
RUN python -m venv /opt/venv
COPY requirements.lock /tmp/requirements.lock
RUN --mount=type=cache,target=/var/cache/pip \
    /opt/venv/bin/pip install --cache-dir /var/cache/pip --disable-pip-version-check --require-hashes -r /tmp/requirements.lock

FROM ${PYTHON_IMAGE}
ARG SERVICE
RUN test -n "${SERVICE}" && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin billing
COPY --from=packages /opt/venv /opt/venv
# Sources instead of wheels: there is nothing to build, and a change of source touches one layer.
COPY shared/src /opt/billing
COPY services/${SERVICE}-svc/src /opt/billing
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/billing \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    BILLING_MODULE=${SERVICE}_svc.main
RUN python -m compileall -q /opt/billing
USER 10001:10001
EXPOSE 8000 9000
STOPSIGNAL SIGTERM
# exec, so that signals reach Python and not a shell.
ENTRYPOINT ["/bin/sh", "-c", "exec python -m \"$BILLING_MODULE\" \"$@\"", "billing"]
CMD ["all"]
