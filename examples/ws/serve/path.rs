//! Which file a request names. Nothing outside the folder can be named:
//!
//! | attempt | answer |
//! |---|---|
//! | `..`, also percent-encoded, also behind an encoded slash | the path is decoded once, as a whole, before it is split |
//! | a path of the system: `//etc`, `C:`, a device of Windows | each part is one name, appended to the folder |
//! | a backslash, a control character, NUL | no file has such a name here |
//! | a symbolic link out of the folder | the path without links must begin with the folder |
//! | a pipe or a device, which would block | only regular files are opened |
//!
//! Someone who can change the folder while it is served can exchange a file for a link between the check and the opening.

use std::fs;
use std::path::PathBuf;

pub(crate) struct Root {
    /// Without symbolic links.
    pub(crate) folder: PathBuf,
    pub(crate) index: String,
    pub(crate) dotfiles: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    File(PathBuf),
    /// A folder without its slash. Relative links of its page need the slash, which this path has.
    Folder(String),
}

impl Root {
    /// The target of this path of a request, which is percent-encoded.
    pub(crate) fn find(&self, path: &str) -> Option<Target> {
        let decoded = decode(path)?;
        let mut file = self.folder.clone();
        for name in decoded.split('/').filter(|name| !matches!(*name, "" | ".")) {
            if !self.is_served(name) {
                return None;
            }
            file.push(name);
        }
        let mut real = self.real(file)?;
        if real.is_dir() {
            if !decoded.ends_with('/') {
                // One slash first: two would name another host.
                return Some(Target::Folder(format!("/{}/", path.trim_matches('/'))));
            }
            real = self.real(real.join(&self.index))?;
        } else if decoded.ends_with('/') {
            return None;
        }
        real.is_file().then_some(Target::File(real))
    }

    /// The path without symbolic links, if it is in the folder.
    fn real(&self, path: PathBuf) -> Option<PathBuf> {
        fs::canonicalize(path).ok().filter(|real| real.starts_with(&self.folder))
    }

    fn is_served(&self, name: &str) -> bool {
        let is_hidden = name.starts_with('.') && name != ".well-known";
        let is_path = name == ".." || name.contains(|c: char| c == '\\' || c.is_control());
        let is_refused = is_path || (is_hidden && !self.dotfiles) || (cfg!(windows) && is_special_on_windows(name));
        !is_refused
    }
}

/// Drives, streams of files, devices, and names that Windows shortens to others.
pub(crate) fn is_special_on_windows(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let is_numbered = |device: &str| stem.strip_prefix(device).is_some_and(|number| number.chars().count() == 1);
    name.contains([':', '<', '>', '"', '|', '?', '*', '~'])
        || name.ends_with(['.', ' '])
        || matches!(&*stem, "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || is_numbered("COM")
        || is_numbered("LPT")
}

/// The text of a percent-encoded path (RFC 3986 section 2.1), decoded once.
pub(crate) fn decode(path: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), path.bytes());
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}
