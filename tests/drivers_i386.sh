#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/drivers_i386.sh DIR: unpacks 32-bit evtest, v4l2-ctl and aplay from Debian in
# DIR, with the libraries that they need. What is there stays.
set -eu
dir=$1
mkdir -p "$dir"
# Another rig may want them at the same time.
exec 9>"$dir/lock"
flock 9
[ ! -e "$dir/complete" ] || exit 0

mkdir -p "$dir/apt/lists/partial" "$dir/apt/archives/partial"
dir=$(cd "$dir" && pwd)
# Lists of its own, so that this machine's apt does not get another architecture.
apt() {
	apt-get -q -o APT::Architecture=i386 -o APT::Architectures=i386 \
		-o Dir::State::lists="$dir/apt/lists" -o Dir::State::status=/dev/null \
		-o Dir::Cache::archives="$dir/apt/archives" -o APT::Sandbox::User=root "$@"
}
# The main archive is enough where another source fails.
apt update || :
(cd "$dir/apt" && apt download evtest v4l-utils alsa-utils libc6 libgcc-s1 libstdc++6 libv4l-0 libv4lconvert0 \
	libudev1 libjpeg62-turbo libasound2)
for package in "$dir"/apt/*.deb; do
	dpkg-deb -x "$package" "$dir/root"
done
mkdir -p "$dir/bin" "$dir/lib"
cp "$dir/root/usr/bin/evtest" "$dir/root/usr/bin/v4l2-ctl" "$dir/root/usr/bin/aplay" "$dir/bin"
find "$dir/root" -path '*/i386-linux-gnu/*.so*' ! -path '*/gconv/*' -exec cp -d {} "$dir/lib" \;
cp -L "$dir/root/lib/ld-linux.so.2" "$dir/lib" 2>/dev/null || cp -L "$dir"/root/lib/i386-linux-gnu/ld-linux.so.2 "$dir/lib"
rm -r "$dir/apt" "$dir/root"
touch "$dir/complete"
