//! How the protocol grew: every version that was deployed, what each changed and why, and what its reviewers asked.
//!
//! Twelve versions in two years, and each step answers a question that somebody had asked about the one before. Who reads
//! them in their order learns why a WebSocket looks as it does. With the feature `legacy` this crate speaks all of them;
//! `cargo run --features legacy --example tour -- --version hybi-04` shows one of them byte by byte.
//!
//! # The handshakes
//!
//! A *proof* shows a client that the server understood this very request. *Told back* is what a server repeats of the request.
//!
// The tables are made of the rows of `legacy::table`; a test there prints them when they differ.
// handshakes: begin
//! | version | says its version | proof | origin | told back | subprotocols | extensions | refused by |
//! |---|---|---|---|---|---|---|---|
//! | hixie-55 | nothing | none | `Origin`, required | `WebSocket-Origin`, `-Location` | one | no | the end of TCP |
//! | hixie-75 | nothing | none | `Origin`, required | `WebSocket-Origin`, `-Location` | one | no | the end of TCP |
//! | hybi-00 | nothing | `Key1`, `Key2`, 8 bytes: MD5 | `Origin`, required | `Sec-WebSocket-Origin`, `-Location` | one | no | the end of TCP |
//! | hybi-01 | nothing | `Key1`, `Key2`, 8 bytes: MD5 | `Origin`, required | `Sec-WebSocket-Origin`, `-Location` | one | no | the end of TCP |
//! | hybi-02 | `Sec-WebSocket-Draft: 2` | `Key1`, `Key2`, 8 bytes: MD5 | `Origin`, required | `Sec-WebSocket-Origin`, `-Location` | one | no | the end of TCP |
//! | hybi-03 | `Sec-WebSocket-Draft: 2` | `Key1`, `Key2`, 8 bytes: MD5 | `Origin`, required | `Sec-WebSocket-Origin`, `-Location` | a list, by spaces | no | the end of TCP |
//! | hybi-04 | `Sec-WebSocket-Version: 4` | `Key`: SHA-1; and a `Nonce` | `Sec-WebSocket-Origin`, required | nothing | a list, by commas | names | the end of TCP |
//! | hybi-05 | `Sec-WebSocket-Version: 5` | `Key`: SHA-1 | `Sec-WebSocket-Origin` | nothing | a list, by commas | names, parameters | the end of TCP |
//! | hybi-06 | `Sec-WebSocket-Version: 6` | `Key`: SHA-1 | `Sec-WebSocket-Origin` | nothing | a list, by commas | names, parameters | the end of TCP |
//! | hybi-07 | `Sec-WebSocket-Version: 7` | `Key`: SHA-1 | `Sec-WebSocket-Origin` | nothing | a list, by commas | names, parameters | an answer in HTTP |
//! | hybi-08 | `Sec-WebSocket-Version: 8` | `Key`: SHA-1 | `Sec-WebSocket-Origin` | nothing | a list, by commas | names, parameters | an answer in HTTP |
//! | rfc6455 | `Sec-WebSocket-Version: 13` | `Key`: SHA-1 | `Origin` | nothing | a list, by commas | names, parameters | an answer in HTTP |
// handshakes: end
//!
//! # The frames
//!
//! The opcodes are those of continuation, text, binary, Close, Ping, Pong.
//!
// frames: begin
//! | version | a frame | top bit | opcodes | masked | control frames | closed by | bad text to a client |
//! |---|---|---|---|---|---|---|---|
//! | hixie-55 | `00` text `FF` | - | - | no | none | the end of TCP | U+FFFD for it |
//! | hixie-75 | `00` text `FF` | - | - | no | none | the end of TCP | U+FFFD for it |
//! | hybi-00 | `00` text `FF` | - | - | no | none | `FF 00` twice | U+FFFD for it |
//! | hybi-01 | opcode, length | MORE | 0 4 5 1 2 3 | no | any length | Close, and the same back | U+FFFD for it |
//! | hybi-02 | opcode, length | MORE | 0 4 5 1 2 3 | no | any length | Close, and the same back | U+FFFD for it |
//! | hybi-03 | opcode, length | MORE | 0 4 5 1 2 3 | no | 125 bytes | Close, and the same back | U+FFFD for it |
//! | hybi-04 | opcode, length | FIN | 0 4 5 1 2 3 | frame, by SHA-1 of 20 bytes | 125 bytes | Close, and the same back | U+FFFD for it |
//! | hybi-05 | opcode, length | FIN | 0 4 5 1 2 3 | frame, by 4 bytes | 125 bytes | Close with `C` or `S`, and the same back | U+FFFD for it |
//! | hybi-06 | opcode, length | FIN | 0 4 5 1 2 3 | frame, by 4 bytes | 125 bytes, also between fragments | Close with a code; too big: 1004 | U+FFFD for it |
//! | hybi-07 | opcode, length | FIN | 0 1 2 8 9 A | payload, by 4 bytes | 125 bytes, also between fragments | Close with a code; too big: 1004 | U+FFFD for it |
//! | hybi-08 | opcode, length | FIN | 0 1 2 8 9 A | payload, by 4 bytes | 125 bytes, also between fragments | Close with a code; too big: 1004 | fails |
//! | rfc6455 | opcode, length | FIN | 0 1 2 8 9 A | payload, by 4 bytes | 125 bytes, also between fragments | Close with a code; too big: 1009 | fails |
// frames: end
//!
//! # What each version changed, and why
//!
//! **hixie-55 and -75** (early 2010) are what browsers first had. A request looks like HTTP, but its bytes are fixed, and so are
//! those of the answer; text stands between 0x00 and 0xFF, which no UTF-8 has in it. Nothing shows that a server meant to
//! agree: whoever can make a server say those bytes has opened a connection to it. There is no way to say "I have finished": TCP ends,
//! and nobody knows what arrived.
//!
//! **hixie-76**, which the IETF took over as **hybi-00** (May 2010), brings a proof. Two numbers hide in two headers that no
//! form and no `XMLHttpRequest` can send, since their names begin with `Sec-`; eight bytes follow behind the head, where
//! no HTTP server looks, so that a proxy which does not understand gets stuck at once. The answer is MD5 over all three. `FF 00`
//! says goodbye. The eight bytes turned out to be a mistake: proxies held them back, and so the handshake failed where it might
//! have worked.
//!
//! **hybi-01** (August 2010) replaces the frames: a header with opcode and length instead of an end to be searched for. So
//! there are binary messages, fragments (a message can begin before its length is known), Ping and Pong. A receiver knows how
//! much is to come, and can refuse it. The top bit says that *more* follows.
//!
//! **hybi-02 and -03** give the request a number (`Sec-WebSocket-Draft`), limit control frames to 125 bytes that
//! cannot be fragmented, and make the answer to a Close repeat its body.
//!
//! **hybi-04** (January 2011) is the answer to a paper. Huang, Chen, Barth, Rescorla and Jackson showed in November 2010 that
//! some transparent proxies took the bytes of an Upgraded connection for new HTTP requests. A page could have such a proxy
//! fetch what looked like a script of another site, from a server of the attacker, and keep it in its cache for all its
//! users: *cache poisoning*. Browsers switched WebSocket off. The way out: nothing that a page can choose may appear on the wire as
//! it chose it. So a client masks whole frames, header included, with a key that no page can know; in this version it is
//! made of both sides' nonces by SHA-1, anew for each frame. The handshake becomes plain HTTP with
//! `Sec-WebSocket-Key` and `Sec-WebSocket-Accept`, the eight bytes are gone, versions get numbers that can be
//! negotiated, and the top bit is turned round: FIN. (The examples of the draft forgot that.)
//!
//! **hybi-05** (February 2011) finds that a random key of four bytes sent with each frame does as well: the page still cannot choose
//! what is on the wire, and SHA-1 for every frame was only slow. A Close says who closes first, by one letter.
//!
//! **hybi-06** (February 2011) replaces the letter by a code and a reason: why a connection ends is worth knowing.
//! Control frames may stand between fragments, or a large message would stop all Pings.
//!
//! **hybi-07** (April 2011) moves the mask behind the header, so that a server can read opcode and length before it unmasks,
//! gives the masking a bit of its own, and sorts the opcodes: data below 8, control from 8 on. Frames have not changed since. Firefox
//! 6 spoke it.
//!
//! **Version 8** (hybi-08 to -12, July and August 2011) refines: HTTP's own answers for refusals, 1007 and failing on bad text
//! instead of U+FFFD, the codes that never travel. Chrome 14 and Firefox 7 spoke it.
//!
//! **Version 13** (hybi-13 to -17, **RFC 6455** in December 2011): lengths have to be minimal, a client fails on masked frames, all
//! versions stand in a rejection, and too big is 1009. Nothing on the wire is new; what was open is decided.
//!
//! # What reviewers asked
//!
//! Opera reviewed hybi-06 line by line; members of the IESG balloted hybi-13 and -17; IANA asked about the registries. Their
//! questions, the answers that RFC 6455 gives, and what shows here that they are obeyed. Where the RFC leaves the reaction open, the
//! answer is the one of this crate, and says *here*.
//!
//! ## Opera on hybi-06
//!
//! | asked | answer | shown by |
//! |---|---|---|
//! | Requirements in an introduction that binds nobody? | It binds nobody; all is said again in sections 3 to 11 | `tests/traceability.rs: every_requirement_is_accounted_for` |
//! | Why was `Sec-WebSocket-Location` removed? | Host and target say it; sent and compared up to hybi-03 only | `src/legacy/handshake/client.rs: responses_from_hybi_00_to_hybi_03` |
//! | When is a connection established, a message received, closing started? | 4.1, 6.2, 7.1.3: one table of states | `src/codec/closing.rs: the_table` |
//! | When may Pings be sent? | From established until closed; *here* not after a Close of ours | `tests/conformance_closing.rs: between_our_close_and_the_peers` |
//! | The top bit of a 63-bit length? | Must be 0; *here* 1002 at its first byte | `src/codec/frame.rs: each_rule_fails_on_the_byte_that_breaks_it` |
//! | Reserved bits set? | Fails, unless an extension defines them | `tests/conformance_violations.rs: every_violation_shows_at_its_first_wrong_byte` |
//! | A continuation of nothing? | *Here* 1002 | `tests/conformance_violations.rs: every_violation_shows_at_its_first_wrong_byte` |
//! | A message inside a fragmented one? | *Here* 1002 | `tests/conformance_violations.rs: every_violation_shows_at_its_first_wrong_byte` |
//! | A fragmented control frame, or a long one? | Must not be; *here* 1002 on the header alone | `src/codec/frame.rs: each_rule_fails_on_the_byte_that_breaks_it` |
//! | Which of several errors counts? | *Here* the first on the wire | `src/codec/frame.rs: of_several_broken_rules_the_first_on_the_wire_wins` |
//! | Is a "must" in small letters one? | Mostly written large now; the others are on the list too | `tests/traceability.rs: every_requirement_is_accounted_for` |
//! | Who checks the URI? | Whoever connects, first of all | `src/handshake/uri.rs: invalid_uris_are_rejected` |
//! | One attempt at a time, whatever host or tab? | Per address and port | `tests/client.rs: handshakes_with_one_address_are_made_one_after_another` |
//! | No upper limit on connections? | None; a server may have its own | `tests/server.rs: a_connection_above_the_limit_gets_503_at_once` |
//! | May a user accept a bad certificate? | No: a TLS failure fails the connection | `tests/client.rs: wss_without_tls_is_refused_before_the_name_is_resolved` |
//! | What is in Host? | The host in lower case, the port if not the default | `tests/client.rs: a_request_with_everything` |
//! | Has everyone to send Origin? | Browsers have to | `tests/server.rs: origins` |
//! | Subprotocols at random, or exactly when asked for? | *Here* exactly when asked for | `tests/client.rs: a_plain_request` |
//! | Which other headers? | Any, by their own rules, but none that the handshake owns | `src/handshake/header.rs: fields_of_the_handshake_and_invalid_fields_are_rejected` |
//! | What about wrong line breaks? | *Here* CRLF and nothing else | `src/handshake/http.rs: one_tiny_head_for_each_error` |
//! | Are there rules about reading on before failing? | No longer | `tests/conformance_violations.rs: nothing_is_processed_after_a_violation` |
//! | May anyone connect where origins are not checked? | Yes, so they are, unless the owner says otherwise | `tests/cve.rs: cve_2019_13611_cross_site_hijacking` |
//! | May control frames follow a Close? | Data must not; *here* nothing does, and Pings are answered until the peer's Close | `tests/conformance_closing.rs: nothing_after_the_peers_close_counts` |
//! | Has TCP to be closed, or should it? | Both are said; the stronger holds | `tests/conformance_closing.rs: a_server_ends_the_stream_at_once` |
//! | May one Pong answer several Pings? | The most recent is enough; *here* each is answered unless many wait | `tests/conformance.rs: pings_in_one_packet_are_answered_in_order` |
//! | What is U+FFFD put in place of? | Of nothing any more: bad text fails with 1007. Up to hybi-07 it is | `tests/conformance_violations.rs: text_fails_at_the_first_wrong_byte_of_a_frame_that_is_still_arriving` |
//! | What is answered to another version? | 426 and the list of versions | `tests/drafts_opening.rs: a_refused_version_gets_the_list_of_those_that_are_enabled` |
//! | Why is the origin told back? | It no longer is; up to hybi-03 it was | `src/legacy/handshake/server.rs: the_handshake_of_hybi_00` |
//! | When are cookies set? | That is for the application: it sees the response | `tests/conformance_opening.rs: a_client_from_the_url_to_the_open_connection` |
//!
//! ## Ballots, last call, IANA
//!
//! | asked | answer | shown by |
//! |---|---|---|
//! | How are versions negotiated? | The rejection lists them; the client tries again, each once | `tests/drafts_opening.rs: a_client_tries_each_version_once` |
//! | Are header names sensitive to case? | No; hixie-75 clients compare letters | `src/legacy/handshake/client.rs: responses_to_hixie_75` |
//! | Cookies and Authorization as in HTTP? | Yes; a hook may answer 401, 403, 404 and redirect | `tests/hooks.rs: a_hook_decides` |
//! | Which other headers has a server to know? | None; unknown ones are ignored | `src/handshake/server.rs: valid_requests_are_accepted` |
//! | Version 8 in one place, 13 in another? | 13 | `tests/client.rs: a_plain_request` |
//! | Is the shortest length required? 65535 in 16 bits? | Yes, and yes; up to version 8 longer forms are taken | `src/codec/frame.rs: every_length_at_every_boundary_comes_back` |
//! | May a Ping carry data, and is it masked? | Up to 125 bytes; all that a client sends is masked | `tests/conformance.rs: a_ping_of_ours_waits_for_its_pong` |
//! | Is the masking "provably" secure? | The word is gone: a fresh key for each frame, from a source nobody can guess | `tests/conformance.rs: clients_mask_every_frame_anew_and_servers_never` |
//! | Does the figure hold, or the grammar? | The figure | `tests/conformance.rs: vectors` |
//! | May one answer a Pong that was not asked for? | No; hybi-01 and -02 drop the connection | `tests/conformance.rs: vectors` |
//! | Has an endless message to be kept? | No: limits, on the header, before anything is kept; 1009 | `tests/conformance_violations.rs: what_is_too_big_is_refused_on_its_header` |
//! | Has a Ping to be answered after a Close? | Not after one was received | `tests/conformance_closing.rs: nothing_after_the_peers_close_counts` |
//! | RSV must be 0, or may be 1? | 0 unless something was agreed on | `src/codec/frame.rs: with_compression_rsv1_may_stand_on_the_first_frame_of_a_message_alone` |
//! | Names that are not ASCII? | Punycode; who has the name converts it | `src/handshake/uri.rs: invalid_uris_are_rejected` |
//! | Can Origin be enforced? | No: who sends none is no browser | `src/handshake/origin.rs: same_host_unless_allowed` |
//! | May the key be empty? | 16 bytes in base64, whatever the spare bits are | `src/handshake/server.rs: invalid_requests_are_rejected` |
//! | And when it does not work? | Wait longer each time; what to do instead is for the application | `tests/reconnect.rs: only_the_first_attempt_has_no_delay` |
//! | The numbers of the drafts? | 4 to 8 and 13 are spoken; 0 to 3 never stood in the header, 9 to 12 are reserved | `src/legacy/detect.rs: every_row_of_the_table` |
//! | Two meanings of 1004 and 1007? | 1004 is reserved; "too big" is 1009, and 1004 up to version 8 | `src/codec/decoder.rs: closes_carry_a_code_and_a_reason` |
//! | Is `deflate-stream` registered? | Not in the RFC; spoken from hybi-04 to version 8 where both sides ask for it | `src/legacy/handshake/server.rs: both_sides_of_every_version_agree` |
