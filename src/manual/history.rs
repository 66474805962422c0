//! How the protocol grew: every version that was deployed, what each changed and why, and what its reviewers asked.
//!
//! Twelve versions appeared in two years, and each answers a question that the one before had raised. Read in order, they explain
//! why a WebSocket looks as it does. With the feature `legacy` this crate supports all of them.
//! `cargo run --features legacy --example tour -- --version hybi-04` shows one of them byte by byte.
//!
//! # The handshakes
//!
//! A *proof* shows a client that the server understood this request. *Echoed* is what a server repeats from the request.
//!
// The tables are made of the rows of `legacy::table`; a test there prints them when they differ.
// handshakes: begin
//! | version | version field | proof | origin | echoed | subprotocols | extensions | rejected by |
//! |---|---|---|---|---|---|---|---|
//! | hixie-55 | nothing | none | `Origin`, required | `WebSocket-Origin`, `-Location` | one | no | end of TCP |
//! | hixie-75 | nothing | none | `Origin`, required | `WebSocket-Origin`, `-Location` | one | no | end of TCP |
//! | hybi-00 | nothing | `Key1`, `Key2`, 8 bytes: MD5 | `Origin`, required | `Sec-WebSocket-Origin`, `-Location` | one | no | end of TCP |
//! | hybi-01 | nothing | `Key1`, `Key2`, 8 bytes: MD5 | `Origin`, required | `Sec-WebSocket-Origin`, `-Location` | one | no | end of TCP |
//! | hybi-02 | `Sec-WebSocket-Draft: 2` | `Key1`, `Key2`, 8 bytes: MD5 | `Origin`, required | `Sec-WebSocket-Origin`, `-Location` | one | no | end of TCP |
//! | hybi-03 | `Sec-WebSocket-Draft: 2` | `Key1`, `Key2`, 8 bytes: MD5 | `Origin`, required | `Sec-WebSocket-Origin`, `-Location` | a list, space-separated | no | end of TCP |
//! | hybi-04 | `Sec-WebSocket-Version: 4` | `Key`: SHA-1; and a `Nonce` | `Sec-WebSocket-Origin`, required | nothing | a list, comma-separated, also quoted | names | end of TCP |
//! | hybi-05 | `Sec-WebSocket-Version: 5` | `Key`: SHA-1 | `Sec-WebSocket-Origin` | nothing | a list, comma-separated, also quoted | names, parameters of any text | end of TCP |
//! | hybi-06 | `Sec-WebSocket-Version: 6` | `Key`: SHA-1 | `Sec-WebSocket-Origin` | nothing | a list, comma-separated, also quoted | names, parameters of any text | end of TCP |
//! | hybi-07 | `Sec-WebSocket-Version: 7` | `Key`: SHA-1 | `Sec-WebSocket-Origin` | nothing | a list, comma-separated, also quoted | names, parameters of any text | HTTP response |
//! | hybi-08 | `Sec-WebSocket-Version: 8` | `Key`: SHA-1 | `Sec-WebSocket-Origin` | nothing | a list, comma-separated | names, parameters | HTTP response |
//! | rfc6455 | `Sec-WebSocket-Version: 13` | `Key`: SHA-1 | `Origin` | nothing | a list, comma-separated | names, parameters | HTTP response |
// handshakes: end
//!
//! # The frames
//!
//! The opcodes are those of continuation, text, binary, Close, Ping, Pong.
//!
// frames: begin
//! | version | a frame | top bit | opcodes | masked | control frames | closed by | invalid text at a client |
//! |---|---|---|---|---|---|---|---|
//! | hixie-55 | `00` text `FF` | - | - | no | none | end of TCP | replaced by U+FFFD |
//! | hixie-75 | `00` text `FF` | - | - | no | none | end of TCP | replaced by U+FFFD |
//! | hybi-00 | `00` text `FF` | - | - | no | none | `FF 00` from each peer | replaced by U+FFFD |
//! | hybi-01 | opcode, length | MORE | 0 4 5 1 2 3 | no | any length | Close, echoed | replaced by U+FFFD |
//! | hybi-02 | opcode, length | MORE | 0 4 5 1 2 3 | no | any length | Close, echoed | replaced by U+FFFD |
//! | hybi-03 | opcode, length | MORE | 0 4 5 1 2 3 | no | 125 bytes | Close, echoed | replaced by U+FFFD |
//! | hybi-04 | opcode, length | FIN | 0 4 5 1 2 3 | frame, by SHA-1 of 20 bytes | 125 bytes | Close, echoed | replaced by U+FFFD |
//! | hybi-05 | opcode, length | FIN | 0 4 5 1 2 3 | frame, by 4 bytes | 125 bytes | Close with `C` or `S`, echoed | replaced by U+FFFD |
//! | hybi-06 | opcode, length | FIN | 0 4 5 1 2 3 | frame, by 4 bytes | 125 bytes, also between fragments | Close with a code; too big: 1004 | replaced by U+FFFD |
//! | hybi-07 | opcode, length | FIN | 0 1 2 8 9 A | payload, by 4 bytes | 125 bytes, also between fragments | Close with a code; too big: 1004 | replaced by U+FFFD |
//! | hybi-08 | opcode, length | FIN | 0 1 2 8 9 A | payload, by 4 bytes | 125 bytes, also between fragments | Close with a code; too big: 1004 | fails |
//! | rfc6455 | opcode, length | FIN | 0 1 2 8 9 A | payload, by 4 bytes | 125 bytes, also between fragments | Close with a code; too big: 1009 | fails |
// frames: end
//!
//! # Where this library is stricter, or more careful, than a text
//!
//! | versions | the text | here |
//! |---|---|---|
//! | hixie-55 to hybi-02 | the name of a field has any characters but CR, LF and colon, and unknown fields are ignored | the name is a token, as in HTTP and in all later versions; otherwise the handshake fails |
//! | hixie-55, hixie-75 | a request has no proof, and unknown fields are ignored | a request with a field `Sec-WebSocket-...` is never one of these versions |
//! | hixie-75 to hybi-01 | a subprotocol may have spaces | a server accepts such a name, a client offers none |
//! | hybi-03 | `Sec-WebSocket-Draft: 2` | a server also accepts 3, which clients in the field send |
//! | hixie-55 to hybi-06 | a status other than 101 fails the connection | the error has the status, headers and body; redirects are followed only from hybi-07 on |
//! | hybi-06 to version 8 | nothing about close code 1015 | a Close with 1015 fails the connection, as in RFC 6455 |
//!
//! # What each version changed, and why
//!
//! **hixie-55 and -75** (November 2009 and February 2010) are the versions that browsers shipped first. A request looks like HTTP,
//! but its bytes are fixed, and so are those of the response. Text stands between 0x00 and 0xFF, which never occur in UTF-8.
//! Nothing proves that a server meant to agree: any attacker who can make a server send those bytes has opened a connection. There
//! is no closing handshake: TCP ends, and neither side knows what arrived.
//!
//! **hixie-76**, which the IETF adopted as **hybi-00** (May 2010), adds a proof. Two numbers are hidden in two headers that no form
//! and no `XMLHttpRequest` can set, because their names begin with `Sec-`. Eight bytes follow the head, where no HTTP server
//! expects them, so that an unaware proxy stops at once. The response is MD5 over all three. `FF 00` closes the connection. The
//! eight bytes were a mistake: proxies held them back, and the handshake failed where it could have worked.
//!
//! **hybi-01** (August 2010) replaces the frames: a header with opcode and length instead of an end marker. This allows binary
//! messages, fragments (a message can start before its length is known), Ping and Pong. A receiver knows how many bytes follow, and
//! can reject them. The top bit says that *more* fragments follow.
//!
//! **hybi-02 and -03** add a number to the request (`Sec-WebSocket-Draft`), limit control frames to 125 bytes without fragments,
//! and require the answer to a Close to repeat its body.
//!
//! **hybi-04** (January 2011) responds to a paper. Huang, Chen, Barth, Rescorla and Jackson showed in November 2010 that some
//! transparent proxies took the bytes of an upgraded connection for new HTTP requests. A page could make such a proxy fetch
//! an attacker's script under another site's name and cache it for all users: *cache poisoning*. Browsers disabled WebSocket. The
//! remedy: no byte that a page chooses may appear unchanged on the wire. A client therefore masks whole frames, including the
//! header, with a key that the page cannot know. In this version SHA-1 derives the key for each frame from nonces of both sides.
//! The handshake becomes plain HTTP with `Sec-WebSocket-Key` and `Sec-WebSocket-Accept`, the eight bytes are gone, versions get
//! negotiable numbers, and the top bit is inverted to FIN. (The examples of the draft were not updated.)
//!
//! **hybi-05** (February 2011) replaces the derived key by four random bytes sent with each frame. The page still cannot choose the
//! bytes on the wire, and SHA-1 for every frame was only slow. A letter in the Close says which side closes first.
//!
//! **hybi-06** (February 2011) replaces the letter by a code and a reason, because the cause of a close matters. Control frames may
//! stand between fragments; otherwise a large message would delay all Pings.
//!
//! **hybi-07** (April 2011) moves the mask behind the header, so that a server can read opcode and length before it unmasks. Masking
//! gets its own bit, and opcodes are sorted: data below 8, control from 8 on. The frame format has not changed since. Firefox 6
//! used this version.
//!
//! **Version 8** (hybi-08 to -12, June to August 2011) refines: HTTP responses for rejections, code 1007 and failure on invalid text
//! instead of U+FFFD, and codes that are never sent. Chrome 14 and Firefox 7 used it.
//!
//! **Version 13** (hybi-13 to -17, **RFC 6455** in December 2011): lengths must be minimal, a client fails on masked frames, a rejection
//! lists all versions, and "too big" is 1009. Nothing on the wire is new; open questions are decided.
//!
//! # What reviewers asked
//!
//! Opera reviewed hybi-06 line by line; the IESG discussed hybi-13 to -15; IANA asked about the registries. The tables list the
//! questions, the answers of RFC 6455, and the tests that show them. *Here* marks a choice of this crate where the RFC leaves the
//! reaction open.
//!
//! ## Opera on hybi-06
//!
//! | asked | answer | shown by |
//! |---|---|---|
//! | Requirements in a non-normative introduction? | They are repeated in sections 3 to 11 | `tests/traceability.rs: every_requirement_is_accounted_for` |
//! | Why was `Sec-WebSocket-Location` removed? | Host and target contain it; sent and compared only up to hybi-03 | `src/legacy/handshake/client.rs: responses_from_hybi_00_to_hybi_03` |
//! | When is a connection established, a message received, closing started? | 4.1, 6.2, 7.1.3: one table of states | `src/codec/closing.rs: the_table` |
//! | When may Pings be sent? | From established until closed; *here* not after a Close was sent | `tests/conformance_closing.rs: messages_between_the_two_closes` |
//! | The top bit of a 63-bit length? | Must be 0; *here* 1002 at its first byte | `src/codec/frame.rs: each_rule_fails_on_the_byte_that_breaks_it` |
//! | Reserved bits set? | Fails, unless an extension defines them | `tests/conformance_violations.rs: every_violation_is_detected_at_its_first_invalid_byte` |
//! | A continuation of nothing? | *Here* 1002 | `tests/conformance_violations.rs: every_violation_is_detected_at_its_first_invalid_byte` |
//! | A message inside a fragmented one? | *Here* 1002 | `tests/conformance_violations.rs: every_violation_is_detected_at_its_first_invalid_byte` |
//! | A fragmented control frame, or a long one? | Must not be; *here* 1002 on the header alone | `src/codec/frame.rs: each_rule_fails_on_the_byte_that_breaks_it` |
//! | Which of several errors counts? | *Here* the first on the wire | `src/codec/frame.rs: of_several_broken_rules_the_first_on_the_wire_wins` |
//! | Is a "must" in small letters one? | Most are upper case now; the others are on the list too | `tests/traceability.rs: every_requirement_is_accounted_for` |
//! | Where is the URI checked? | In the client, as the first step | `src/handshake/uri.rs: invalid_uris_are_rejected` |
//! | One attempt at a time, whatever host or tab? | Per address and port; up to hybi-06 per address | `tests/client.rs: handshakes_with_one_address_are_made_one_after_another` |
//! | No upper limit on connections? | None; a server may set one | `tests/server.rs: a_connection_above_the_limit_gets_503_at_once` |
//! | May a user accept a bad certificate? | A TLS failure fails the connection; *here* only `danger_accept_any_certificate` changes that | `tests/client.rs: wss_without_tls_is_refused_before_the_name_is_resolved` |
//! | What is in Host? | The host in lower case, the port if not the default | `tests/client.rs: a_request_with_all_settings` |
//! | Must every client send Origin? | Only browsers must | `tests/server.rs: the_origin_is_checked` |
//! | Is a subprotocol header sent at random, or only when requested? | *Here* only when requested | `tests/client.rs: a_plain_request` |
//! | Which other headers? | Any, except those that the handshake sets | `src/handshake/header.rs: fields_of_the_handshake_and_invalid_fields_are_rejected` |
//! | What about wrong line breaks? | *Here* only CRLF is accepted | `src/handshake/http.rs: one_tiny_head_for_each_error` |
//! | Are there rules about further reading before failing? | No longer | `tests/conformance_violations.rs: nothing_is_processed_after_a_violation` |
//! | May anyone connect where origins are not checked? | Yes; therefore servers check them by default | `tests/cve.rs: cve_2019_13611_cross_site_hijacking` |
//! | May control frames follow a Close? | Data must not; *here* nothing does, and Pings are answered until the peer's Close | `tests/conformance_closing.rs: frames_after_a_received_close_are_discarded` |
//! | Must TCP be closed, or should it? | The text says both; the stronger applies | `tests/conformance_closing.rs: a_server_ends_the_stream_immediately` |
//! | May one Pong answer several Pings? | The most recent is enough; *here* each is answered unless many wait | `tests/conformance.rs: pings_in_one_packet_are_answered_in_order` |
//! | What does U+FFFD replace? | Nothing any more: invalid text fails with 1007. Up to hybi-07 it replaces invalid bytes | `tests/conformance_violations.rs: text_fails_at_the_first_invalid_byte_of_an_incomplete_frame` |
//! | What is the response to another version? | 426 and the list of versions | `tests/drafts_opening.rs: a_rejected_version_gets_the_list_of_enabled_versions` |
//! | Why is the origin echoed? | It no longer is; up to hybi-03 it was | `src/legacy/handshake/server.rs: the_handshake_of_hybi_00` |
//! | When are cookies set? | The application decides; it sees the response | `tests/conformance_opening.rs: a_client_opens_a_connection_from_a_url` |
//!
//! ## Ballots, last call, IANA
//!
//! | asked | answer | shown by |
//! |---|---|---|
//! | How are versions negotiated? | The rejection lists them; the client tries again, each once | `tests/drafts_opening.rs: a_client_tries_each_version_once` |
//! | Are header names sensitive to case? | No; hixie-75 clients compare letters | `src/legacy/handshake/client.rs: responses_to_hixie_75` |
//! | Cookies and Authorization as in HTTP? | Yes; a hook may answer 401, 403, 404 and redirect | `tests/hooks.rs: a_hook_accepts_responds_and_redirects` |
//! | Which other headers must a server know? | None; unknown ones are ignored | `src/handshake/server.rs: valid_requests_are_accepted` |
//! | Version 8 in one place, 13 in another? | 13 | `tests/client.rs: a_plain_request` |
//! | Is the shortest length required? 65535 in 16 bits? | Yes, and yes; up to version 8 longer forms are taken | `src/codec/frame.rs: every_length_at_every_boundary_comes_back` |
//! | May a Ping carry data, and is it masked? | Up to 125 bytes; all that a client sends is masked | `tests/conformance.rs: ping_waits_for_the_matching_pong` |
//! | Is the masking "provably" secure? | The word is gone: a fresh key for each frame from an unpredictable source | `tests/conformance.rs: clients_use_a_new_masking_key_for_every_frame_and_servers_none` |
//! | Which is right where figure and grammar differ? | The figure | `tests/conformance.rs: vectors` |
//! | May an unsolicited Pong be answered? | No; hybi-01 and -02 close the connection | `tests/conformance.rs: vectors` |
//! | Must an endless message be stored? | No: limits apply to the header, before anything is stored; 1009 | `tests/conformance_violations.rs: frames_above_a_limit_are_rejected_at_the_header` |
//! | Must a Ping be answered after a Close? | Not after one was received | `tests/conformance_closing.rs: frames_after_a_received_close_are_discarded` |
//! | RSV must be 0, or may be 1? | 0 unless an extension was negotiated | `src/codec/frame.rs: with_compression_rsv1_may_stand_on_the_first_frame_of_a_message_alone` |
//! | Names that are not ASCII? | Punycode; *here* if the mapping is the lower case | `src/handshake/uri/idna/tests.rs: names_are_converted` |
//! | Can Origin be enforced? | No: a client without Origin is not a browser | `src/handshake/origin.rs: same_host_unless_allowed` |
//! | May the key be empty? | 16 bytes in base64, whatever the spare bits are | `src/handshake/server.rs: invalid_requests_are_rejected` |
//! | What if connecting fails? | Wait longer each time; alternatives are up to the application | `tests/reconnect.rs: only_the_first_attempt_has_no_delay` |
//! | The numbers of the drafts? | 4 to 8 and 13 are supported; 0 to 3 never appeared in the header, 9 to 12 are reserved | `src/legacy/detect.rs: every_row_of_the_table` |
//! | Two meanings of 1004 and 1007? | 1004 is reserved; "too big" is 1009, and 1004 up to version 8 | `src/codec/decoder.rs: closes_carry_a_code_and_a_reason` |
//! | Is `deflate-stream` registered? | Not in the RFC; supported from hybi-04 to version 8 where both sides request it | `src/legacy/handshake/server.rs: client_and_server_of_every_version_interoperate` |
