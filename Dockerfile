# One image for `train` and `serve`. CPU by default; `make image-gpu` shows the arguments for CUDA.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ARG TORCH_LOCAL=+cpu
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/venv
COPY requirements.txt requirements.lock requirements-torch-*.lock /build/
COPY scripts/install.sh /build/scripts/
RUN /build/scripts/install.sh /opt/venv/bin/python
# What is there for compiling against the packages and for their own tests is of no use at run time.
WORKDIR /opt/venv/lib/python3.11/site-packages
RUN rm -rf torch/include torch/test torch/share torch/bin/protoc* torch/bin/test_* torch/bin/*Test \
      torch/lib/*_test.so \
 && find . \( -name '*.h' -o -name '*.hpp' -o -name '*.cuh' -o -name '*.a' -o -name '*.pyi' \) \
      -delete \
 && find . -type d \( -name tests -o -name test \) -not -path '*.dist-info/*' -prune \
      -exec rm -rf {} + \
 && find /opt/venv -type d -name __pycache__ -prune -exec rm -rf {} + \
 && chmod -R go+rX,go-w /opt/venv
# Nothing is installed after this, so it is true of the image as well.
COPY scripts/sbom.py /build/scripts/
RUN /opt/venv/bin/python /build/scripts/sbom.py sentiment >/build/sbom.cdx.json
COPY container/ /opt/program/
WORKDIR /opt/program
# Fails the build where a checkout has spoiled line ends or modes.
RUN for program in entrypoint train serve process; do \
      test -x $program && ! grep -q "$(printf '\r')" $program || exit 1; done \
 && chmod -R go+rX,go-w .

FROM ${BASE}
# The image's own places come before the base's; root, because the platform expects it (S2, N1).
# Two arenas: otherwise each of a server's threads keeps the memory of the largest batch it has seen.
ENV PATH=/opt/program:/opt/venv/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TMPDIR=/tmp \
    MALLOC_ARENA_MAX=2
# Pipelines and several containers on one endpoint may choose the port (S16); many models may share
# one container (M1).
LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true \
    com.amazonaws.sagemaker.capabilities.multi-models=true
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/program /opt/program
COPY --from=build /build/sbom.cdx.json /usr/share/doc/sentiment/
WORKDIR /opt/program
# Fails the build where an import is missing, or something that was removed is needed after all.
# The bytecode that it leaves in /opt/venv makes a start twice as fast for 50 MB. Nobody needs to
# become another user here, so no program lets them.
RUN PYTHONDONTWRITEBYTECODE='' python -c "import contract.serving.server, nltk.stem.porter, torch, \
sentiment.job, sentiment.predictor; torch.optim.Adam([torch.zeros(1)])" \
 && find . -type d -name __pycache__ -prune -exec rm -rf {} + && rm -rf /tmp/* \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} +
ENTRYPOINT ["/opt/program/entrypoint"]
CMD ["train"]
