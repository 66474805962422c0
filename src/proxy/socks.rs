//! The exchange with a SOCKS5 proxy on the stream, in the order of the table in `socks_messages`. The length of each
//! reply is known before its last byte is read, so no byte after it is consumed.

use super::server::ProxySession;
use super::socks_messages::{self, BoundAddress, Method};
use crate::error::{Error, Result, UsageError};
use crate::handshake::uri::Userinfo;

const NO_AUTH: &[Method] = &[Method::NoAuthentication];
const NO_AUTH_OR_PASSWORD: &[Method] = &[Method::NoAuthentication, Method::UsernamePassword];

pub(super) fn negotiate(session: &ProxySession<'_>, host: &str, port: u16) -> Result<()> {
    let failed = |error| session.io_error(error);
    let rejection = |kind| Error::Proxy(session.proxy_error(kind));
    // An error of the caller is returned before anything is sent.
    let request = socks_messages::connect(host, port).ok_or(UsageError::HostNameTooLong(host.len()))?;

    let credentials = session.server.userinfo.as_ref().and_then(credentials);
    let offered = if credentials.is_some() { NO_AUTH_OR_PASSWORD } else { NO_AUTH };
    session.io.write_all(&socks_messages::greeting(offered)).map_err(failed)?;
    match (socks_messages::selected_method(read_array(session)?, offered).map_err(rejection)?, credentials) {
        // 1928-3-4
        (Method::UsernamePassword, Some(credentials)) => {
            session.io.write_all(&credentials).map_err(failed)?;
            socks_messages::check_authentication(read_array(session)?).map_err(rejection)?;
        }
        (Method::UsernamePassword, None) | (Method::NoAuthentication, _) => {}
    }

    session.io.write_all(&request).map_err(failed)?;
    socks_messages::check_reply(read_array(session)?).map_err(rejection)?;
    let length = match socks_messages::bound_address(read_array(session)?).map_err(rejection)? {
        BoundAddress::Bytes(length) => length,
        BoundAddress::Name => {
            let [length] = read_array(session)?;
            length
        }
    };
    // 1928-6-3: address and port end the reply; the next byte is the server's.
    let mut rest = [0; 255 + 2];
    let rest = rest.get_mut(..usize::from(length).saturating_add(2)).unwrap_or_default();
    session.io.read_exact(rest).map_err(failed)
}

/// The message with these credentials. `None`: they cannot be sent. 1928-3-6
pub(super) fn credentials(userinfo: &Userinfo) -> Option<Vec<u8>> {
    socks_messages::credentials(&userinfo.user, &userinfo.password)
}

fn read_array<const LENGTH: usize>(session: &ProxySession<'_>) -> Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    session.io.read_exact(&mut bytes).map_err(|error| session.io_error(error))?;
    Ok(bytes)
}
