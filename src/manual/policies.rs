//! Policies: versions, the oldest Rust, changes, security reports, and how a package is repeated.
//!
//! # Versions
//!
//! Versions follow [Semantic Versioning](https://semver.org) as Cargo reads it. Before 1.0, a change of the second number may break a program, and a
//! change of the third does not. From 1.0 on, the first number has that role.
//!
//! `tests/api/linux.txt` lists each public item with its signature, under all features on Linux. `tests/api/run` compares it with
//! the crate, and CI fails where they differ. So a change of the API is a change of that file, which a reviewer sees:
//!
//! | difference | needs |
//! |---|---|
//! | a line is removed or changed | a version that may break programs, and a row in the chapter [`changes`](super::changes) |
//! | a line is added: an item, a trait of a type, a variant or a field of what is `non_exhaustive` | a version with new items, and a row in `changes` |
//! | a field is added to [`Timeouts`](crate::Timeouts), [`Limits`](crate::Limits) or [`HubLimits`](crate::HubLimits), whose literals end in `..` | a version with new items, and a row in `changes` |
//! | another variant or field of what is not `non_exhaustive` is added | a version that may break programs |
//! | none | any version |
//!
//! These are parts of the promise, although no signature shows them. A change needs a version that may break programs:
//!
//! * the values of default limits and timeouts, if they become stricter for peers that follow the protocol;
//! * the bounds of memory and time in the chapter [`bounds`](super::bounds);
//! * the names of events and the meaning of their fields;
//! * the features, what each adds, and which are on by default.
//!
//! These are not part of it: texts of errors, `Debug` output, names of threads, the number and the size of writes, what the
//! examples print, and everything in `tests`.
//!
//! A correction that makes the crate obey a requirement of an RFC is not a breaking change. The chapter `changes` names it.
//!
//! # The oldest Rust
//!
//! `rust-version` in `Cargo.toml` is the oldest Rust that builds the crate and passes its tests: CI runs both with it. A newer oldest Rust
//! needs a
//! change of the second number of the version, and is at least a year old then.
//! The feature `native-tls` also needs the oldest Rust of that crate.
//!
//! # Changes
//!
//! Each change that a user can notice has a line in the chapter [`changes`](super::changes). The history of the repository has the
//! reason. `.github/CONTRIBUTING.md` has the rules that a change is reviewed by, and `.ci/run` the checks that it passes.
//!
//! # Security reports
//!
//! `.github/SECURITY.md` says how to report a vulnerability in private, what counts as one, and which versions receive fixes.
//! Three properties of each fix can be assessed afterwards:
//!
//! * a test that fails without the fix;
//! * a line in the chapter `changes`, and an advisory that names the affected versions;
//! * a row in the list of known anomalies, if a released version stays affected.
//!
//! # The same package twice
//!
//! One commit has one package: `cargo package` writes the same bytes from every clone, at every time, in every folder. `tests/dossier/reproducible`
//! clones the repository twice, packages both clones, compares the bytes, and prints the SHA-256. CI runs it. To repeat it for a
//! version that you have:
//!
//! ```text
//! git clone REPOSITORY stdws && cd stdws && git checkout COMMIT
//! tests/dossier/reproducible DIR
//! sha256sum DIR/*.crate
//! ```
//!
//! The package contains the commit in `.cargo_vcs_info.json`. It contains `Cargo.toml` as Cargo rewrites it, so the versions of
//! Cargo have to be the same: `cargo --version` is in `versions.txt` of the folder that `tests/dossier/export` writes. The compiled
//! library is not covered: how reproducible it is depends on `rustc` and the flags of your build.
