//! WebSocket connections on this machine, with each byte explained: one that succeeds, and chapters about those that fail.
//! `tour --help` lists the settings.

use std::env;
use std::io::ErrorKind;
use std::process::ExitCode;

#[path = "tour/chapters.rs"]
mod chapters;
#[path = "tour/connection.rs"]
mod connection;
#[cfg(feature = "legacy")]
#[path = "tour/draft_chapters.rs"]
mod draft_chapters;
#[cfg(feature = "legacy")]
#[path = "tour/drafts.rs"]
mod drafts;
#[path = "tour/handshake.rs"]
mod handshake;
#[path = "tour/output.rs"]
pub(crate) mod output;
#[path = "page/mod.rs"]
mod page;
#[cfg(feature = "proxy")]
#[path = "tour/proxies.rs"]
mod proxies;
#[path = "tour/relay.rs"]
mod relay;
#[cfg(all(feature = "native-tls", feature = "proxy"))]
#[path = "tour/tls.rs"]
mod tls;
#[path = "tour/page.rs"]
mod tour_page;
#[path = "tour/violations.rs"]
mod violations;

use chapters::{Chapter, Context, TlsFiles};
use connection::Compression;
use output::{Failure, Output};

#[cfg(not(feature = "legacy"))]
mod drafts {
    use super::{Failure, Output};

    pub(super) fn tour(_: Output, _: &[String], _: bool) -> Result<(), Failure> {
        Err("--version and --legacy need the feature legacy, which this build leaves out".into())
    }
}

const HELP: &str = "\
Shows WebSocket connections, with every byte of them explained: a server and a client open a
connection, exchange messages and close it, or fail. Nothing leaves this machine.

usage: tour [--page] [--deflate]
       tour [--version NAME]... [--legacy]
       tour --list
       tour [--page] NAME... [--tls FILE --password-file FILE [--authority FILE]]

  --page           also on a page for the browser, where frames can be chosen, searched, exported
                   and built by hand; it stays until Enter. Chapters on proxies, TLS and drafts are
                   not on it, and say so
  --deflate        with compression of messages (permessage-deflate, RFC 7692)
  --version NAME   in a draft of the protocol: hixie-55, hixie-75, hixie-76, hybi-00 ... hybi-12
  --legacy         in every version, one after another
  --list           the names of the chapters: a wrong proof, a foreign origin, a proxy, and others

For the chapter tls:
  --tls FILE            the certificate for localhost and its key, in a PKCS#12 file
  --password-file FILE  the password of that file, as the first line
  --authority FILE      the certificate that signed it, in PEM, unless the system trusts it

The text is plain ASCII, 100 columns wide, and fits a pager: tour | less
A terminal shows colours, unless the variable NO_COLOR is set.
";

fn main() -> ExitCode {
    ExitCode::from(run(env::args().skip(1)))
}

/// The tour with these arguments, and the exit code of the process. `tests/tour.rs` calls it too.
pub(crate) fn run(args: impl Iterator<Item = String>) -> u8 {
    let out = Output::new();
    let what = match Settings::parse(args) {
        Ok(what) => what,
        Err(problem) => {
            eprintln!("tour: {problem}");
            return 2;
        }
    };
    match show(out, what) {
        Ok(()) => 0,
        // The reader of the output has closed it.
        Err(Failure::Output(error)) if error.kind() == ErrorKind::BrokenPipe => 0,
        Err(Failure::Output(error)) => {
            eprintln!("tour: cannot write: {error}");
            1
        }
        Err(Failure::Tour(error)) => {
            // One line, also for the text of a peer.
            eprintln!("tour: {}", error.to_string().replace('\n', " "));
            1
        }
    }
}

fn show(out: Output, what: What) -> Result<(), Failure> {
    match what {
        What::Help => out.print(HELP),
        What::List => out.print(&chapters::list()),
        What::Connection(compression) => connection::tour(out, compression),
        What::Versions { names, all } => drafts::tour(out, &names, all),
        What::Chapters { chapters, tls } => {
            let context = Context { out, tls };
            chapters.into_iter().try_for_each(|chapter| chapter.run(&context))
        }
        What::WithPage(what) => {
            let page = tour_page::start(out)?;
            show(out, *what)?;
            page.wait()
        }
    }
}

/// What is shown.
enum What {
    Help,
    List,
    Connection(Compression),
    Versions {
        names: Vec<String>,
        all: bool,
    },
    Chapters {
        chapters: Vec<&'static Chapter>,
        tls: Option<TlsFiles>,
    },
    /// Also on the page.
    WithPage(Box<What>),
}

#[derive(Default)]
struct Settings {
    list: bool,
    page: bool,
    deflate: bool,
    versions: Vec<String>,
    legacy: bool,
    chapters: Vec<&'static Chapter>,
    identity: Option<String>,
    password: Option<String>,
    authority: Option<String>,
}

impl Settings {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<What, String> {
        let mut settings = Settings::default();
        while let Some(name) = args.next() {
            let mut value = || args.next().ok_or(format!("{name} needs a value; see tour --help"));
            match name.as_str() {
                "--help" | "-h" => return Ok(What::Help),
                "--list" => settings.list = true,
                "--page" => settings.page = true,
                "--deflate" => settings.deflate = true,
                "--legacy" => settings.legacy = true,
                "--version" => settings.versions.push(value()?),
                "--tls" => settings.identity = Some(value()?),
                "--password-file" => settings.password = Some(value()?),
                "--authority" => settings.authority = Some(value()?),
                other if other.starts_with('-') => {
                    return Err(format!("there is no setting {other:?}; see tour --help"));
                }
                chapter => settings.chapters.push(Chapter::named(chapter)?),
            }
        }
        match settings.page {
            true if settings.list || settings.legacy || !settings.versions.is_empty() => {
                Err("--page shows connections of RFC 6455; it does not go with --list, --version or --legacy"
                    .to_owned())
            }
            true => Ok(What::WithPage(Box::new(settings.what()?))),
            false => settings.what(),
        }
    }

    fn what(self) -> Result<What, String> {
        let tls = match (self.identity, self.password) {
            (Some(identity), Some(password)) => Some(TlsFiles { identity, password, authority: self.authority }),
            (None, None) if self.authority.is_none() => None,
            _ => return Err("--tls FILE and --password-file FILE belong together; see tour --help".to_owned()),
        };
        let versions = self.legacy || !self.versions.is_empty();
        match (self.list, self.chapters.is_empty()) {
            (true, _) => Ok(What::List),
            (false, false) if versions || self.deflate => {
                Err("a chapter has no settings but those of tls; see tour --help".to_owned())
            }
            (false, false) if tls.is_none() && self.chapters.iter().any(|chapter| chapter.needs_files()) => Err(
                "the chapter tls needs the identity of a server: --tls FILE --password-file FILE; see examples/README.md"
                    .to_owned(),
            ),
            (false, false) => Ok(What::Chapters { chapters: self.chapters, tls }),
            (false, true) if versions => Ok(What::Versions { names: self.versions, all: self.legacy }),
            (false, true) if self.deflate => Ok(What::Connection(Compression::On)),
            (false, true) => Ok(What::Connection(Compression::Off)),
        }
    }
}
