#!/usr/bin/env bash
# One file with all that CLIP Browser needs on a machine without a network, into dist/. docs/offline.md
#   BUNDLE_WEIGHTS="FILE|FOLDER ..."  weights: <model>/<tag>.safetensors, or a folder of such folders
#   BUNDLE_LLM=FOLDER                 a language model's folder
#   BUNDLE_IMAGES="NAME ..."          container images, where an engine is at hand
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/.venv/bin
version=$("$bin/python" -c 'from common.version import VERSION; print(VERSION)')
made_for=$("$bin/python" -c 'import platform, sys; print("{}-{}-py{}.{}".format(sys.platform, platform.machine(), *sys.version_info))')
name=clip-browser-$version-$made_for
folder=build/bundle/$name
rm -rf "$folder" && mkdir -p "$folder/wheels" "$folder/weights"

echo "Fetching the wheels (some GB with PyTorch), each checked by its hash"
# What only some patch versions of this Python need comes along: the other machine may have another one.
sed -E "s/ ; python_full_version [<>=]+ '[0-9]+\.[0-9]+\.[0-9]+'//" requirements/runtime.txt > build/bundle/fetched.txt
"$bin/pip" download --quiet --require-hashes --no-deps --only-binary :all: --dest "$folder/wheels" -r build/bundle/fetched.txt
"$bin/pip" download --quiet --require-hashes --no-deps --only-binary :all: --dest "$folder/wheels" -r requirements/bootstrap.txt
cp dist/*.whl "$folder/wheels/"
cp requirements/runtime.txt "$folder/requirements.txt"
cp .ci/bundle/install.sh README.md CHANGELOG.md "$folder/"
cp docs/offline.md "$folder/OFFLINE.md"
echo "$made_for" > "$folder/MADE_FOR"

for given in ${BUNDLE_WEIGHTS:-}; do
    if [ -d "$given" ]; then
        cp -rL "$given"/. "$folder/weights/"
    else
        model=$(basename "$(dirname "$given")")
        mkdir -p "$folder/weights/$model" && cp -L "$given" "$folder/weights/$model/"
    fi
done
if [ -n "${BUNDLE_LLM:-}" ]; then
    mkdir -p "$folder/llm" && cp -rL "$BUNDLE_LLM" "$folder/llm/$(basename "$BUNDLE_LLM")"
fi
if [ -n "${BUNDLE_IMAGES:-}" ]; then
    mkdir -p "$folder/images"
    # shellcheck disable=SC2086 # several names
    docker save --output "$folder/images/images.tar" $BUNDLE_IMAGES
fi

(cd "$folder" && find . -type f ! -name SHA256SUMS -print0 | LC_ALL=C sort -z | xargs -0 sha256sum > SHA256SUMS)
tar --create --file "dist/$name.tar" --directory build/bundle --owner 0 --group 0 "$name"
(cd dist && sha256sum "$name.tar" > "$name.tar.sha256" && cat "$name.tar.sha256")
du -h "dist/$name.tar"
