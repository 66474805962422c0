//! The arguments of the client, and the `Client` of the library that they describe.

use std::error::Error;
use std::time::Duration;

use stdws::{Client, Proxy};

pub(super) const HELP: &str = "\
Talks to a WebSocket server: each line of the input is a message, and messages that come are printed as they come.
At the end of the input the connection is closed, and what the server still sends before it agrees is printed too.

usage: client URL [--header 'NAME: VALUE']... [--origin O] [--subprotocol P]... [--once TEXT] [--binary] [--trace]
                  [--max-message N] [--timeout S] [--deflate] [--proxy URL|env] [--redirects N] [--reconnect] [--ca FILE]
                  [--digest USER:PASSWORD] [--proxy-digest USER:PASSWORD]
                  [--version NAME] [--legacy]

  --header 'NAME: VALUE'   a header for the request
  --origin O               the origin of the request, such as https://app.example.com
  --subprotocol P          a subprotocol to offer; the first is preferred
  --once TEXT              send this, print one answer, and close
  --binary                 send bytes instead of text
  --ca FILE                also trust this authority, or this certificate of a wss:// server itself (PEM or DER)
  --deflate                offer to compress messages (permessage-deflate)
  --digest USER:PASSWORD   answer Digest challenges of the server
  --proxy-digest USER:PASSWORD   answer Digest challenges of the proxy
  --proxy URL              through http://USER:PASSWORD@HOST:PORT, https:// or socks5://...; env: the one that http_proxy and the
                           like name in the environment
  --reconnect              connect again after a loss, with growing delays; lines are kept until there is a connection
  --redirects N            follow at most N redirects (0; maximum 10)
  --version NAME           use a draft of the protocol: hixie-55, hixie-75, hixie-76, hybi-00 ... hybi-12
  --legacy                 if the server lists other versions, use the newest of them
  --trace                  explain every byte that passes, on the standard error output
  --max-message N          bytes a message may have that comes (16777216)
  --timeout S              seconds for connecting, and with --once for the answer (30)

Exits with 0 after a connection that was closed cleanly, 1 if there was none or it failed, 2 if it was called wrongly.
";

#[derive(Default)]
pub(super) struct Settings {
    pub(super) url: String,
    headers: Vec<String>,
    origin: Option<String>,
    subprotocols: Vec<String>,
    pub(super) once: Option<String>,
    pub(super) binary: bool,
    pub(super) trace: bool,
    deflate: bool,
    ca: Option<String>,
    pub(super) version: Option<String>,
    legacy: bool,
    max_message_size: Option<u64>,
    proxy: Option<String>,
    digest: Option<String>,
    proxy_digest: Option<String>,
    max_redirects: u8,
    pub(super) reconnect: bool,
    pub(super) timeout: Duration,
}

impl Settings {
    /// `None`: `--help` was given.
    pub(super) fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Settings>, String> {
        let mut settings = Settings { timeout: Duration::from_secs(30), ..Settings::default() };
        let mut url = None;
        while let Some(name) = args.next() {
            let mut value = || args.next().ok_or(format!("{name} needs a value"));
            match name.as_str() {
                "--help" | "-h" => return Ok(None),
                "--header" => settings.headers.push(value()?),
                "--origin" => settings.origin = Some(value()?),
                "--subprotocol" => settings.subprotocols.push(value()?),
                "--once" => settings.once = Some(value()?),
                "--binary" => settings.binary = true,
                "--trace" => settings.trace = true,
                "--deflate" => settings.deflate = true,
                "--ca" => settings.ca = Some(value()?),
                "--version" => settings.version = Some(value()?),
                "--legacy" => settings.legacy = true,
                "--max-message" => {
                    let text = value()?;
                    let number = text.parse().map_err(|_| format!("{name} takes a number, not {text:?}"))?;
                    settings.max_message_size = Some(number);
                }
                "--proxy" => settings.proxy = Some(value()?),
                "--digest" => settings.digest = Some(value()?),
                "--proxy-digest" => settings.proxy_digest = Some(value()?),
                "--reconnect" => settings.reconnect = true,
                "--redirects" => {
                    let text = value()?;
                    settings.max_redirects =
                        text.parse().map_err(|_| format!("{name} takes a number, not {text:?}"))?;
                }
                "--timeout" => {
                    let text = value()?;
                    let seconds = text.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
                    settings.timeout = seconds.ok_or(format!("{name} takes seconds, not {text:?}"))?;
                }
                option if option.starts_with('-') => return Err(format!("there is no setting {option}")),
                _ if url.is_some() => return Err("there can be but one URL".into()),
                _ => url = Some(name),
            }
        }
        if settings.trace && (settings.proxy.is_some() || settings.max_redirects > 0) {
            return Err("--trace connects by itself: without a proxy, and following no redirect".into());
        }
        if settings.reconnect && (settings.trace || settings.once.is_some()) {
            return Err("--reconnect goes neither with --trace nor with --once".into());
        }
        settings.url = url.ok_or("a URL is needed")?;
        Ok(Some(settings))
    }

    pub(super) fn client(&self) -> Result<Client, Box<dyn Error>> {
        let mut client = Client::new(&self.url)?.connect_timeout(self.timeout).max_redirects(self.max_redirects);
        for header in &self.headers {
            // The header is not shown: it may hold a secret.
            let (name, value) = header.split_once(':').ok_or("--header takes 'NAME: VALUE'")?;
            client = client.header(name, value.trim())?;
        }
        if let Some(file) = &self.ca {
            client = with_authority(client, file)?;
        }
        if self.deflate {
            client = with_deflate(client)?;
        }
        if self.legacy || self.version.is_some() {
            client = self.with_versions(client)?;
        }
        if let Some(origin) = &self.origin {
            client = client.origin(origin)?;
        }
        for subprotocol in &self.subprotocols {
            client = client.subprotocol(subprotocol)?;
        }
        if let Some((user, password)) = self.digest.as_deref().map(user_and_password).transpose()? {
            client = client.digest_auth(user, password)?;
        }
        let proxy = match self.proxy.as_deref() {
            None => None,
            Some("env") => Some(Proxy::from_env()?),
            Some(url) => Some(Proxy::new(url)?),
        };
        if let Some(mut proxy) = proxy {
            if let Some((user, password)) = self.proxy_digest.as_deref().map(user_and_password).transpose()? {
                proxy = proxy.digest_credentials(user, password)?;
            }
            client = client.proxy(self.with_proxy_authority(proxy)?.header("User-Agent", "stdws-client")?);
        }
        if let Some(bytes) = self.max_message_size {
            client = client.max_message_size(bytes);
        }
        Ok(client)
    }

    /// The authority of the server may be that of an https:// proxy, too.
    #[cfg(feature = "native-tls")]
    fn with_proxy_authority(&self, proxy: Proxy) -> Result<Proxy, Box<dyn Error>> {
        let Some(file) = &self.ca else { return Ok(proxy) };
        let certificate = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
        Ok(proxy.tls(stdws::TlsConnect::new().add_root(&certificate)?)?)
    }

    #[cfg(not(feature = "native-tls"))]
    fn with_proxy_authority(&self, proxy: Proxy) -> Result<Proxy, Box<dyn Error>> {
        Ok(proxy)
    }

    #[cfg(feature = "legacy")]
    fn with_versions(&self, mut client: Client) -> Result<Client, String> {
        if let Some(name) = &self.version {
            client = client.version(stdws::Version::from_name(name).ok_or(format!("there is no version {name:?}"))?);
        }
        Ok(if self.legacy { client.fallback_versions(stdws::Version::ALL) } else { client })
    }

    #[cfg(not(feature = "legacy"))]
    fn with_versions(&self, _: Client) -> Result<Client, String> {
        Err("--version and --legacy need the feature legacy, which this build leaves out".into())
    }
}

fn user_and_password(text: &str) -> Result<(&str, &str), String> {
    text.split_once(':').ok_or("USER:PASSWORD needs a colon".to_owned())
}

#[cfg(feature = "native-tls")]
fn with_authority(client: Client, file: &str) -> Result<Client, Box<dyn Error>> {
    let certificate = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
    let tls = stdws::TlsConnect::new().add_root(&certificate).map_err(|error| format!("{file}: {error}"))?;
    Ok(client.tls(tls)?)
}

#[cfg(not(feature = "native-tls"))]
fn with_authority(_: Client, _: &str) -> Result<Client, Box<dyn Error>> {
    Err("--ca needs the feature native-tls: cargo run --features native-tls --example client".into())
}

#[cfg(feature = "deflate")]
fn with_deflate(client: Client) -> std::result::Result<Client, String> {
    Ok(client.deflate(stdws::Deflate::default()))
}

#[cfg(not(feature = "deflate"))]
fn with_deflate(_: Client) -> std::result::Result<Client, String> {
    Err("--deflate needs the feature deflate, which this build leaves out".into())
}
