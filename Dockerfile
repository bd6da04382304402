# Two images: `service` for the API and the workers that need no PyTorch, `ml` for those that do. `flower` is a small
# third one for compose's profile of that name, and has nothing of CLIP Browser in it.
# Which part a container is, its command says (`clip-browser api|worker|beat`).
# The base images may be other ones of the same kind, for example from a registry of your own.
ARG NODE_IMAGE=node:24-slim
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${NODE_IMAGE} AS web
WORKDIR /web
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web/ ./
RUN npm run build

FROM ${PYTHON_IMAGE} AS tools
COPY requirements/bootstrap.txt requirements/
RUN python3 -m venv /opt/tools \
    && /opt/tools/bin/pip install --quiet --no-cache-dir --require-hashes -r requirements/bootstrap.txt
# Bytecode is made here: in a container nobody may write it, and each start would compile all it imports.
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON=/opt/venv/bin/python
RUN python3 -m venv --without-pip /opt/venv \
    && echo /app > "$(/opt/venv/bin/python -c 'import site; print(site.getsitepackages()[0])')/clip-browser.pth"

# The packages stand in stages of their own: a changed line of code makes a layer of some MB.
FROM tools AS service-packages
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
COPY requirements/service.txt requirements/
# Without their own tests, and without what only a debugger reads in those that have most of it. (Not in all: strip
# breaks libraries that patchelf has changed, as NumPy's.)
RUN /opt/tools/bin/uv pip install --no-deps --require-hashes -r requirements/service.txt \
    && find /opt/venv -type d \( -name tests -o -name test -o -name SelfTest \) -prune -exec rm -rf {} + \
    && cd /opt/venv/lib/python3*/site-packages \
    && find llvmlite sqlalchemy Crypto -name '*.so' -exec strip --strip-unneeded {} +

FROM tools AS flower-packages
COPY requirements/flower.txt requirements/
RUN /opt/tools/bin/uv pip install --no-deps --require-hashes -r requirements/flower.txt

FROM tools AS application
WORKDIR /source
COPY pyproject.toml setup.py README.md manual_synonym_map.json ./
COPY api/ api/
COPY cli/ cli/
COPY common/ common/
COPY workers/ workers/
COPY --from=web /web/dist web/dist
RUN /opt/tools/bin/uv build --quiet --wheel --no-build-isolation --python /opt/tools/bin/python --out-dir /wheels \
    && /opt/tools/bin/uv pip install --no-deps --target /app /wheels/*.whl

FROM ${PYTHON_IMAGE} AS base
RUN groupadd --gid 10001 clip-browser \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home clip-browser \
    && mkdir /data && chown clip-browser:clip-browser /data
WORKDIR /app
ENV PATH=/app/bin:/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/data \
    XDG_CACHE_HOME=/data/cache \
    HF_HOME=/data/cache/huggingface \
    NUMBA_CACHE_DIR=/tmp/numba \
    CLIP_BROWSER_DATA_DIR=/data
VOLUME /data
EXPOSE 8000
CMD ["clip-browser", "api"]

FROM base AS service
COPY --from=service-packages /opt/venv /opt/venv
COPY --from=application /app /app
USER clip-browser

FROM ${PYTHON_IMAGE} AS flower
COPY --from=flower-packages /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1
EXPOSE 5555
USER 10001:10001

FROM tools AS ml-packages
COPY requirements/runtime.txt requirements/
RUN /opt/tools/bin/uv pip install --require-hashes -r requirements/runtime.txt
# cuda or cpu: the vLLM for paraphrases, some GB more; empty: none, or CLIP_BROWSER_LLM_BASE_URL
ARG LLM=""
COPY requirements/llm-cpu.txt requirements/llm-cuda.txt requirements/
RUN if [ -n "$LLM" ]; then \
        /opt/tools/bin/uv pip install --no-deps --require-hashes -r "requirements/llm-$LLM.txt"; \
    fi

FROM base AS ml
ARG LLM=""
# Triton compiles GPU kernels when they are first used, and needs a C compiler for that
RUN if [ "$LLM" = cuda ]; then \
        apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev \
        && rm -rf /var/lib/apt/lists/*; \
    fi
COPY --from=ml-packages /opt/venv /opt/venv
COPY --from=application /app /app
USER clip-browser
