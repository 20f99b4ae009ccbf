# One image for `train` and `serve`. CPU by default; `make image-gpu` shows the arguments for CUDA.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ARG TORCH_LOCAL=+cpu
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/venv
COPY requirements.txt /build/requirements.txt
COPY scripts/install.sh /build/scripts/install.sh
RUN /build/scripts/install.sh /opt/venv/bin/python /build/requirements.txt
# What is there for compiling against the packages and for their own tests is of no use at run time.
RUN cd /opt/venv/lib/python3.11/site-packages \
 && rm -rf torch/include torch/test torch/share torch/bin/test_* torch/bin/*Test torch/lib/*_test.so \
 && find . \( -name '*.h' -o -name '*.hpp' -o -name '*.cuh' -o -name '*.a' \) -delete \
 && find . -type d \( -name tests -o -name test \) -not -path '*.dist-info/*' -prune \
      -exec rm -rf {} + \
 && find /opt/venv -type d -name __pycache__ -prune -exec rm -rf {} + \
 && chmod -R go+rX /opt/venv
COPY container/ /opt/program/
# Fails the build where a checkout has spoiled line ends or modes.
RUN cd /opt/program \
 && for program in entrypoint train serve; do \
      test -x $program && ! grep -q "$(printf '\r')" $program || exit 1; done \
 && chmod -R go+rX /opt/program

FROM ${BASE}
# The image's own places come before the base's; root, because the platform expects it (S2, N1).
# Two arenas: otherwise each of a server's threads keeps the memory of the largest batch it has seen.
ENV PATH=/opt/program:/opt/venv/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TMPDIR=/tmp \
    MALLOC_ARENA_MAX=2
# Pipelines and several containers on one endpoint may choose the port (S16).
LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/program /opt/program
WORKDIR /opt/program
# Fails the build where an import is missing, or something that was removed is needed after all.
# The bytecode that it leaves in /opt/venv makes a start twice as fast for 50 MB.
RUN PYTHONDONTWRITEBYTECODE= python -c "import contract.serving.server, nltk.stem.porter, torch, \
sentiment.job, sentiment.predictor; torch.optim.Adam([torch.zeros(1)])" \
 && find . -type d -name __pycache__ -prune -exec rm -rf {} + && rm -rf /tmp/*
ENTRYPOINT ["/opt/program/entrypoint"]
CMD ["train"]
