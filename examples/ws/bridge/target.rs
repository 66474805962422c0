//! The targets of a bridge, by name. A client chooses a name, and nothing else.

use std::path::PathBuf;

use crate::args::{Args, Failure};
use crate::secret;

pub(super) struct Targets {
    /// Name and address.
    named: Vec<(String, String)>,
    /// The target of every path.
    default: Option<String>,
    file: Option<PathBuf>,
}

impl Targets {
    pub(super) fn new(args: &Args) -> Result<Targets, Failure> {
        let mut targets = Targets { named: Vec::new(), default: None, file: args.path("--targets").map(PathBuf::from) };
        for target in args.values("--to")? {
            match target.split_once('=') {
                Some(_) => targets.named.push(parse(target).map_err(Failure::usage)?),
                None => targets.default = Some(address(target).map_err(Failure::usage)?),
            }
        }
        if targets.named.is_empty() && targets.default.is_none() && targets.file.is_none() {
            return Err(Failure::usage("a target is missing: --to HOST:PORT, --to NAME=HOST:PORT or --targets FILE"));
        }
        // A mistake in the file is found before anybody connects.
        targets.read()?;
        Ok(targets)
    }

    /// The address for a request.
    pub(super) fn find(&self, path: &str, query: Option<&str>) -> Result<Option<String>, Failure> {
        let token = query.unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("token="));
        let name = token.unwrap_or(path.trim_start_matches('/'));
        let in_file = self.read()?;
        let found = self.named.iter().chain(&in_file).find(|(known, _)| known == name);
        Ok(found.map(|(_, address)| address).or(self.default.as_ref()).cloned())
    }

    fn read(&self) -> Result<Vec<(String, String)>, Failure> {
        let Some(file) = &self.file else { return Ok(Vec::new()) };
        let text = secret::read_text(file)?;
        let lines = text.lines().enumerate().map(|(n, line)| (n + 1, line.trim()));
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let place = |n| move |problem| Failure::new(format!("{}, line {n}: {problem}", file.display()));
        lines.map(|(n, line)| parse(line).map_err(place(n))).collect()
    }
}

fn parse(target: &str) -> Result<(String, String), String> {
    let (name, address_text) = target.split_once('=').ok_or("a target is NAME=HOST:PORT")?;
    let is_kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name = name.trim();
    if name.is_empty() || !name.chars().all(is_kept) {
        return Err(format!("a name has letters, digits, '.', '_' and '-', not {name:?}"));
    }
    Ok((name.to_owned(), address(address_text.trim())?))
}

/// Checks the form of an address, whose name is resolved when a client connects.
fn address(text: &str) -> Result<String, String> {
    let plain = text.strip_prefix("tls://").unwrap_or(text);
    let is_right = plain.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if !is_right {
        return Err(format!("an address is HOST:PORT or tls://HOST:PORT, not {text:?}"));
    }
    if plain != text && cfg!(not(feature = "native-tls")) {
        return Err("tls:// needs a build with --features native-tls".to_owned());
    }
    Ok(text.to_owned())
}
