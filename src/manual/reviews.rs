//! What the reviewers of the drafts asked, what RFC 6455 answers, and the test that shows each answer.
//!
//! Opera reviewed hybi-06 line by line in April 2011. The IESG discussed hybi-13 to -15 in September 2011, and IANA asked about the
//! registries in July 2011. The tables have a row for each remark, except misspellings. *Here* marks a choice of this crate where the
//! RFC leaves the reaction open. *Text only* marks a remark about the wording of the document, which no program can show.
//!
//! Each test that is named cites the id of the row, and no other test does.
//!
//! # Opera on hybi-06
//!
//! | id | asked | answer | shown by |
//! |---|---|---|---|
//! | opera-1 | Requirements in a non-normative introduction? | They are repeated in sections 3 to 11 | `tests/traceability.rs: every_requirement_is_accounted_for` |
//! | opera-2 | Why was `Sec-WebSocket-Location` removed? | Host and target contain it. It is sent and compared only up to hybi-03 | `src/legacy/handshake/client.rs: responses_from_hybi_00_to_hybi_03`, `src/legacy/handshake/client.rs: responses_from_hybi_04_on` |
//! | opera-3 | When is a connection established, a message received, closing started? | 4.1, 6.2, 7.1.3; *here* events and one table of states | `tests/events.rs: all_events_of_a_connection_on_both_sides`, `src/codec/closing.rs: the_table` |
//! | opera-4 | When may Pings be sent? | From established until closed; *here* not after a Close was sent | `tests/conformance_closing.rs: messages_between_the_two_closes` |
//! | opera-5 | The top bit of a 63-bit length? | Must be 0; *here* 1002 at its first byte | `src/codec/frame.rs: each_rule_fails_on_the_byte_that_breaks_it` |
//! | opera-6 | Reserved bits set? | Fails, unless an extension defines them | `tests/conformance_violations.rs: every_violation_is_detected_at_its_first_invalid_byte` |
//! | opera-7 | A continuation of nothing? | *Here* 1002 | `tests/conformance_violations.rs: every_violation_is_detected_at_its_first_invalid_byte` |
//! | opera-8 | A message inside a fragmented one? | *Here* 1002 | `tests/conformance_violations.rs: every_violation_is_detected_at_its_first_invalid_byte` |
//! | opera-9 | A fragmented control frame, or a long one? | Must not be; *here* 1002 on the header alone | `src/codec/frame.rs: each_rule_fails_on_the_byte_that_breaks_it` |
//! | opera-10 | When is an error detected, and which of several counts? | *Here* the first on the wire, at its first byte | `src/codec/frame.rs: of_several_broken_rules_the_first_on_the_wire_wins` |
//! | opera-11 | Is a "must" in small letters one? | Most are upper case now; the others are on the list too | `tests/traceability.rs: every_requirement_is_accounted_for` |
//! | opera-12 | URI or URL? | The RFC says URI. This crate says URL, as HTML does, and parses the syntax of RFC 3986 | `src/handshake/uri.rs: valid_uris_are_parsed` |
//! | opera-13 | After the scheme was checked, can the next step fail? | The steps are gone; *here* any other scheme is an error | `src/handshake/uri.rs: invalid_uris_are_rejected` |
//! | opera-14 | A MUST inside a note, and notes are not normative? | "Must handle control frames between fragments" left the note (5.4) | `tests/conformance.rs: pings_between_fragments_are_answered_immediately` |
//! | opera-15 | What is a data message? May control frames follow a Close? | Data frames must not; *here* nothing does, and Pings are answered until the peer's Close | `tests/conformance_closing.rs: messages_between_the_two_closes`, `tests/conformance_closing.rs: frames_after_a_received_close_are_discarded` |
//! | opera-16 | May one Pong answer several Pings? | The most recent is enough; *here* each is answered unless many wait | `tests/conformance.rs: pings_in_one_packet_are_answered_in_order`, `src/connection/send.rs: pongs_do_not_accumulate_while_the_peer_does_not_read` |
//! | opera-17 | Is the algorithm fed a URI, or its parts? | Parts: host, port, resource name, secure (4.1). *Here* a URL, parsed once into these parts; only the parts are used | `src/handshake/uri.rs: valid_uris_are_parsed` |
//! | opera-18 | Where is the flag that defers cookies? | Gone. The response has its `Set-Cookie`, and the application decides when to apply it | `tests/auth.rs: a_hook_checks_tokens_and_cookies`, `tests/hooks.rs: a_hook_accepts_responds_and_redirects` |
//! | opera-19 | Where is the URI checked, in the API or in the protocol? | In the client, as the first step | `src/handshake/uri.rs: invalid_uris_are_rejected` |
//! | opera-20 | One attempt at a time, whatever host or tab? | Per address and port; up to hybi-06 per address | `tests/client.rs: handshakes_with_one_address_are_made_one_after_another`, `src/net/connect_guard.rs: a_peer_is_an_ip_address_on_every_port_or_on_one` |
//! | opera-21 | No upper limit on connections? | None; a server may set one | `tests/server.rs: a_connection_above_the_limit_gets_503_at_once` |
//! | opera-22 | May a user accept a self-signed certificate? | A TLS failure fails the connection. *Here* a program may add the certificate as a root, or call `danger_accept_any_certificate` | `tests/tls/handshake.rs: a_certificate_that_cannot_be_trusted_ends_it_and_is_named`, `tests/tls/handshake.rs: what_weakens_verification_does_no_more_than_it_says` |
//! | opera-23 | A SHOULD in an example? | The example is gone; the request line is a MUST (4.1) | `tests/client.rs: a_plain_request` |
//! | opera-24 | What is in Host? | The host in lower case, the port if not the default | `tests/conformance_opening.rs: a_client_opens_a_connection_from_a_url`, `src/handshake/client.rs: a_plain_request` |
//! | opera-25 | "Double randomly" | The key is random for each connection (4.1) | `tests/client.rs: every_connection_has_a_key_of_its_own` |
//! | opera-26 | Conformance classes for browsers and for others? | Only a browser must send Origin; a request without it is not a browser's | `tests/server.rs: the_origin_is_checked` |
//! | opera-27 | Are subprotocols unique, or their letters? | The strings are, with regard to case; *here* a client refuses a name given twice | `src/handshake/client.rs: subprotocols_and_origins_that_may_be_given` |
//! | opera-28 | Is a subprotocol header sent at random, or exactly when requested? | *Here* exactly when requested, joined with a comma and a space | `tests/client.rs: a_plain_request`, `tests/client.rs: a_request_with_all_settings` |
//! | opera-29 | Any cookies at random? Which other headers? | Any, except those that the handshake sets | `src/handshake/header.rs: fields_of_the_handshake_and_invalid_fields_are_rejected` |
//! | opera-30 | What about wrong line breaks? | *Here* a request and a 101 have only CRLF. Lines of a rejection may end in LF, because its status is the error | `src/handshake/http.rs: one_tiny_head_for_each_error`, `src/handshake/http.rs: the_heads_of_101_and_2xx_are_exact`, `src/handshake/http.rs: the_status_survives_the_rest_of_its_line` |
//! | opera-31 | Are there rules about buffering and further reading before failing? | No longer | `tests/conformance_violations.rs: nothing_is_processed_after_a_violation` |
//! | opera-32 | "If the server supports encryption": is it TLS for `ws:` too? | "On an HTTPS port" (4.2.2): TLS belongs to the listener. *Here* a listener has TLS or none | `tests/tls/hostile.rs: plain_http_to_a_tls_port_gets_no_http_and_no_connection`, `tests/tls/hostile.rs: tls_to_a_plain_port_is_named` |
//! | opera-33 | May anyone connect where origins are not checked? | Yes; therefore servers check them by default | `tests/cve.rs: cve_2019_13611_cross_site_hijacking` |
//! | opera-34 | "The next section" does not describe sending? | Sections 5 and 6 do | text only |
//! | opera-35 | What does U+FFFD replace? | Nothing any more: invalid text fails with 1007. Up to hybi-07 it replaces invalid bytes | `tests/conformance_violations.rs: text_fails_at_the_first_invalid_byte_of_an_incomplete_frame`, `src/legacy/codec/tests.rs: invalid_utf_8_is_replaced_or_fails` |
//! | opera-36 | Does the example with `shutdown()` and `recv()` belong there? | It stayed, as "for example" (7.1.1). *Here* a client waits for the server to end TCP, as it says | `tests/conformance_closing.rs: a_client_waits_for_the_server_to_end_the_stream` |
//! | opera-37 | Must TCP be closed, or should it? It is said twice | Both stayed; the stronger applies | `tests/conformance_closing.rs: a_server_ends_the_stream_immediately` |
//!
//! # Ballots and IANA
//!
//! The number after a name is that of the DISCUSS; `c` marks a COMMENT.
//!
//! | id | asked | answer | shown by |
//! |---|---|---|---|
//! | farrell-0 | How are versions negotiated? | The rejection lists them; the client tries again, each once | `tests/drafts_opening.rs: a_client_tries_each_version_once`, `tests/drafts_opening.rs: a_rejected_version_gets_the_list_of_enabled_versions` |
//! | farrell-1 | Are header names sensitive to case? | No. In hixie-75 the fixed lines are bytes, the names of the others are not sensitive | `src/handshake/server.rs: valid_requests_are_accepted`, `src/legacy/handshake/client.rs: responses_to_hixie_75` |
//! | farrell-2 | Cookies and Authorization as in HTTP? | Yes; a hook may answer 401, 403, 404 and redirect | `tests/hooks.rs: a_hook_accepts_responds_and_redirects` |
//! | farrell-3 | Which other headers must a server know? | None; unknown ones are ignored | `src/handshake/server.rs: valid_requests_are_accepted` |
//! | farrell-4 | Version 8 in one place, 13 in another? | 13 | `tests/client.rs: a_plain_request` |
//! | farrell-5 | Is TLS mandatory, and with which ciphers? | Must be supported, should be used (10.6); no suite is named. *Here* the library of `native-tls` decides; without TLS, `wss` is an error before the name is resolved | `tests/client.rs: wss_without_tls_is_refused_before_the_name_is_resolved`, `tests/tls/handshake.rs: a_server_with_the_right_certificate_is_trusted_by_name_and_by_address` |
//! | farrell-6 | Is the shortest length required? 65535 in 16 bits? | Yes, and yes; up to version 8 longer forms are taken | `src/codec/frame.rs: every_length_at_every_boundary_comes_back`, `src/codec/frame.rs: each_rule_fails_on_the_byte_that_breaks_it`, `src/legacy/codec/tests.rs: lengths_need_not_be_minimal_before_rfc_6455` |
//! | farrell-7 | How does fragmentation support multiplexing? | Only with an extension; without one, fragments of two messages must not mix (5.4) | `tests/conformance_violations.rs: every_violation_is_detected_at_its_first_invalid_byte` |
//! | farrell-8 | May a Ping carry data, and is it masked? | Up to 125 bytes; all that a client sends is masked | `src/codec/frame.rs: each_rule_fails_on_the_byte_that_breaks_it`, `tests/conformance.rs: ping_waits_for_the_matching_pong`, `tests/conformance.rs: clients_use_a_new_masking_key_for_every_frame_and_servers_none` |
//! | farrell-9 | Is masking "provably" secure? | The word is gone: a fresh key for each frame from an unpredictable source | `tests/conformance.rs: clients_use_a_new_masking_key_for_every_frame_and_servers_none` |
//! | farrell-10 | Does the traffic differ from that of HTTP? | The RFC says nothing. *Here* one write for a frame, and a Ping only after silence | `src/connection/send.rs: a_frame_is_one_write_and_so_is_all_that_was_queued`, `tests/liveness/keepalive.rs: bytes_that_come_in_time_need_no_ping` |
//! | farrell-c1 | Code "running on www.example.com"? | "Downloaded from" it (4.1, 10.2) | text only |
//! | farrell-c2 | "Paragraph 4 of section 4.2.2" inside 4.2.2? | Reworded | text only |
//! | farrell-c3 | Which is right where figure and grammar differ? | The figure (5.2) | `tests/conformance.rs: vectors` |
//! | farrell-c4 | Opcodes in decimal, or in hexadecimal? | The text kept `%x8`; the values are the same | `src/codec/frame.rs: every_opcode_comes_back_with_fin_and_without` |
//! | farrell-c5 | Which opcodes are control frames? | 8 to 15, those with the top bit of the opcode (5.5) | `src/codec/frame.rs: each_rule_fails_on_the_byte_that_breaks_it` |
//! | farrell-c6 | Four names in the grammar for the same bytes, two "to be defined later"? | "Defined later" is gone. Extension data has no bytes unless an extension says so, and none here does | `tests/conformance.rs: vectors` |
//! | farrell-c7 | Why mask under TLS? | TLS may end before the server. A client masks with and without TLS (5.1) | `tests/tls/handshake.rs: a_server_with_the_right_certificate_is_trusted_by_name_and_by_address` |
//! | farrell-c8 | No grammar for control frames? | The grammar covers all frames; the rules of 5.5 limit it | `src/codec/frame.rs: each_rule_fails_on_the_byte_that_breaks_it` |
//! | farrell-c9 | May an unsolicited Pong be answered? | No; hybi-01 and -02 close the connection | `tests/conformance.rs: vectors`, `src/connection/framing.rs: an_unsolicited_pong_ends_hybi_01_and_02` |
//! | farrell-c10 | Which "certain algorithms" fail a connection? | Those marked _Fail the WebSocket Connection_; the list of requirements has each | `tests/traceability.rs: every_requirement_is_accounted_for` |
//! | housley-1 | Must an endless frame or message be stored? | No: limits apply to the header, before anything is stored; 1009 | `tests/conformance_violations.rs: frames_above_a_limit_are_rejected_at_the_header` |
//! | housley-2 | Does masking hinder firewalls? | Yes, and it was kept. The key stands in the frame, so a firewall can unmask it, as `Explainer` does | `src/explain/explainer.rs: a_close_has_code_and_reason` |
//! | turner-1 | A reference to IDNA of 2003? | RFC 3987 or its replacement; *here* Punycode if the mapping is the lower case | `src/handshake/uri/idna/tests.rs: names_are_converted` |
//! | turner-2 | Was the reference to RFC 3490 announced? | The reference is gone | text only |
//! | turner-3 | Can the hash be another than SHA-1? | Only with another version: 10.8 says that no security rests on it. Each version has its own proof here | `src/handshake/server.rs: the_key_of_the_rfc`, `src/legacy/handshake/proof.rs: the_challenges_of_the_drafts` |
//! | turner-4 | RSV must be 0, or may be 1? | 0 unless an extension was negotiated | `src/codec/frame.rs: with_compression_rsv1_may_stand_on_the_first_frame_of_a_message_alone`, `src/codec/frame.rs: each_rule_fails_on_the_byte_that_breaks_it` |
//! | turner-c1 | Where is it said that a page cannot set `Sec-` headers? | XMLHttpRequest is cited (1.6). Clients of this crate refuse them too | `src/handshake/header.rs: fields_of_the_handshake_and_invalid_fields_are_rejected` |
//! | turner-c2 | Which value of FIN means final? | 1 (5.2) | `src/codec/frame.rs: every_opcode_comes_back_with_fin_and_without` |
//! | turner-c3 | Why is the reference not FIPS 180-3? | It is now | text only |
//! | eddy-1 | What if connecting fails: other techniques? | The application decides. To the same server, wait longer each time (7.2.3) | `tests/reconnect.rs: only_the_first_attempt_has_no_delay` |
//! | eddy-2 | Does it update RFC 2616? | No. The handshake is an HTTP Upgrade, and ordinary HTTP goes on on the same port | `tests/hooks.rs: http_requests_are_answered_on_the_same_port` |
//! | eddy-c1 | "Might" in 4.2.2: MAY or SHOULD? | The word is gone from its steps: a server MAY ask for authentication or redirect | `tests/hooks.rs: a_hook_accepts_responds_and_redirects` |
//! | sparks-1 | May an intermediary split frames if it did not see the handshake? | No (5.4). An end point takes any fragments | `tests/conformance.rs: fragments_are_assembled_in_order` |
//! | sparks-2 | Must a Ping be answered after a Close? | Not after one was received | `tests/conformance_closing.rs: frames_after_a_received_close_are_discarded` |
//! | sparks-3 | Three ways to say five bytes? | One: the shortest (5.2) | `src/codec/frame.rs: every_length_at_every_boundary_comes_back`, `src/codec/frame.rs: each_rule_fails_on_the_byte_that_breaks_it` |
//! | resnick-1 | "This section is non-normative" before the words are defined? | The marks stayed in section 1 alone; no requirement here is taken from there | `tests/traceability.rs: every_requirement_is_accounted_for` |
//! | resnick-2 | Can Origin be enforced? | No: a client without Origin is not a browser | `src/handshake/origin.rs: same_host_unless_allowed` |
//! | resnick-3 | A SHOULD about the number of tabs? | Now an example (4.1). *Here* attempts wait for each other, and nothing counts tabs | `tests/client.rs: handshakes_with_one_address_are_made_one_after_another` |
//! | resnick-4 | "This section only applies to servers"? | Gone; each requirement on the list names its side | `tests/traceability.rs: every_requirement_is_accounted_for` |
//! | resnick-5 | May key and accept be empty? | 16 bytes in base64, whatever the spare bits are | `src/handshake/server.rs: invalid_requests_are_rejected`, `src/handshake/server.rs: valid_requests_are_accepted` |
//! | resnick-6 | Unsolicited Pong: SHOULD or MUST NOT be answered? | The wording stayed; *here* never | `tests/conformance.rs: vectors` |
//! | resnick-7 | Do the examples belong in 5.7, and as non-normative? | They stayed, without the mark; each is a test | `src/codec/decoder.rs: the_examples_of_the_rfc` |
//! | bonica-1 | RFC 2818 is only informational? | Accepted as it was | text only |
//! | bonica-2 | RFC 3490 is obsolete? | The reference is gone; see turner-1 | text only |
//! | iana-1 | Registration policy for versions of drafts: IETF Review, or IESG Approval? | Expert Review for drafts. 4 to 8 and 13 are supported; 0 to 3 never appeared in the header, 9 to 12 are reserved | `src/legacy/detect.rs: every_row_of_the_table` |
//! | iana-2 | Two meanings of 1004 and 1007? | 1004 is reserved; "too big" is 1009, and 1004 up to version 8 | `src/codec/close.rs: every_code_is_checked_as_the_table_says`, `tests/drafts/matrix.rs: limits_are_exact_to_the_byte` |
//! | iana-3 | Is `deflate-stream` registered? | Not in the RFC; supported from hybi-04 to version 8 where both sides request it | `src/legacy/handshake/server.rs: client_and_server_of_every_version_interoperate` |
//! | iana-4 | Are tokens with `x-` private? | The rule is gone; *here* they are names like others | `src/handshake/header.rs: extension_lists` |
