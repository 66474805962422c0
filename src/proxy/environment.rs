//! Proxies from environment variables. They are read only by the functions here, at the time of the call.

use std::env;

use crate::error::{Result, UsageError};
use crate::proxy::no_proxy::NoProxy;
use crate::proxy::server::ProxyServer;
use crate::proxy::Proxy;

/// Variables for WebSocket alone. The first one that is set counts.
const WS_VARS: [&str; 2] = ["ws_proxy", "WS_PROXY"];
const WSS_VARS: [&str; 2] = ["wss_proxy", "WSS_PROXY"];
/// Variables that other programs read too. 6455-4.1-s4: a SOCKS proxy is preferred to the proxy for HTTPS, and that one to
/// the proxy for HTTP.
const SHARED_WS_VARS: [&str; 6] = ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
const SHARED_WSS_VARS: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
const NO_PROXY_VARS: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// Set by a server for the CGI programs it runs.
const CGI_VAR: &str = "REQUEST_METHOD";

impl Proxy {
    /// Reads the proxies from the environment. For each row the first variable counts that is set and not empty:
    ///
    /// | for | variables |
    /// |---|---|
    /// | `ws` | `ws_proxy`; one of the others with a SOCKS proxy; `https_proxy`, `http_proxy`, `all_proxy` |
    /// | `wss` | `wss_proxy`; one of the others with a SOCKS proxy; `https_proxy`, `all_proxy` |
    /// | hosts without a proxy | `no_proxy` |
    ///
    /// RFC 6455 section 4.1 recommends this order: SOCKS, then the proxy for HTTPS, then that for HTTP. So
    /// `all_proxy=socks5://...` is preferred to `https_proxy=http://...`, other than in many programs for HTTP.
    ///
    /// After each name its upper-case form is read. The values are URLs as in [`Proxy::new`], or a list as in
    /// [`Proxy::no_proxy`], whose invalid entries are ignored.
    ///
    /// In a CGI program (`REQUEST_METHOD` is set) `HTTP_PROXY` is ignored: a client can set it with the header `Proxy`
    /// ("httpoxy"). On Windows, where names of variables have no case, `http_proxy` is ignored too.
    ///
    /// # Errors
    /// Those of [`Proxy::new`]; [`UsageError::ProxyUrl`] has the name of the variable.
    ///
    /// ```no_run
    /// # fn main() -> stdws::Result<()> {
    /// let client = stdws::Client::new("ws://example.com/feed")?.proxy(stdws::Proxy::from_env()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_env() -> Result<Proxy> {
        // A value that is not Unicode is not a URL, and its replacement characters are an error of the parser.
        Proxy::from_vars(|name| env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// Reads the same variables from another source, such as a file of settings.
    ///
    /// # Errors
    /// Those of [`Proxy::from_env`].
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// let proxy = stdws::Proxy::from_vars(|name| match name {
    ///     "all_proxy" => Some("socks5://127.0.0.1:9050".into()),
    ///     "no_proxy" => Some("localhost, 10.0.0.0/8".into()),
    ///     _ => None,
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_vars(lookup: impl Fn(&str) -> Option<String>) -> Result<Proxy> {
        let set = |name: &&'static str| {
            let value = lookup(name).filter(|value| !value.trim().is_empty())?;
            Some((*name, value))
        };
        let cgi = lookup(CGI_VAR).is_some();
        let trusted = |name: &&&'static str| !(cgi && is_set_by_clients(name));
        let is_socks = |(_, value): &(&str, String)| has_socks_scheme(value);
        let server = |own: &[&'static str], shared: &[&'static str]| {
            let shared = || shared.iter().filter(trusted).filter_map(set);
            // hixie55-4.1-3: SOCKS first; `shared` has the order of the others.
            let chosen = own.iter().find_map(set).or_else(|| shared().find(is_socks)).or_else(|| shared().next());
            let Some((name, value)) = chosen else { return Ok(None) };
            let server = ProxyServer::parse(value.trim()).map_err(|kind| UsageError::ProxyUrl(kind, Some(name)))?;
            server.validated().map(Some)
        };
        let mut no_proxy = NoProxy::default();
        if let Some((_, hosts)) = NO_PROXY_VARS.iter().find_map(set) {
            // Invalid entries have no effect: the variable is shared with programs that accept more.
            let _ = no_proxy.add(&hosts);
        }
        Ok(Proxy { ws: server(&WS_VARS, &SHARED_WS_VARS)?, wss: server(&WSS_VARS, &SHARED_WSS_VARS)?, no_proxy })
    }
}

/// Whether the URL, valid or not, is that of a proxy for SOCKS5.
fn has_socks_scheme(url: &str) -> bool {
    url.trim().get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("socks5")) && url.split_once("://").is_some()
}

/// Whether the server sets this variable of a CGI program from the request header `Proxy`.
fn is_set_by_clients(name: &str) -> bool {
    name == "HTTP_PROXY" || (cfg!(windows) && name == "http_proxy")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, UriErrorKind};

    /// The variables; the proxies for ws and wss.
    type Row = (&'static [(&'static str, &'static str)], Option<&'static str>, Option<&'static str>);
    const ROWS: &[Row] = &[
        (&[], None, None),
        (&[("ws_proxy", "a")], Some("http://a:80"), None),
        (&[("wss_proxy", "a")], None, Some("http://a:80")),
        (&[("https_proxy", "a")], Some("http://a:80"), Some("http://a:80")),
        (&[("http_proxy", "a")], Some("http://a:80"), None),
        (&[("all_proxy", "socks5://a")], Some("socks5://a:1080"), Some("socks5://a:1080")),
        (&[("WS_PROXY", "a"), ("WSS_PROXY", "b")], Some("http://a:80"), Some("http://b:80")),
        (&[("HTTPS_PROXY", "a")], Some("http://a:80"), Some("http://a:80")),
        (&[("HTTP_PROXY", "a")], Some("http://a:80"), None),
        (&[("ALL_PROXY", "a")], Some("http://a:80"), Some("http://a:80")),
        // Which goes before which.
        (&[("ws_proxy", "a"), ("WS_PROXY", "b"), ("https_proxy", "c")], Some("http://a:80"), Some("http://c:80")),
        (&[("https_proxy", "a"), ("http_proxy", "b"), ("all_proxy", "c")], Some("http://a:80"), Some("http://a:80")),
        (&[("http_proxy", "b"), ("all_proxy", "c")], Some("http://b:80"), Some("http://c:80")),
        (&[("https_proxy", "a"), ("HTTPS_PROXY", "b")], Some("http://a:80"), Some("http://a:80")),
        // 6455-4.1-s4
        (
            &[("https_proxy", "a"), ("http_proxy", "b"), ("all_proxy", "socks5://c")],
            Some("socks5://c:1080"),
            Some("socks5://c:1080"),
        ),
        (&[("https_proxy", "a"), ("ALL_PROXY", "SOCKS5://c")], Some("socks5://c:1080"), Some("socks5://c:1080")),
        (&[("https_proxy", "a"), ("http_proxy", "socks5://b")], Some("socks5://b:1080"), Some("http://a:80")),
        (
            &[("ws_proxy", "a"), ("wss_proxy", "b"), ("all_proxy", "socks5://c")],
            Some("http://a:80"),
            Some("http://b:80"),
        ),
        // The name of a host, not a scheme.
        (&[("https_proxy", "a"), ("all_proxy", "socks5:1")], Some("http://a:80"), Some("http://a:80")),
        // Empty is not set.
        (&[("https_proxy", " "), ("HTTPS_PROXY", ""), ("all_proxy", " c ")], Some("http://c:80"), Some("http://c:80")),
        // httpoxy.
        (&[("HTTP_PROXY", "evil"), ("REQUEST_METHOD", "GET")], None, None),
        (
            &[("HTTP_PROXY", "evil"), ("REQUEST_METHOD", ""), ("all_proxy", "c")],
            Some("http://c:80"),
            Some("http://c:80"),
        ),
        (&[("https_proxy", "a"), ("all_proxy", "socks5://b")], Some("socks5://b:1080"), Some("socks5://b:1080")),
        (&[("http_proxy", "a"), ("ALL_PROXY", "SOCKS5://b")], Some("socks5://b:1080"), Some("socks5://b:1080")),
        (&[("ws_proxy", "a"), ("all_proxy", "socks5://b")], Some("http://a:80"), Some("socks5://b:1080")),
        (&[("HTTPS_PROXY", "a"), ("REQUEST_METHOD", "GET")], Some("http://a:80"), Some("http://a:80")),
    ];

    fn read(vars: &[(&str, &str)]) -> Result<Proxy> {
        Proxy::from_vars(|name| vars.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_string()))
    }

    /// hixie55-4.1-3
    #[test]
    fn the_first_that_is_set_decides() {
        for (vars, ws, wss) in ROWS {
            let proxy = read(vars).unwrap();
            let shown = |server: &Option<ProxyServer>| server.as_ref().map(|server| format!("{server:?}"));
            assert_eq!((shown(&proxy.ws).as_deref(), shown(&proxy.wss).as_deref()), (*ws, *wss), "{vars:?}");
        }
        assert_eq!(read(&[("http_proxy", "a"), ("REQUEST_METHOD", "GET")]).unwrap().ws.is_some(), !cfg!(windows));
    }

    #[test]
    fn exceptions() {
        for name in NO_PROXY_VARS {
            assert!(read(&[(name, "h")]).unwrap().no_proxy.matches("h", 80));
        }
        let proxy = read(&[("no_proxy", "a"), ("NO_PROXY", "b")]).unwrap();
        assert!(proxy.no_proxy.matches("a", 80) && !proxy.no_proxy.matches("b", 80));
    }

    #[test]
    fn an_invalid_variable_is_named_without_its_value() {
        let error = read(&[("HTTPS_PROXY", "ftp://me:S3CRET@p")]).unwrap_err();
        let Error::Usage(usage_error) = &error else { panic!("{error:?}") };
        assert_eq!(*usage_error, UsageError::ProxyUrl(UriErrorKind::ProxyScheme, Some("HTTPS_PROXY")));
        assert!(error.to_string().contains("HTTPS_PROXY"), "{error}");
        assert!(!format!("{error} {error:?}").contains("S3CRET"), "{error:?}");
        let error = read(&[("all_proxy", "socks5://:S3CRET@p")]).unwrap_err();
        assert!(matches!(error, Error::Usage(UsageError::ProxyCredentials)), "{error:?}");
    }
}
