//! The variables of CGI (RFC 3875 section 4.1) for the request of a connection.
//!
//! A client chooses names and values of headers, so:
//!
//! | header | variable |
//! |---|---|
//! | a name with other characters than letters, digits and `-` | none: `X_A` and `X-A` would be the same |
//! | `Proxy` | none: `HTTP_PROXY` redirects the connections of many programs |
//! | `Authorization`, `Proxy-Authorization` | none (section 4.1.18); `REMOTE_USER` names the user |
//! | a repeated header | one, with the values separated by commas |
//!
//! Variables `HTTP_...` and the passwords of this tool are not inherited.

use std::ffi::OsString;
use std::process::Command;

use stdws::{Request, WebSocket};

use crate::serve::path;

/// Removes what a program must not inherit.
pub(super) fn clean(spawn: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().to_ascii_uppercase().starts_with("HTTP_") {
            spawn.env_remove(name);
        }
    }
    for name in ["WS_PASSWORD", "WS_TLS_PASSWORD", "WS_PROXY_PASSWORD"] {
        spawn.env_remove(name);
    }
}

/// The variables for the request of this connection.
pub(super) fn variables(ws: &WebSocket, tls: bool) -> Vec<(String, OsString)> {
    let Some(request) = ws.request() else { return Vec::new() };
    let mut variables = headers(request);
    let mut set = |name: &str, value: &str| variables.push((name.to_owned(), value.into()));
    set("GATEWAY_INTERFACE", "CGI/1.1");
    set("SERVER_SOFTWARE", concat!("stdws/", env!("CARGO_PKG_VERSION")));
    set("SERVER_PROTOCOL", "HTTP/1.1");
    set("REQUEST_METHOD", request.method());
    set("REQUEST_URI", request.target());
    set("SCRIPT_NAME", "");
    // Absent if it is no text, as the query may be.
    if let Some(path) = path::decode(request.path()).filter(|path| !path.contains('\0')) {
        set("PATH_INFO", &path);
    }
    set("QUERY_STRING", request.query().unwrap_or_default());
    set("SERVER_NAME", host(request.host()));
    if let Some(local) = ws.local_addr() {
        set("SERVER_PORT", &local.port().to_string());
    }
    if let Some(ip) = request.client_ip() {
        set("REMOTE_ADDR", &ip.to_string());
        set("REMOTE_HOST", &ip.to_string());
    }
    if let Some(peer) = ws.peer_addr() {
        set("REMOTE_PORT", &peer.port().to_string());
    }
    if let Some(user) = request.basic_auth().and_then(|credentials| credentials.user().map(str::to_owned)) {
        set("AUTH_TYPE", "Basic");
        set("REMOTE_USER", &user.replace('\0', ""));
    }
    if tls {
        set("HTTPS", "on");
    }
    variables
}

/// The headers as `HTTP_` and their names.
fn headers(request: &Request) -> Vec<(String, OsString)> {
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, value) in request.headers() {
        let Some(variable) = variable(name) else { continue };
        match found.iter_mut().find(|(known, _)| *known == variable) {
            Some((_, values)) => {
                values.extend_from_slice(if variable == "HTTP_COOKIE" { b"; " } else { b", " });
                values.extend_from_slice(value);
            }
            None => found.push((variable, value.to_vec())),
        }
    }
    found.into_iter().map(|(name, value)| (name, os_string(value))).collect()
}

/// The name of the variable for a header.
fn variable(header: &str) -> Option<String> {
    let name = header.to_ascii_uppercase();
    let is_kept = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let is_left_out = matches!(&*name, "PROXY" | "AUTHORIZATION" | "PROXY-AUTHORIZATION");
    (is_kept && !is_left_out).then(|| format!("HTTP_{}", name.replace('-', "_")))
}

/// The host without its port.
fn host(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> OsString {
    String::from_utf8_lossy(&bytes).into_owned().into()
}
