//! The end of the input of an [`Explainer`]: which part of the connection is incomplete.

use super::explainer::{Explainer, State};
use super::frame as render;
use super::layout::row;

impl Explainer {
    /// Ends the input, and returns the lines for a head, a frame or a message that is incomplete. Without one, and after
    /// a violation or a Close, there are none. Further input is ignored.
    ///
    /// ```
    /// use stdws::explain::Explainer;
    ///
    /// let mut server = Explainer::server().after_handshake();
    /// server.feed(&[0x81, 0x05, 0x48, 0x65]);
    /// let text = server.finish();
    /// assert!(text.contains(r#""He""#));
    /// assert!(text.contains("The input ends after 2 of the 5 bytes of the payload."));
    /// ```
    pub fn finish(&mut self) -> String {
        let mut out = String::new();
        match std::mem::replace(&mut self.state, State::Stopped) {
            #[cfg(feature = "proxy")]
            State::Tunnel(tunnel) => {
                let part = if tunnel.has_begun() {
                    "inside a message to or from the proxy"
                } else {
                    "before the opening handshake"
                };
                incomplete(&mut out, &format!("The input ends {part}."));
            }
            State::Head(renderer) if renderer.has_begun() => {
                let line = renderer.line_number();
                incomplete(&mut out, &format!("The input ends inside the head, before the end of line {line}."));
            }
            State::Header(bytes) if !bytes.is_empty() => {
                let (count, bytes) = (bytes.len(), super::layout::hex(&bytes));
                incomplete(
                    &mut out,
                    &format!("The input ends inside the header of a frame, after {count} bytes: {bytes}."),
                );
            }
            State::Header(_) if self.message.is_some() => {
                incomplete(&mut out, "The input ends inside a message. The frame with FIN is missing.");
            }
            State::Payload(payload) => {
                render::payload(&mut out, &payload);
                let (done, length) = (payload.done, payload.header.length);
                incomplete(&mut out, &format!("The input ends after {done} of the {length} bytes of the payload."));
            }
            State::Head(_) | State::Header(_) | State::Closed | State::Stopped => {}
            // Frames without a length have no end that could be missed here.
            #[cfg(all(feature = "legacy", any(feature = "client", feature = "server")))]
            State::Draft(_) => {}
        }
        out
    }
}

fn incomplete(out: &mut String, text: &str) {
    row(out, "    INCOMPLETE", 17, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let finish = |explainer: fn() -> Explainer, bytes: &[u8]| {
            let mut explainer = explainer();
            explainer.feed(bytes);
            let text = explainer.finish();
            assert_eq!(explainer.finish(), "", "only once");
            text
        };
        let frames: fn() -> Explainer = || Explainer::server().after_handshake();
        for (explainer, bytes, expected) in [
            (Explainer::client as fn() -> Explainer, &b"GET / HT"[..], "before the end of line 1."),
            (Explainer::client, b"GET / HTTP/1.1\r\nHost: a", "before the end of line 2."),
            (frames, &[0x81], "after 1 bytes: 81."),
            (frames, &[0x82, 0x7e, 0x01], "after 3 bytes: 82 7e 01."),
            (frames, &[0x01, 0x01, 0x41], "The frame with FIN is missing."),
            (frames, &[0x01, 0x01, 0x41, 0x89, 0x00], "The frame with FIN is missing."),
            (frames, &[0x81, 0x02, 0xc3], "after 1 of the 2 bytes of the payload."),
            (frames, &[0x8a, 0x02], "after 0 of the 2 bytes of the payload."),
        ] {
            let text = finish(explainer, bytes);
            assert!(text.contains("    INCOMPLETE") && text.contains(expected), "{bytes:02x?}: {text}");
        }
        // Complete, closed, broken, and nothing at all.
        for bytes in [&[0x81, 0x01, 0x41][..], &[0x88, 0x00], &[0x88, 0x00, 0x81], &[0xf1, 0x00], &[]] {
            assert_eq!(finish(frames, bytes), "", "{bytes:02x?}");
        }
        assert_eq!(finish(Explainer::client, b""), "");
    }

    #[cfg(feature = "proxy")]
    #[test]
    fn what_is_missing_of_the_exchange_with_a_proxy_is_named() {
        for (explainer, bytes, expected) in [
            (Explainer::client().through_http_proxy(), &b"CONNECT h:80"[..], "inside a message to or from the proxy."),
            (Explainer::client().through_socks5(), &[5], "inside a message to or from the proxy."),
            (Explainer::server().through_socks5(), &[5, 0], "before the opening handshake."),
        ] {
            let mut explainer = explainer;
            explainer.feed(bytes);
            let text = explainer.finish();
            assert!(text.contains("    INCOMPLETE") && text.contains(expected), "{bytes:02x?}: {text}");
        }
    }
}
