#!/bin/sh
# tokio-tests.sh DIRECTORY VERSION TEST…: builds these tests of tokio's published crate there, with the dependencies that its own
# Cargo.lock names, and leaves a link DIRECTORY/tests/TEST to each.
set -eu
directory=$1 version=$2
shift 2
mkdir -p "$directory/fetch/src" "$directory/tests"
cd "$directory/fetch"
# Cargo puts the published crate into its registry's folder, checked against the index.
cat >Cargo.toml <<END
[package]
name = "fetch"
version = "0.0.0"
edition = "2024"
[dependencies]
tokio = "=$version"
[workspace]
END
: >src/lib.rs
manifest=$(cargo metadata --format-version 1 | tr , '\n' | sed -n "s|^\"manifest_path\":\"\(.*/tokio-$version/Cargo.toml\)\".*|\1|p")
rm -rf ../source
cp -r "$(dirname "$manifest")" ../source
cd ../source
# tokio-test must use the tokio that is tested, not the published one again.
printf '\n[workspace]\n\n[patch.crates-io]\ntokio = { path = "." }\n' >>Cargo.toml
published=$(sed -n '/^name = "tokio"$/{n;s/^version = "\(.*\)"$/\1/p}' Cargo.lock | grep -vx "$version" || true)
for other in $published; do
    cargo update --quiet --package "tokio@$other" --precise "$version"
done
for test; do
    set -- "$@" --test "$test"
    shift
done
cargo test --locked --no-run --features full --target-dir ../target "$@" >../build.log 2>&1 || {
    cat ../build.log
    exit 1
}
cd ../tests
sed -n 's|^ *Executable tests/\(.*\)\.rs (\(.*\))$|\1 \2|p' ../build.log | while read -r name path; do
    case $path in /*) ;; *) path=../source/$path ;; esac
    ln -sf "$path" "$name"
done
rm -r ../fetch
touch ../complete
