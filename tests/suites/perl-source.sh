#!/bin/sh
# perl-source.sh DIRECTORY: puts the tests of IO, Socket and IO::Socket::IP there, from Debian's source package of perl.
# The system's lists of packages are left as they are: apt has lists of its own in DIRECTORY while it fetches.
set -eu
mkdir -p "$1"
cd "$1"
mkdir -p apt/etc/sources.list.d apt/etc/preferences.d apt/lists/partial apt/cache
for list in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
    if [ -f "$list" ]; then
        sed -e 's/^Types: .*/Types: deb-src/' -e 's/^deb /deb-src /' "$list" >"apt/etc/sources.list.d/$(basename "$list" .list).${list##*.}"
    fi
done
own="-o Dir::Etc=$PWD/apt/etc -o Dir::Etc::trustedparts=/etc/apt/trusted.gpg.d -o Dir::State::lists=$PWD/apt/lists -o Dir::Cache=$PWD/apt/cache"
apt-get $own update --quiet
# The newest that the archive still has.
for version in $(apt-cache $own showsrc perl | sed -n 's/^Version: //p' | sort --version-sort --reverse); do
    apt-get $own source --quiet --download-only "perl=$version" && break
done
tar --no-same-owner -xf perl_*.orig.tar.xz --strip-components=1 --wildcards \
    'perl-*/t/test.pl' 'perl-*/dist/IO/*' 'perl-*/cpan/Socket/*' 'perl-*/cpan/IO-Socket-IP/*'
# As the package of IO outside perl's own has it.
cp t/test.pl dist/IO/t/
rm -r apt perl_*
touch complete
