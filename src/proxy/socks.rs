//! SOCKS5: what is said on the connection, in the order of the table in `wire::socks`. Each answer has a length that is
//! known before its last byte is read, and is read to that byte and no further.

use super::Asked;
use crate::error::{Error, Misuse, Result};
use crate::wire::socks::{self, Bound, Method};
use crate::wire::uri::Userinfo;

const WITHOUT: &[Method] = &[Method::Nothing];
const WITH: &[Method] = &[Method::Nothing, Method::Credentials];

pub(super) fn ask(asked: &Asked<'_>, host: &str, port: u16) -> Result<()> {
    let failed = |error| asked.failed(error);
    let refused = |fault| Error::Proxy(asked.refused(fault));
    // Whatever can be wrong on this side shows before the proxy hears of the server.
    let request = socks::connect(host, port).ok_or(Misuse::HostTooLong(host.len()))?;

    let credentials = asked.server.userinfo.as_ref().and_then(credentials);
    let offered = if credentials.is_some() { WITH } else { WITHOUT };
    asked.exact.write_all(&socks::greeting(offered)).map_err(failed)?;
    match (socks::method(answer(asked)?, offered).map_err(refused)?, credentials) {
        // 1928-3-4
        (Method::Credentials, Some(credentials)) => {
            asked.exact.write_all(&credentials).map_err(failed)?;
            socks::admitted(answer(asked)?).map_err(refused)?;
        }
        (Method::Credentials, None) | (Method::Nothing, _) => {}
    }

    asked.exact.write_all(&request).map_err(failed)?;
    socks::reply(answer(asked)?).map_err(refused)?;
    let length = match socks::bound_address(answer(asked)?).map_err(refused)? {
        Bound::Bytes(length) => length,
        Bound::Name => {
            let [length] = answer(asked)?;
            length
        }
    };
    // 1928-6-3: address and port end the reply, and what comes then is the server's.
    let mut rest = [0; 255 + 2];
    let rest = rest.get_mut(..usize::from(length).saturating_add(2)).unwrap_or_default();
    asked.exact.read_exact(rest).map_err(failed)
}

/// As they are sent, if they can be. 1928-3-6
pub(super) fn credentials(userinfo: &Userinfo) -> Option<Vec<u8>> {
    socks::credentials(&userinfo.user, &userinfo.password)
}

fn answer<const LENGTH: usize>(asked: &Asked<'_>) -> Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    asked.exact.read_exact(&mut bytes).map_err(|error| asked.failed(error))?;
    Ok(bytes)
}
