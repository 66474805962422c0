//! Traceability: each requirement and each promise with its code, the test, the patch that breaks it, and what the test does then.
//!
//! The lists of requirements are `tests/requirements/*.tsv`. Each row paraphrases one statement of a document and says how it
//! is met:
//!
//! | how | meaning |
//! |---|---|
//! | code | a comment cites the id beside the line that obeys it, and a test cites it too |
//! | type | it cannot be broken; the reason names the type or the shape that ensures it |
//! | app | a duty of the application; the reason says why |
//! | declined | not done; the reason says why |
//!
//! A patch in `tests/mutations/patches` removes or changes the code that obeys a requirement. `tests/mutations/run` applies each
//! patch to a copy of the tree and runs one test. The result is what that test does: `fails` or, where the broken code waits
//! forever, `hangs`. Both count as noticed.
//!
//! RFC 1951 has no capital words; its list has the rules of section 3, the format. That the whole decompressor accepts what another
//! compressor writes, and the reverse, is tested against zlib: `tests/interop/run.sh`, and `tests/fuzz` with zlib's verdict and bytes.
//!
//! The promises of the README have ids in the chapter [`hazards`](super::hazards). Each test that shows one cites its id. Patches
//! break promises as well. The code of a promise is what its patches change; other code helps to keep it. The column *part of
//! `.ci/run`* names what else notices a broken promise. For a promise that no line of code keeps, such a part stands in place of
//! a patch.
//!
//! The page below names files and tests. `tests/dossier/export` writes the same table as TSV, with the lines of the sources.
//!
//! | check | fails when |
//! |---|---|
//! | `cargo test --test traceability` | a row has no code or no test, a citation has no row, a reason names code that does not exist, or this page is stale |
//! | `cargo test --test mutations` | an id has no patch, a patch no longer applies, its test does not cite the id, or its result is missing |
//! | `tests/mutations/run` | a patch is not noticed; about 20 s for each patch |
//!
//! `tests/dossier/traceability` writes the page again after a change of a list, of a citation or of a result.
//!
#![doc = include_str!("traceability.md")]
