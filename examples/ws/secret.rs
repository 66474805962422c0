//! Passwords: from a file or from the environment, because other users of the system can read a command line.

use std::env;
use std::fs;
use std::path::Path;

use crate::args::{Args, Failure};

/// The password of the file that this flag names, without its line end, or of this variable of the environment.
pub(crate) fn password(args: &Args, flag: &str, variable: &str) -> Result<Option<String>, Failure> {
    let Some(file) = args.path(flag) else {
        return match env::var(variable) {
            Ok(password) => Ok(Some(password)),
            Err(env::VarError::NotPresent) => Ok(None),
            Err(env::VarError::NotUnicode(_)) => Err(Failure::usage(format!("{variable} is not UTF-8"))),
        };
    };
    let text = read_text(file.as_ref())?;
    Ok(Some(text.strip_suffix('\n').map_or(&*text, |line| line.strip_suffix('\r').unwrap_or(line)).to_owned()))
}

/// The password of a user, who cannot do without.
pub(crate) fn required(args: &Args, of: &str, flag: &str, variable: &str) -> Result<String, Failure> {
    let missing = || Failure::usage(format!("{of} needs a password: {flag} FILE, or {variable} in the environment"));
    password(args, flag, variable)?.ok_or_else(missing)
}

pub(crate) fn read_text(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| Failure::new(format!("{}: {error}", file.display())))
}

#[cfg(feature = "native-tls")]
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(file).map_err(|error| Failure::new(format!("{}: {error}", file.display())))
}
