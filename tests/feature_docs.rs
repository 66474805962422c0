//! The documentation of every public item that needs a feature says so: "Feature `x`." `doc(cfg)` marks them on docs.rs only.
//!
//! What an item needs is read from the `cfg` of the item, of its `impl` block, of the modules around it, and of its `pub use`
//! in `src/lib.rs`. A method need not repeat what its type needs, and an item of a public module not what the head of the
//! module says. A `cfg` with `any` is not counted: without a role there are no connections at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

type Features = BTreeSet<String>;

/// Features that turn on others, in `Cargo.toml`.
const IMPLIED: [(&str, &str); 3] = [("proxy", "client"), ("reconnect", "client"), ("legacy", "deflate")];

/// The features that a `cfg` requires.
fn required(line: &str) -> Features {
    let (mut rest, mut features) = (line, Features::new());
    if let (false, Some(any)) = (line.starts_with("#[cfg(any("), line.find("any(")) {
        rest = &line[..any];
    }
    if line.contains("not(") || line.starts_with("#[cfg(any(") {
        return features;
    }
    while let Some((_, after)) = rest.split_once("feature = \"") {
        let (name, after) = after.split_once('"').expect("a quoted feature");
        features.insert(name.to_owned());
        rest = after;
    }
    features
}

fn says(docs: &str, feature: &str) -> bool {
    docs.to_lowercase().split("feature").skip(1).any(|after| after.contains(&format!("`{feature}`")))
}

/// The name of an item that a line declares with `pub`.
fn declared(line: &str) -> Option<&str> {
    let mut words = line.strip_prefix("pub ")?.split(|c: char| !c.is_alphanumeric() && c != '_');
    let name = |word| matches!(word, "fn" | "struct" | "enum" | "trait" | "type" | "const");
    words.by_ref().find(|word| name(*word))?;
    words.find(|word| !word.is_empty())
}

struct Item {
    place: String,
    name: String,
    needs: Features,
    docs: String,
    /// The type of its `impl` block.
    of: Option<String>,
}

#[derive(Default)]
struct Crate {
    items: Vec<Item>,
    /// What `src/lib.rs` requires for the names it exports.
    exported: BTreeMap<String, Features>,
    /// Public modules, and their heads.
    modules: Vec<(String, Features, String)>,
}

impl Crate {
    fn read(&mut self, file: &Path, folder: &Path, outer: &Features) {
        let source = fs::read_to_string(file).unwrap();
        let head: String = source.lines().take_while(|line| line.starts_with("//!")).collect();
        let (mut docs, mut needs, mut for_tests) = (String::new(), Features::new(), false);
        let mut block: Option<(String, Features, String)> = None;
        for (at, line) in source.lines().enumerate() {
            let text = line.trim_start();
            let column = line.len() - text.len();
            if text.starts_with("///") {
                docs += text;
                continue;
            }
            if text.starts_with("#[cfg(") {
                for_tests |= column == 0 && text.contains("test");
                needs.extend(required(text));
                continue;
            }
            if text.is_empty() || text.starts_with("//") || text.starts_with("#[") {
                continue;
            }
            if std::mem::take(&mut for_tests) {
                if text.ends_with('{') {
                    break;
                }
                docs.clear();
                needs.clear();
                continue;
            }
            let all = || outer.union(&needs).cloned().collect::<Features>();
            if let Some(name) = text.strip_suffix(';').and_then(|text| text.rsplit_once("mod ")) {
                if column == 0 && !matches!(name.0, "" | "pub " | "pub(crate) " | "pub(super) ") {
                    continue;
                }
                let (flat, nested) = (folder.join(format!("{}.rs", name.1)), folder.join(name.1));
                let path = if flat.exists() { flat } else { nested.join("mod.rs") };
                if path.exists() {
                    if name.0 == "pub " {
                        let head = fs::read_to_string(&path).unwrap();
                        let head = head.lines().take_while(|line| line.starts_with("//!")).collect();
                        self.modules.push((path.with_extension("").display().to_string(), all(), head));
                    }
                    self.read(&path, &nested, &all());
                }
            } else if let Some(exports) = text.strip_prefix("pub use ").filter(|_| file.ends_with("src/lib.rs")) {
                let names = exports.trim_end_matches([';', '}']).rsplit(['{', ':']).next().unwrap_or_default();
                for name in names.split(',') {
                    self.exported.insert(name.trim().to_owned(), needs.clone());
                }
            } else if column == 0 && text.starts_with("impl") {
                let of = text.trim_end_matches('{').trim().rsplit(' ').next().unwrap_or_default();
                block = Some((of.split('<').next().unwrap_or_default().to_owned(), needs.clone(), docs.clone()));
            } else if line == "}" {
                block = None;
            } else if let Some(name) = declared(text).filter(|_| column <= 4) {
                let place = format!("{}:{}", file.display(), at + 1);
                let (mut needs, mut docs, mut of) = (all(), docs.clone() + &head, None);
                if let Some((ty, block_needs, block_docs)) = block.as_ref().filter(|_| column == 4) {
                    needs.extend(block_needs.iter().cloned());
                    docs += block_docs;
                    of = Some(ty.clone());
                }
                if column == 0 {
                    docs.truncate(docs.len() - head.len());
                }
                self.items.push(Item { place, name: name.to_owned(), needs, docs, of });
            }
            docs.clear();
            needs.clear();
        }
    }

    /// The places that lack the words, each with the feature.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for item in &self.items {
            let mut needs = item.needs.clone();
            match &item.of {
                Some(of) => match self.exported.get(of) {
                    Some(known) => needs.retain(|feature| !known.contains(feature)),
                    None => continue,
                },
                None => match self.exported.get(&item.name) {
                    Some(known) => needs = known.clone(),
                    None => continue,
                },
            }
            for (feature, implied) in IMPLIED {
                if needs.contains(feature) {
                    needs.remove(implied);
                }
            }
            faults.extend(
                needs
                    .iter()
                    .filter(|feature| !says(&item.docs, feature))
                    .map(|feature| format!("{}: {} does not say \"Feature `{feature}`.\"", item.place, item.name)),
            );
        }
        for (path, needs, head) in &self.modules {
            let silent = needs.iter().filter(|feature| !says(head, feature));
            faults.extend(silent.map(|feature| format!("{path}: the head does not say \"Feature `{feature}`.\"")));
        }
        faults
    }
}

/// Shows promise P24.
#[test]
fn items_that_need_a_feature_say_so() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Crate::default();
    all.read(&source.join("lib.rs"), &source, &Features::new());
    assert!(all.exported.len() > 30 && all.items.len() > 300, "{} {}", all.exported.len(), all.items.len());
    // The reader works: `Hub` needs `hub`, and `Client::deflate` needs `deflate` besides `client`.
    let needs = |name: &str, of: Option<&str>| {
        let item = all.items.iter().find(|item| item.name == name && item.of.as_deref() == of).expect(name);
        item.needs.iter().map(String::as_str).collect::<Vec<_>>()
    };
    assert_eq!(needs("deflate", Some("Client")), ["client", "deflate"]);
    assert_eq!(needs("reconnect", Some("Client")), ["reconnect"]);
    assert_eq!(needs("request", Some("WebSocket")), ["server"]);
    let faults = all.faults();
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}
