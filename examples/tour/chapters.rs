//! The table of chapters: names, titles, the features that they need, and what runs them.

use super::connection::{self, Compression};
#[cfg(feature = "legacy")]
use super::draft_chapters;
use super::output::{wrap, Failure, Output};
#[cfg(feature = "proxy")]
use super::proxies;
#[cfg(all(feature = "native-tls", feature = "proxy"))]
use super::tls;
use super::{handshake, tour_page, violations};

/// What a chapter can use.
#[cfg_attr(not(all(feature = "native-tls", feature = "proxy")), allow(dead_code))] // Of the chapter tls.
pub(super) struct Context {
    pub(super) out: Output,
    /// Of the chapter tls alone.
    pub(super) tls: Option<TlsFiles>,
}

/// The files of a server with TLS, and of the authority that its certificate is from.
#[cfg_attr(not(all(feature = "native-tls", feature = "proxy")), allow(dead_code))] // Of the chapter tls.
pub(super) struct TlsFiles {
    pub(super) identity: String,
    pub(super) password: String,
    pub(super) authority: Option<String>,
}

const OFF_PAGE: &str = "proxies, records of TLS and drafts are no frames of RFC 6455.";

type Run = fn(&Context) -> Result<(), Failure>;

pub(super) struct Chapter {
    pub(super) name: &'static str,
    title: &'static str,
    /// The feature that it needs beside those of every tour.
    needs: Option<&'static str>,
    /// `None`: this build leaves out the feature.
    run: Option<Run>,
}

impl Chapter {
    /// The chapter of this name, or a sentence with the way out.
    pub(super) fn named(name: &str) -> Result<&'static Chapter, String> {
        let chapter = CHAPTERS.iter().find(|chapter| chapter.name == name);
        let chapter = chapter.ok_or(format!("there is no chapter {name:?}; tour --list shows all"))?;
        match (chapter.run, chapter.needs) {
            (None, Some(feature)) => Err(format!(
                "the chapter {name} needs the feature {feature}: cargo run --features {feature} --example tour -- {name}"
            )),
            _ => Ok(chapter),
        }
    }

    /// Whether it needs the files of [`Context::tls`].
    pub(super) fn needs_files(&self) -> bool {
        self.name == "tls"
    }

    pub(super) fn run(&self, context: &Context) -> Result<(), Failure> {
        // `named` returns only those that this build has.
        let Some(run) = self.run else { return Ok(()) };
        if self.name != "connection" && self.name != "compression" {
            context.out.title(&format!("{}: {}", self.name, self.title))?;
        }
        if let Some(page) = tour_page::current().filter(|_| !self.is_on_page()) {
            page.remark(&format!("The chapter {} is in the terminal only: {OFF_PAGE}", self.name));
            context.out.print(&format!("\nThis chapter is not on the page: {OFF_PAGE}\n"))?;
        }
        run(context)
    }

    /// Whether the page shows its connections.
    fn is_on_page(&self) -> bool {
        matches!(self.needs, None | Some("deflate"))
    }
}

/// One line for each chapter.
pub(super) fn list() -> String {
    let line = |chapter: &Chapter| {
        let needs = chapter.needs.map(|feature| format!(" [feature {feature}]")).unwrap_or_default();
        wrap(&format!("{:<18}", chapter.name), "", &format!("{}{needs}", chapter.title))
    };
    CHAPTERS.iter().map(line).collect()
}

const fn always(name: &'static str, title: &'static str, run: Run) -> Chapter {
    Chapter { name, title, needs: None, run: Some(run) }
}

const fn optional(name: &'static str, title: &'static str, feature: &'static str, run: Option<Run>) -> Chapter {
    Chapter { name, title, needs: Some(feature), run }
}

const CHAPTERS: &[Chapter] = &[
    always("connection", "a connection from its handshake to its end; also without a name", |context| {
        connection::tour(context.out, Compression::Off)
    }),
    optional("compression", "the same with compressed messages", "deflate", COMPRESSION),
    always("version", "a version is refused, and the client falls back", |context| handshake::version(context.out)),
    always("accept", "a wrong Sec-WebSocket-Accept", |context| handshake::accept(context.out)),
    always("origin", "a page of another site is refused with 403", |context| handshake::origin(context.out)),
    always("violation", "a frame breaks a rule: Close 1002", |context| violations::violation(context.out)),
    always("utf-8", "a text is not UTF-8: Close 1007", |context| violations::utf_8(context.out)),
    always("too-big", "a message is over the limit: Close 1009", |context| violations::too_big(context.out)),
    optional("connect", "through an HTTP proxy, which refuses at first", "proxy", CONNECT),
    optional("socks", "through a SOCKS5 proxy, which refuses at first", "proxy", SOCKS),
    optional("tls", "what TLS hides from a proxy; with --tls and --password-file", "native-tls", TLS),
    optional("draft-fallback", "a draft instead of RFC 6455", "legacy", DRAFTS[0]),
    optional("draft-subprotocol", "the one subprotocol of hixie-75", "legacy", DRAFTS[1]),
    optional("draft-cookie", "cookies in the handshake of hixie-76", "legacy", DRAFTS[2]),
    optional("draft-extension", "deflate-stream of version 8", "legacy", DRAFTS[3]),
    optional("draft-skipped", "unknown frames, which hixie-76 skips", "legacy", DRAFTS[4]),
    optional("draft-utf-8", "text that is not UTF-8, which drafts replace by U+FFFD", "legacy", DRAFTS[5]),
];

const COMPRESSION: Option<Run> = match cfg!(feature = "deflate") {
    true => Some(|context| connection::tour(context.out, Compression::On)),
    false => None,
};

#[cfg(feature = "proxy")]
const CONNECT: Option<Run> = Some(proxies::http);
#[cfg(feature = "proxy")]
const SOCKS: Option<Run> = Some(proxies::socks5);
#[cfg(not(feature = "proxy"))]
const CONNECT: Option<Run> = None;
#[cfg(not(feature = "proxy"))]
const SOCKS: Option<Run> = None;

#[cfg(all(feature = "native-tls", feature = "proxy"))]
const TLS: Option<Run> = Some(tls::hides);
#[cfg(not(all(feature = "native-tls", feature = "proxy")))]
const TLS: Option<Run> = None;

/// The chapters of the drafts, in the order of the table.
#[cfg(feature = "legacy")]
const DRAFTS: [Option<Run>; 6] = [
    Some(draft_chapters::fallback),
    Some(draft_chapters::subprotocol),
    Some(draft_chapters::cookie),
    Some(draft_chapters::extension),
    Some(draft_chapters::skipped),
    Some(draft_chapters::utf_8),
];
#[cfg(not(feature = "legacy"))]
const DRAFTS: [Option<Run>; 6] = [None; 6];
