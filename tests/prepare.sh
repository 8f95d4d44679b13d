#!/bin/sh
# Before the suite: a Chromium for the browser tests, where this machine lets us install one.
# Never fails: without a browser those tests are skipped, and the last lines of the run say so.
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then exit 0; fi
done
if [ "$(id -u)" != 0 ] || [ ! -f /etc/debian_version ] || ! command -v apt-get >/dev/null; then
    echo "no Chromium here and no way to install one: browser tests will be skipped"
    exit 0
fi
echo "installing Chromium for the browser tests"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq </dev/null &&
    apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk </dev/null >/dev/null ||
    echo "Chromium could not be installed: browser tests will be skipped"
exit 0
