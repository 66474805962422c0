//! Networks of IP addresses in text form: `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`. Knows nothing of proxies.

use std::net::IpAddr;

/// All addresses that share a prefix with one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IpNetwork {
    address: IpAddr,
    prefix: u32,
}

impl IpNetwork {
    /// Parses an address, with or without a prefix length.
    pub(crate) fn parse(text: &str) -> Option<IpNetwork> {
        let Some((address, prefix)) = text.split_once('/') else {
            return text.parse().ok().map(|address| IpNetwork { address, prefix: address_bits(address) });
        };
        let address = address.parse().ok()?;
        // `parse` alone accepts a sign.
        let prefix = prefix.parse().ok().filter(|_| prefix.bytes().all(|byte| byte.is_ascii_digit()))?;
        (prefix <= address_bits(address)).then_some(IpNetwork { address, prefix })
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        common_prefix_len(self.address, address).is_some_and(|bits| bits >= self.prefix)
    }
}

/// Number of leading bits that two addresses share. `None`: different families.
fn common_prefix_len(a: IpAddr, b: IpAddr) -> Option<u32> {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => Some((u32::from(a) ^ u32::from(b)).leading_zeros()),
        (IpAddr::V6(a), IpAddr::V6(b)) => Some((u128::from(a) ^ u128::from(b)).leading_zeros()),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
    }
}

fn address_bits(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_the_addresses_with_its_prefix() {
        let rows = [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.77/25", "192.0.2.127", true),
            ("192.0.2.77/25", "192.0.2.128", false),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("0.0.0.0/0", "::", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::", false),
            ("::1", "::1", true),
            ("::1", "::", false),
            ("::1/128", "::1", true),
            ("::/0", "1::", true),
            ("::/0", "1.2.3.4", false),
        ];
        for (network, address, want) in rows {
            assert_eq!(
                IpNetwork::parse(network).unwrap().contains(address.parse().unwrap()),
                want,
                "{network} {address}"
            );
        }
        for text in
            ["", "a", "1.2.3", "1.2.3.4/33", "1.2.3.4/+8", "1.2.3.4/", "::/129", "[::1]", "1.2.3.4:80", "1.2.3.04"]
        {
            assert_eq!(IpNetwork::parse(text), None, "{text}");
        }
    }
}
