//! Tables of facts: each is made from the file that says so, and compared with the chapter.

use std::collections::BTreeSet;

use stdws::{Limits, Timeouts};

use crate::{names_of_the_library, read};

/// Compares a table with the chapter, between its two markers.
#[track_caller]
pub(super) fn assert_table(chapter: &str, name: &str, heads: &[&str], rows: &[Vec<String>]) {
    let line = |columns: &[String]| format!("//! | {} |\n", columns.join(" | "));
    let heads: Vec<String> = heads.iter().map(|head| head.to_string()).collect();
    let mut table = line(&heads) + &format!("//! |{}\n", "---|".repeat(heads.len()));
    table.extend(rows.iter().map(|row| line(row)));
    let text = read(chapter);
    let (begin, end) = (format!("// {name}: begin\n"), format!("// {name}: end\n"));
    let written = text.split(&begin).nth(1).and_then(|rest| rest.split(&end).next()).expect("no such table");
    assert!(written == table, "the table of {name} in {chapter} has to be\n{table}");
}

pub(super) const DATA_SHEET: &str = "src/manual/data_sheet.rs";

pub(super) fn row<const N: usize>(columns: [&str; N]) -> Vec<String> {
    columns.map(str::to_owned).to_vec()
}

/// The lines of a section of a TOML file.
pub(super) fn section<'a>(toml: &'a str, name: &str) -> Vec<&'a str> {
    let begin = format!("[{name}]");
    let lines = toml.lines().skip_while(|line| **line != begin).skip(1).take_while(|line| !line.starts_with('['));
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// The value of a key, without quotation marks.
pub(super) fn value<'a>(lines: &[&'a str], key: &str) -> Option<&'a str> {
    let found = lines.iter().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix("= "));
    found.map(|value| value.trim_matches('"'))
}

/// The text of a list, `["a", "b"]`, as `a, b`.
pub(super) fn list(value: &str) -> String {
    value.trim_matches(['[', ']']).replace('"', "")
}

/// Shows promise P1.
#[test]
fn the_data_sheet_is_that_of_the_files() {
    let (cargo, lock, lib) = (read("Cargo.toml"), read("Cargo.lock"), read("src/lib.rs"));
    let package = section(&cargo, "package");
    let of_package = |key| value(&package, key).unwrap_or("none");
    let dependencies = section(&cargo, "dependencies");
    let optional = dependencies.iter().filter(|line| line.contains("optional = true")).count();
    assert_eq!((dependencies.len(), optional), (1, 1), "the one dependency is optional");
    assert!(!cargo.contains("[build-dependencies]") && !cargo.contains("[dev-dependencies]"));
    assert!(lib.contains("\n#![forbid(unsafe_code)]\n"));
    let (dependency, requirement) = dependencies[0].split_once(" = ").unwrap();
    let version_of = |table: &str| table.split_once("version = \"").unwrap().1.split('"').next().unwrap().to_owned();
    let has_script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("build.rs").exists();
    let script = if has_script { "build.rs" } else { of_package("build") };
    let packages = lock.lines().filter(|line| line.starts_with("name = ")).count() - 1;
    let rows = [
        row(["name", of_package("name")]),
        row(["version", of_package("version")]),
        row(["licence", of_package("license")]),
        row(["edition of Rust", of_package("edition")]),
        row(["oldest Rust", of_package("rust-version")]),
        row(["`unsafe`", "forbidden"]),
        row(["build script", script]),
        row(["dependencies without `native-tls`", &(dependencies.len() - optional).to_string()]),
        row(["direct dependency with `native-tls`", &format!("{dependency} {}", version_of(requirement))]),
        row(["other packages in `Cargo.lock`, for all systems", &packages.to_string()]),
    ];
    assert_table(DATA_SHEET, "designation", &["property", "value"], &rows);
}

#[test]
fn features() {
    let cargo = read("Cargo.toml");
    let lines = section(&cargo, "features");
    let default = list(value(&lines, "default").unwrap());
    let feature = |line: &&str| {
        let (name, implied) = line.split_once(" = ")?;
        let state = if default.split(", ").any(|other| other == name) { "on" } else { "off" };
        let implied = Some(list(implied)).filter(|implied| !implied.is_empty()).unwrap_or("-".into());
        (name != "default").then(|| row([&format!("`{name}`"), state, &implied]))
    };
    let rows: Vec<_> = lines.iter().filter_map(feature).collect();
    assert_table(DATA_SHEET, "features", &["feature", "default", "needs"], &rows);
}

#[test]
fn defaults() {
    let Timeouts { connect, handshake, write, message, ping_interval, pong_timeout, close, .. } = Timeouts::default();
    let times = [
        ("connect", connect),
        ("handshake", handshake),
        ("write", write),
        ("message", message),
        ("ping_interval", ping_interval),
        ("pong_timeout", pong_timeout),
        ("close", close),
    ];
    let (client, server) = (Limits::client(), Limits::server());
    let limits = [
        ("max_frame_size", client.max_frame_size, server.max_frame_size),
        ("max_message_size", client.max_message_size, server.max_message_size),
        ("max_fragments", client.max_fragments.into(), server.max_fragments.into()),
        ("max_head_size", client.max_head_size.into(), server.max_head_size.into()),
        ("max_head_fields", client.max_head_fields.into(), server.max_head_fields.into()),
    ];
    let mut rows = Vec::new();
    for (name, time) in times {
        let seconds = format!("{} s", time.as_secs());
        assert_eq!(time.subsec_nanos(), 0);
        rows.push(row([&format!("`Timeouts::{name}`"), &seconds, &seconds]));
    }
    for (name, of_client, of_server) in limits {
        rows.push(row([&format!("`Limits::{name}`"), &of_client.to_string(), &of_server.to_string()]));
    }
    // All fields of both types are in the table.
    for line in read("src/config.rs").lines().filter_map(|line| line.trim().strip_prefix("pub ")) {
        if let Some((name, _)) =
            line.split_once(": ").filter(|(name, _)| name.bytes().all(|b| b == b'_' || b.is_ascii_lowercase()))
        {
            assert!(rows.iter().any(|row| row[0].ends_with(&format!("::{name}`"))), "{name}");
        }
    }
    assert_table(DATA_SHEET, "defaults", &["setting", "client", "server"], &rows);
}

#[test]
fn requirements() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/requirements");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut rows = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "tsv")) {
        let text = std::fs::read_to_string(file).unwrap();
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let ways: Vec<_> = lines.map(|line| line.split('\t').nth(4).unwrap()).collect();
        let mut columns = vec![format!("`{}`", file.file_stem().unwrap().to_str().unwrap()), ways.len().to_string()];
        for way in ["code", "type", "app", "declined"] {
            columns.push(ways.iter().filter(|one| **one == way).count().to_string());
        }
        rows.push(columns);
    }
    assert_table(DATA_SHEET, "requirements", &["document", "rows", "code", "type", "app", "declined"], &rows);
}

/// The algorithms: the `cfg` in front of the module, and the files that import it. Cargo's features decide on nothing else.
#[test]
fn algorithms() {
    let modules = read("src/primitives/mod.rs");
    let library = names_of_the_library();
    let row_of = |name: &str| {
        let before = modules.split_once(&format!("\npub(crate) mod {name};")).unwrap().0;
        let condition = before.lines().last().and_then(|line| line.strip_prefix("#[cfg(")?.strip_suffix(")]"));
        let condition = condition.map_or("every build".to_owned(), |condition| format!("`{condition}`"));
        let uses = |names: &[String]| {
            names.windows(3).any(|three| three[0] == name && three[1] == "::" && three[2] == "digest")
        };
        let users = library.iter().filter(|(_, names)| uses(names)).map(|(file, _)| format!("`{file}`"));
        let users: Vec<_> = users.collect();
        assert!(!users.is_empty(), "{name}");
        row([&format!("`primitives/{name}.rs`"), &condition, &users.join(", ")])
    };
    let rows = ["sha1", "sha256", "md5"].map(row_of);
    // No other file is a digest.
    let digests: Vec<_> =
        library.iter().filter(|(_, names)| names.windows(2).any(|two| two == ["fn", "digest"])).collect();
    assert_eq!(digests.len(), rows.len(), "{:?}", digests.iter().map(|(file, _)| file).collect::<Vec<_>>());
    assert_table("src/manual/cryptography.rs", "algorithms", &["file", "compiled with", "called by"], &rows);
}

/// The sums of the columns in which `tests/mutation/run` counts the mutants of each file. None of them is unexplained.
#[test]
fn mutants() {
    let counts = read("tests/mutation/results/files.tsv");
    let mut lines = counts.lines().map(|line| line.split('\t').skip(1));
    let heads: Vec<&str> = lines.next().unwrap().collect();
    let mut sums = vec![0_u64; heads.len()];
    for line in lines {
        sums.iter_mut().zip(line).for_each(|(sum, count)| *sum += count.parse::<u64>().unwrap());
    }
    let rows: Vec<_> = heads.iter().zip(&sums).map(|(head, sum)| row([head, &sum.to_string()])).collect();
    assert_table("src/manual/testing.rs", "mutants", &["verdict", "mutants"], &rows);
    assert_eq!(sums.iter().skip(1).sum::<u64>(), sums[0]);
    let open = read("tests/mutation/results/open.tsv");
    let unexplained = heads.iter().position(|head| *head == "not explained").unwrap();
    assert_eq!(open.lines().filter(|line| !line.starts_with('#')).count() as u64, sums[unexplained]);
}

/// The table of what random bytes are for names every file that has a source of them.
#[test]
fn users_of_random_bytes() {
    let sources = ["RandomSource", "CallerSource", "fill_from_system", "new_random_source"];
    // `Step::RandomSource` is the step of an error.
    let is_step = |at: usize, names: &[String]| at > 1 && names[at - 2] == "Step";
    let uses = |names: &[String]| {
        names.iter().enumerate().any(|(at, name)| sources.contains(&name.as_str()) && !is_step(at, names))
    };
    let library = names_of_the_library();
    let users: BTreeSet<&str> = library
        .iter()
        .filter(|(file, _)| *file != "error/io.rs")
        .filter(|(_, names)| uses(names))
        .map(|(file, _)| file.as_str())
        .collect();
    let chapter = read("src/manual/cryptography.rs");
    let table =
        chapter.split("// random bytes: begin\n").nth(1).and_then(|rest| rest.split("// random bytes: end\n").next());
    let files = table.unwrap().split('`').skip(1).step_by(2).filter(|word| word.ends_with(".rs"));
    assert_eq!(files.collect::<BTreeSet<_>>(), users);
}

/// The table of threads names each name that is given to a thread.
#[test]
fn threads() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut started = BTreeSet::new();
    for (file, text) in crate::source::rust_files(&folder) {
        let names = text.split("threads::spawn(\"").skip(1).filter_map(|rest| rest.split('"').next());
        started.extend(names.map(str::to_owned));
        let without_a_name = text.matches("threads::spawn(").count() - text.matches("threads::spawn(\"").count();
        assert_eq!(without_a_name, 0, "{file}");
    }
    assert!(started.contains("stdws-server"), "{started:?}");
    let sheet = read(DATA_SHEET);
    let table = sheet.split("// threads: begin\n").nth(1).and_then(|rest| rest.split("// threads: end\n").next());
    let listed = table.unwrap().split('`').skip(1).step_by(2).filter(|word| word.starts_with("stdws-"));
    assert_eq!(listed.map(str::to_owned).collect::<BTreeSet<_>>(), started);
}

/// Numbers in the sentences of the chapters: each is that of a constant.
#[test]
fn numbers_in_sentences() {
    const ANOMALIES: &str = "src/manual/anomalies.rs";
    let rows = [
        ("src/net/tcp.rs", "LONGEST_SLICE: Duration = Duration::from_secs(1);", ANOMALIES, "after up to one second"),
        ("src/net/tcp.rs", "LONGEST_RETRY: Duration = Duration::from_millis(20);", ANOMALIES, "after up to 20 ms"),
        ("src/connection/state.rs", "PONG_BUFFER_LIMIT: usize = 8 << 10;", ANOMALIES, "8 KiB of answers"),
        (
            "src/connection/interleavings.rs",
            "(\"stream\", \"broadcast\" | \"answer\") | (\"send twice\", \"stream\") => 3,",
            ANOMALIES,
            "a stream beside a hub, an answer or two messages: at most three preemptions",
        ),
        ("src/connection/interleavings.rs", "_ => usize::MAX,\n    });", ANOMALIES, "every order of two threads"),
        (
            "src/connection/interleavings.rs",
            "check_orders(1, &[one, other, last])",
            ANOMALIES,
            "of three with at most one",
        ),
        ("src/net/dial/attempts.rs", "MAX_PARALLEL: usize = 4;", DATA_SHEET, "up to 4 in a call and 128 in a process"),
        ("src/net/dial/attempts.rs", "MAX_THREADS: usize = 128;", DATA_SHEET, "up to 4 in a call and 128 in a process"),
        ("src/server/system_limits.rs", "WAITING: usize = 16;", DATA_SHEET, "up to 16 that wait"),
        ("src/connection/background.rs", "MAX_THREADS: usize = 64;", DATA_SHEET, "at most 64 in a process"),
        (
            "src/manual/costs.rs",
            "| memory of the process | 20 KiB |",
            DATA_SHEET,
            "takes 20 KiB, and 29 KiB of the kernel",
        ),
        ("src/manual/costs.rs", "socket 9 KiB | 29 KiB |", DATA_SHEET, "takes 20 KiB, and 29 KiB of the kernel"),
        ("src/net/threads.rs", "MAX_AGE: Duration = Duration::from_secs(10);", ANOMALIES, "1,000 areas in ten seconds"),
        (".github/SECURITY.md", "## Supported versions\n\nBefore 1.0,", ANOMALIES, "no date and no time are promised"),
        (
            "src/manual/data_sheet.rs",
            "| end of support | no date is set |",
            ANOMALIES,
            "no date and no time are promised",
        ),
        ("src/manual/data_sheet.rs", "no time to answer is promised |", ANOMALIES, "no date and no time are promised"),
        ("src/manual/data_sheet.rs", "and Linux are part of the measurement;", ANOMALIES, "both are measured on Linux"),
        ("src/manual/testing.rs", "and code for other systems;", ANOMALIES, "both are measured on Linux"),
        ("tests/dossier/sbom.py", "CycloneDX 1.6 and in SPDX 2.3", DATA_SHEET, "in CycloneDX 1.6 and SPDX 2.3"),
    ];
    for (file, constant, chapter, sentence) in rows {
        assert!(read(file).contains(constant), "{file} has another {constant}: see {chapter}");
        assert!(read(chapter).contains(sentence), "{chapter} does not say: {sentence}");
    }
}

/// The builds of the table are those of `tests/dossier/sbom.py`.
#[test]
fn builds() {
    let (program, chapter) = (read("tests/dossier/sbom.py"), read("src/manual/bill_of_materials.rs"));
    let written = program.split_once("def builds():").unwrap().1.split_once("\n    }\n").unwrap().0;
    let written: Vec<&str> = written
        .lines()
        .filter_map(|line| line.strip_prefix("        \"")?.split_once("\": "))
        .map(|pair| pair.0)
        .collect();
    let rows = chapter.lines().skip_while(|line| *line != "//! | build | features | packages |").skip(2);
    let rows = rows.map_while(|line| line.strip_prefix("//! | "));
    let listed: Vec<&str> =
        rows.flat_map(|row| row.split(" | ").next().unwrap().split('`').skip(1).step_by(2)).collect();
    assert_eq!(listed, written);
    assert!(written.len() == 6 && read(DATA_SHEET).contains("bills of materials of six builds"));
}

/// Each file of evidence, and each that an exported chapter names, is exported.
#[test]
fn the_export_is_complete() {
    let script = read("tests/dossier/export");
    let table = script.split_once("\ncopied=\"\n").unwrap().1.split_once("\n\"\n").unwrap().0;
    let sources: Vec<&str> = table.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    let is_copied = |file: &str| {
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let pattern = format!("{folder}/*.tsv");
        sources.iter().any(|&from| from == file || from == folder || (file.ends_with(".tsv") && from == pattern))
    };
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut evidence = BTreeSet::new();
    for folder in
        ["requirements", "mutations/results", "mutation", "mutation/results", "coverage", "platforms", "dossier"]
    {
        for entry in std::fs::read_dir(root.join("tests").join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".tsv") || name == "skips" {
                evidence.insert(format!("tests/{folder}/{name}"));
            }
        }
    }
    assert!(evidence.len() > 20, "{evidence:?}");
    let chapters = script.lines().find_map(|line| line.strip_prefix("chapters=\"")?.strip_suffix('"')).unwrap();
    for chapter in chapters.split(' ') {
        let text = read(&format!("src/manual/{chapter}.rs"));
        let files = text.split('`').filter(|word| word.starts_with("tests/") || word.starts_with(".github/"));
        let files = files.filter(|file| file.ends_with(".tsv") || file.ends_with(".md") || file.ends_with("/skips"));
        evidence.extend(files.map(str::to_owned));
    }
    assert!(chapters.contains("testing") && evidence.contains(".github/SECURITY.md"));
    let missing: Vec<_> = evidence.iter().filter(|file| !is_copied(file)).collect();
    assert!(missing.is_empty(), "tests/dossier/export does not copy {missing:?}");
}
