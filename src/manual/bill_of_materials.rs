//! Bills of materials: which packages each build contains, in CycloneDX and SPDX.
//!
//! `tests/dossier/sbom.py DIR` writes a software bill of materials (SBOM) for each of these builds, from `Cargo.toml` and `Cargo.lock` alone:
//!
//! | build | features | packages |
//! |---|---|---|
//! | `default` | those that are on by default | this crate alone |
//! | `no-feature` | none: the protocol without I/O | this crate alone |
//! | `client`, `server` | one role | this crate alone |
//! | `without-native-tls` | all but `native-tls` | this crate alone |
//! | `everything` | all | this crate, `native-tls`, and what that needs on all systems |
//!
//! A build without `native-tls` has one component. So its bill of materials needs no update when another crate changes.
//!
//! | file | format | contains |
//! |---|---|---|
//! | `BUILD.cdx.json` | CycloneDX 1.6, JSON | each package with version, licence, package URL and SHA-256; the graph of dependencies; the features as properties |
//! | `BUILD.spdx.json` | SPDX 2.3, JSON | the same; the features as the comment of the first package |
//!
//! Both name the program that wrote them. The supplier of a package is `NOASSERTION` in SPDX and absent in CycloneDX, because Cargo
//! does not know it. Of other packages, the SHA-256 is that of `Cargo.lock`. That of this crate is the one of its package, which
//! designates the version: `tests/dossier/export` passes the package to the program. The time is that of the commit, so one commit has
//! the same files. Packages of all systems are listed: Cargo decides on each system which of them are built.
//!
//! `tests/dossier/sbom.py --check DIR` validates the files by the official schemas: CycloneDX by the JSON schema of the project, in strict mode, and SPDX
//! by the validator of `spdx-tools`. CI runs both.
//!
//! What is not a package is not listed: the compiler, `std`, and the TLS library of the system (OpenSSL on Linux, Schannel on
//! Windows, Secure Transport on macOS), which `native-tls` links. The integrator adds those of the product.
