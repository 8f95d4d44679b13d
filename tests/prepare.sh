#!/bin/sh
# Before the suite: a Chromium for the browser tests, a Mosquitto for those of other brokers, and strace
# for those of failing system calls, where this machine lets us install them. Never fails: without them
# those tests are skipped, and the last lines of the run say so.
missing=mosquitto
PATH="$PATH:/usr/sbin" command -v mosquitto >/dev/null && missing=
command -v strace >/dev/null || missing="strace $missing"
found=
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then found=$name; fi
done
[ -n "$found" ] || missing="chromium fonts-noto-cjk $missing"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || [ ! -f /etc/debian_version ] || ! command -v apt-get >/dev/null; then
    echo "not here and no way to install it: $missing; tests that need it will be skipped"
    exit 0
fi
echo "installing for the tests: $missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq </dev/null &&
    apt-get install -y -qq --no-install-recommends $missing </dev/null >/dev/null ||
    echo "could not be installed: $missing; tests that need it will be skipped"
exit 0
