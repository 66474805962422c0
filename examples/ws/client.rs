//! The flags of a connection to a server, which all commands that connect have.

use std::time::Duration;

use stdws::handshake::uri::Uri;
use stdws::{Client, Proxy, Timeouts};

use crate::args::{Args, Failure, Flag, Group};
use crate::secret;

pub(crate) const CONNECTION: Group = Group {
    title: "Connection",
    flags: &[
        Flag("--header", "NAME:VALUE", "a header of the request; repeatable"),
        Flag("--header-file", "FILE", "headers of the request, one in a line, for those that hold a secret"),
        Flag("--origin", "O", "the origin of the request, such as https://app.example.com"),
        Flag("--digest", "", "answer Digest challenges with the credentials of --user, instead of sending Basic ones"),
        Flag("--ca", "FILE", "also trust this authority or certificate (PEM or DER)"),
        Flag(
            "--proxy",
            "URL",
            "through http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT; env: the proxy that the environment names",
        ),
        Flag("--proxy-user", "NAME", "credentials for the proxy, with the password of --proxy-password-file"),
        Flag("--proxy-password-file", "FILE", "that password; without it, WS_PROXY_PASSWORD in the environment"),
        Flag("--redirects", "N", "follow at most N redirects (0; maximum 10)"),
        Flag("--timeout", "S", "seconds for connecting (30)"),
    ],
};

/// Those that servers have too.
pub(crate) const SESSION: Group = Group {
    title: "Session",
    flags: &[
        Flag("--user", "NAME", "send Basic credentials, with the password of --password-file"),
        Flag("--password-file", "FILE", "the password; without it, WS_PASSWORD in the environment"),
        Flag("--subprotocol", "P", "a subprotocol to offer, the preferred one first; repeatable"),
        Flag("--deflate", "", "offer to compress messages (permessage-deflate)"),
        Flag("--max-message", "N", "maximum number of bytes in a received message (16777216)"),
        Flag("--ping", "S", "seconds of silence before a Ping, and again for its answer (20); 0: no Pings"),
        Flag("--version", "NAME", "use a draft: hixie-55, hixie-75, hixie-76, hybi-00 to hybi-12"),
        Flag("--legacy", "", "if the server lists other versions, use the newest of them"),
    ],
};

/// The client that the flags describe.
pub(crate) fn client(args: &Args, url: &str) -> Result<Client, Failure> {
    if cfg!(not(feature = "native-tls")) && Uri::parse(url).is_ok_and(|uri| uri.is_secure()) {
        return Err(Failure::usage("wss:// needs a build with --features native-tls"));
    }
    let mut client =
        Client::new(url)?.timeouts(timeouts(args)?).max_redirects(args.number("--redirects")?.unwrap_or(0));
    for header in args.values("--header")? {
        client = with_header(client, header, "--header")?;
    }
    if let Some(file) = args.path("--header-file") {
        for line in secret::read_text(file.as_ref())?.lines().filter(|line| !line.trim().is_empty()) {
            client = with_header(client, line, "a line of --header-file")?;
        }
    }
    if let Some(origin) = args.value("--origin")? {
        client = client.origin(origin)?;
    }
    for subprotocol in args.values("--subprotocol")? {
        client = client.subprotocol(subprotocol)?;
    }
    if let Some(bytes) = args.number("--max-message")? {
        client = client.max_message_size(bytes);
    }
    if args.has("--deflate") {
        client = client.deflate(stdws::Deflate::default());
    }
    let client = with_credentials(with_authority(client, args)?, args)?;
    let client = with_proxy(client, args)?;
    with_versions(client, args)
}

/// The time for connecting, which is also that for the answer of `ws cat --once`.
pub(crate) fn connect_timeout(args: &Args) -> Result<Duration, Failure> {
    Ok(args.seconds("--timeout")?.unwrap_or(Timeouts::default().connect))
}

fn timeouts(args: &Args) -> Result<Timeouts, Failure> {
    let mut timeouts = Timeouts { connect: connect_timeout(args)?, ..Timeouts::default() };
    match args.seconds("--ping")? {
        None => {}
        Some(Duration::ZERO) => timeouts.ping_interval = Duration::MAX,
        Some(interval) => (timeouts.ping_interval, timeouts.pong_timeout) = (interval, interval),
    }
    Ok(timeouts)
}

fn with_header(client: Client, header: &str, from: &str) -> Result<Client, Failure> {
    // The header is not shown: it may hold a secret.
    let (name, value) =
        header.split_once(':').ok_or_else(|| Failure::usage(format!("{from} has the form NAME: VALUE")))?;
    Ok(client.header(name, value.trim())?)
}

fn with_credentials(client: Client, args: &Args) -> Result<Client, Failure> {
    let Some(user) = args.value("--user")? else {
        return match args.has("--digest") {
            true => Err(Failure::usage("--digest needs --user NAME")),
            false => Ok(client),
        };
    };
    let password = secret::required(args, "--user", "--password-file", "WS_PASSWORD")?;
    Ok(if args.has("--digest") { client.digest_auth(user, &password)? } else { client.basic_auth(user, &password)? })
}

fn with_proxy(client: Client, args: &Args) -> Result<Client, Failure> {
    let mut proxy = match args.value("--proxy")? {
        None if args.has("--proxy-user") => return Err(Failure::usage("--proxy-user needs --proxy URL")),
        None => return Ok(client),
        Some("env") => Proxy::from_env()?,
        Some(url) => Proxy::new(url)?,
    };
    if let Some(user) = args.value("--proxy-user")? {
        let password = secret::required(args, "--proxy-user", "--proxy-password-file", "WS_PROXY_PASSWORD")?;
        proxy = proxy.credentials(user, &password)?;
    }
    Ok(client.proxy(with_proxy_authority(proxy, args)?))
}

#[cfg(feature = "native-tls")]
fn authority(args: &Args) -> Result<Option<stdws::TlsConnect>, Failure> {
    let Some(file) = args.path("--ca") else { return Ok(None) };
    let tls = stdws::TlsConnect::new().add_root(&secret::read(file.as_ref())?);
    tls.map(Some).map_err(|error| Failure::new(format!("{}: {error}", file.to_string_lossy())))
}

#[cfg(feature = "native-tls")]
fn with_authority(client: Client, args: &Args) -> Result<Client, Failure> {
    Ok(match authority(args)? {
        Some(tls) => client.tls(tls)?,
        None => client,
    })
}

/// The authority of the server may be that of an https:// proxy, too.
#[cfg(feature = "native-tls")]
fn with_proxy_authority(proxy: Proxy, args: &Args) -> Result<Proxy, Failure> {
    Ok(match authority(args)? {
        Some(tls) => proxy.tls(tls)?,
        None => proxy,
    })
}

#[cfg(not(feature = "native-tls"))]
fn with_authority(client: Client, args: &Args) -> Result<Client, Failure> {
    match args.has("--ca") {
        true => Err(Failure::usage("--ca needs a build with --features native-tls")),
        false => Ok(client),
    }
}

#[cfg(not(feature = "native-tls"))]
fn with_proxy_authority(proxy: Proxy, _: &Args) -> Result<Proxy, Failure> {
    Ok(proxy)
}

#[cfg(feature = "legacy")]
fn with_versions(mut client: Client, args: &Args) -> Result<Client, Failure> {
    if let Some(name) = args.value("--version")? {
        let version = stdws::Version::from_name(name);
        client = client.version(version.ok_or_else(|| Failure::usage(format!("there is no version {name:?}")))?);
    }
    Ok(if args.has("--legacy") { client.fallback_versions(stdws::Version::ALL) } else { client })
}

#[cfg(not(feature = "legacy"))]
fn with_versions(client: Client, args: &Args) -> Result<Client, Failure> {
    match args.has("--version") || args.has("--legacy") {
        true => Err(Failure::usage("--version and --legacy need a build with --features legacy")),
        false => Ok(client),
    }
}

/// The cause of a failed connection, with the first line of a response that explains it.
pub(crate) fn failure(error: stdws::Error) -> Failure {
    let body = match &error {
        stdws::Error::Handshake(rejection) => rejection.body(),
        stdws::Error::Proxy(rejection) => rejection.body(),
        _ => return error.into(),
    };
    let body = String::from_utf8_lossy(body.get(..200).unwrap_or(body)).into_owned();
    match body.lines().next().map_or("", str::trim) {
        "" => error.into(),
        line => Failure::new(format!("{error}: {line:?}")),
    }
}
