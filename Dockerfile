# One image for every part of the service: the command says which (`clip-browser api|worker|beat`).
# The base images may be other ones of the same kind, for example from a registry of your own.
ARG NODE_IMAGE=node:24-slim
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${NODE_IMAGE} AS web
WORKDIR /web
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web/ ./
RUN npm run build

FROM ${PYTHON_IMAGE} AS python
WORKDIR /app
RUN python3 -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH UV_LINK_MODE=copy UV_NO_CACHE=1 PIP_NO_CACHE_DIR=1
COPY requirements/bootstrap.txt requirements/runtime.txt requirements/
RUN pip install --quiet --require-hashes -r requirements/bootstrap.txt \
    && uv pip install --require-hashes -r requirements/runtime.txt
# cuda or cpu: the vLLM for paraphrases, some GB more; empty: none, or CLIP_BROWSER_LLM_BASE_URL
ARG LLM=""
COPY requirements/llm-cpu.txt requirements/llm-cuda.txt requirements/
RUN if [ -n "$LLM" ]; then uv pip install --no-deps --require-hashes -r "requirements/llm-$LLM.txt"; fi
COPY pyproject.toml README.md ./
COPY api/ api/
COPY cli/ cli/
COPY common/ common/
COPY workers/ workers/
RUN uv pip install --no-deps --no-build-isolation --editable . \
    && python -m compileall -q api cli common workers

FROM ${PYTHON_IMAGE}
ARG LLM=""
# Triton compiles GPU kernels when they are first used, and needs a C compiler for that
RUN if [ "$LLM" = cuda ]; then \
        apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev \
        && rm -rf /var/lib/apt/lists/*; \
    fi
RUN groupadd --gid 10001 clip-browser \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home clip-browser \
    && mkdir /data && chown clip-browser:clip-browser /data
WORKDIR /app
COPY --from=python /opt/venv /opt/venv
COPY --from=python /app ./
COPY --from=web /web/dist web/dist
COPY manual_synonym_map.json ./
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/data \
    XDG_CACHE_HOME=/data/cache \
    HF_HOME=/data/cache/huggingface \
    NUMBA_CACHE_DIR=/tmp/numba \
    CLIP_BROWSER_DATA_DIR=/data
USER clip-browser
VOLUME /data
EXPOSE 8000
CMD ["clip-browser", "api"]
