//! Hazards: what fails if a promise does not hold, what detects that, and what remains for the integrator; and the threat model.
//!
//! The promises are those of the README, with their ids. Each test that is named for a promise cites its id. `tests/dossier.rs`
//! checks that, and that every promise and every pair of boundary and threat has an entry. The effect on a device, and how grave
//! it is, depends on the application: this crate has no safety function.
//!
//! # Promises
//!
//! **P1. Only `std`: no dependency without the feature `native-tls`, no `unsafe`, no build script; cargo and a registry are not needed**
//!
//! * If not: Code that nobody has assessed is part of the build.
//! * Detected by: The compiler (`forbid(unsafe_code)`). The parts *One line in the tree*, *Bare rustc* and *Air gap* of `.ci/run`.
//! * Your task: Check `cargo tree` of the whole program, and the hash of the package (chapter [`data_sheet`](super::data_sheet)).
//! * Shown by: `tests/layers.rs: the_sources_keep_the_rules`, `tests/dossier/facts.rs: the_data_sheet_is_that_of_the_files`
//!
//! **P2. Every MUST of RFC 6455 and RFC 7692 has a line of code and a test, or a stated reason**
//!
//! * If not: Two endpoints read the same bytes differently, or a connection fails.
//! * Detected by: A strict peer, with Close 1002 or a failed handshake. The part *Autobahn TestSuite* of `.ci/run`.
//! * Your task: Read the rows *declined* and *application* of the chapter [`traceability`](super::traceability). Test with the peers that you use.
//! * Shown by: `tests/traceability.rs: every_requirement_is_accounted_for`, `tests/mutations.rs: each_patch_was_noticed`
//!
//! **P3. After a violation nothing more is parsed or delivered**
//!
//! * If not: Bytes after an attack are taken for messages.
//! * Detected by: Nothing at run time. The events `protocol-error` and `limit-exceeded` name the position of the violation.
//! * Your task: Count these events. End the work that belongs to a connection that failed.
//! * Shown by: `src/codec/decoder.rs: what_breaks_a_rule_fails_the_connection`, `tests/conformance_violations.rs: nothing_is_processed_after_a_violation`, `tests/hostile.rs: a_server_survives`
//!
//! **P4. Nothing that a peer sends makes the crate panic**
//!
//! * If not: A server's connection ends with 1011. In a client, the panic reaches the caller. With `panic = "abort"` the process ends.
//! * Detected by: The panic hook of the process, and the event `handler-panicked`.
//! * Your task: Decide on `panic`. Restart the process where it may end. Report each panic in this crate as a vulnerability.
//! * Shown by: `tests/layers.rs: the_sources_keep_the_rules`, `tests/hostile.rs: a_server_survives`, `tests/hostile.rs: a_client_survives`, `tests/deflate_hostile.rs: a_server_survives_mutated_input`
//!
//! **P5. Every call returns within a time that your configuration sets, whatever the peer does; the exception is `recv` without a limit, while the peer is responsive**
//!
//! * If not: A thread waits for ever; with all threads, the service stops.
//! * Detected by: The error `Timeout` and the event `timeout` where it holds. Where it does not, a watchdog of yours.
//! * Your task: Set [`Timeouts`](crate::Timeouts) for the application; the chapter [`bounds`](super::bounds) has the bound of each call. Use `recv_timeout` where silence is a fault. Bound your own code: handlers, hooks, closures, random sources and streams are not interrupted.
//! * Shown by: `tests/liveness/keepalive.rs: a_peer_that_neither_reads_nor_writes_ends_recv_and_a_stuck_send`, `tests/liveness/sending.rs: send_of_a_large_message_times_out`, `tests/liveness/closing.rs: a_peer_that_never_answers`, `tests/client.rs: a_silent_server_is_cut_at_the_deadline`, `tests/server.rs: an_opening_handshake_has_a_deadline`
//!
//! **P6. The memory of a connection has a bound that follows from `Limits`; a length that a peer announces allocates nothing**
//!
//! * If not: A peer uses up the memory; the system ends the process.
//! * Detected by: The event `limit-exceeded` where it holds. The limits of the system on memory.
//! * Your task: Set [`Limits`](crate::Limits) and `max_connections` so that the formula of the chapter [`bounds`](super::bounds) fits your memory. Bound what your code keeps of messages.
//! * Shown by: `tests/head_memory.rs: a_head_takes_little_more_than_its_bytes_while_a_hook_runs`, `src/codec/decoder.rs: memory_follows_received_bytes_not_announced_lengths`, `tests/cve.rs: cve_2022_35922_allocates_the_declared_length`, `tests/leaks.rs: nothing_stays_allocated_after_connections_end`, `src/tls/records.rs: outgoing_data_keeps_the_formula`, `src/tls/memory_transport.rs: received_data_keeps_the_formula`
//!
//! **P7. The work that a peer causes grows in proportion to the bytes that it sends**
//!
//! * If not: A peer uses up the processor with few bytes.
//! * Detected by: Nothing at run time. The part *Growth of costs* of `.ci/run` measures it.
//! * Your task: Limit the rate of messages and of bytes: this crate does not.
//! * Shown by: `tests/cve.rs: cve_2023_43669_head_parsed_once`, `tests/cve.rs: ws_2026_05_undici_2026_06_tiny_fragments`, `tests/cve.rs: cve_2021_32640_cve_2020_7662_cve_2020_7663_header_lists_in_one_pass`
//!
//! **P8. Any number of threads send while one receives, and two peers that follow the protocol do not deadlock**
//!
//! * If not: Both sides wait for each other until [`Timeouts::write`](crate::Timeouts::write) fails the connection.
//! * Detected by: The error `Timeout` of [`Step::Write`](crate::Step::Write).
//! * Your task: Receive all the time: a side that only sends is a peer that does not read. Bound the waits between your own threads.
//! * Shown by: `tests/liveness/duplex.rs: eight_mebibytes_both_ways_with_pings`, `tests/liveness/duplex.rs: many_senders_and_one_receiver`, `src/connection/interleavings.rs: three_threads`
//!
//! **P9. A full server answers 503 and keeps running, also without free descriptors and threads**
//!
//! * If not: `std` aborts the process, or the server accepts nothing more.
//! * Detected by: The events `connection-rejected`, `thread-spawn-failed` and `accept-failed`.
//! * Your task: Set the limits of the system (chapter [`deploying`](super::deploying)). The number that fits is computed on Linux alone: set `max_connections` elsewhere.
//! * Shown by: `tests/server.rs: a_connection_above_the_limit_gets_503_at_once`, `tests/admission.rs: pending_handshakes_have_their_own_limit`, `tests/admission.rs: a_server_survives_running_out_of_descriptors`, `tests/admission.rs: a_server_survives_running_out_of_memory_for_threads`
//!
//! **P10. A slow member of a hub delays no other**
//!
//! * If not: One peer stops the messages of all.
//! * Detected by: The counts of [`DeliveryStats`](crate::DeliveryStats).
//! * Your task: Choose the [`OverflowPolicy`](crate::OverflowPolicy), and handle messages that were dropped.
//! * Shown by: `src/hub/delivery.rs: a_member_is_idle_or_delayed_or_removed_after_an_attempt`, `tests/hub/slow.rs: a_stuck_member_delays_no_other`, `tests/hub/slow.rs: a_slow_member_is_closed_with_the_configured_code`
//!
//! **P11. A shutdown ends in time, and counts what it had to abort or leave**
//!
//! * If not: The service does not end, or clients lose messages without notice.
//! * Detected by: [`ShutdownReport`](crate::ShutdownReport) counts what was aborted and the threads that are left.
//! * Your task: Check the report. Let handlers wait with a limit. Turn signals of the system into a call of `shutdown`.
//! * Shown by: `tests/shutdown.rs: a_peer_that_reads_nothing_delays_no_other`, `tests/shutdown.rs: a_handler_that_does_not_return_is_counted_as_a_thread_left`
//!
//! **P12. A panic in your handler, hook or closure ends at most its own connection**
//!
//! * If not: A fault in one request ends the service for all.
//! * Detected by: The panic hook, the event `handler-panicked`, the response 500.
//! * Your task: Do not build with `panic = "abort"`. Leave your own shared state valid when a handler panics.
//! * Shown by: `tests/server.rs: a_panic_in_a_handler_ends_only_its_connection`, `tests/hooks.rs: a_hook_that_panics_or_returns_invalid_values_is_answered_500`, `tests/events.rs: a_panicking_closure_does_not_affect_the_connection`
//!
//! **P13. TLS verifies chain, date and host, and plain text never replaces TLS**
//!
//! * If not: An attacker on the network reads and changes everything.
//! * Detected by: The error [`Error::Tls`](crate::Error::Tls) where it holds; nothing where it does not.
//! * Your task: Use `wss` outside of networks that are yours. Use no setting named `danger_…`. Update the TLS library of the system. Check revocation where you need it.
//! * Shown by: `tests/tls/handshake.rs: a_certificate_that_cannot_be_trusted_ends_it_and_is_named`, `tests/tls/hostile.rs: old_versions_of_tls_are_refused`, `tests/client.rs: wss_without_tls_is_refused_before_the_name_is_resolved`
//!
//! **P14. A page of another host is rejected, unless you allow its origin**
//!
//! * If not: A page of a stranger acts with the cookies of your user.
//! * Detected by: The event `handshake-rejected` where it holds.
//! * Your task: Name the hosts of a server on a loopback or internal address with [`allow_host`](crate::Server::allow_host). Authenticate clients that are not browsers: they can send any Origin.
//! * Shown by: `src/handshake/origin.rs: same_host_unless_allowed`, `tests/server.rs: the_origin_is_checked`, `tests/cve.rs: cve_2019_13611_cross_site_hijacking`
//!
//! **P15. Secrets do not appear in `Debug`, errors, events and explanations**
//!
//! * If not: A log or an error page discloses passwords or tokens.
//! * Detected by: Nothing at run time.
//! * Your task: Treat messages, reasons of Close and your own error texts as data: this crate does not know what is secret in them. `with_secrets` of the explainer shows everything.
//! * Shown by: `tests/secrets.rs: settings_of_a_client`, `tests/secrets.rs: settings_of_a_server`, `tests/secrets.rs: exchanges_and_their_explanation`, `tests/secrets.rs: redirects_and_proxies`
//!
//! **P16. Proxies and redirects are used only when configured; never from `wss` to `ws`, never with credentials to another origin**
//!
//! * If not: Credentials reach a host that they are not for.
//! * Detected by: Nothing at run time; [`WebSocket::peer_addr`](crate::WebSocket::peer_addr) is where a connection led.
//! * Your task: Trust the servers whose redirects you follow, and the variables that `Proxy::from_env` reads.
//! * Shown by: `tests/redirects.rs: redirects_are_off_by_default`, `tests/redirects.rs: credentials_are_dropped_when_the_origin_changes`, `tests/tls/proxies_and_redirects.rs: a_redirect_away_from_tls_is_not_followed`, `tests/digest.rs: no_answer_goes_to_another_host`
//!
//! **P17. `Credentials::matches` and `constant_time_eq` compare secrets in constant time**
//!
//! * If not: The time of answers discloses a password, byte by byte.
//! * Detected by: Nothing at run time.
//! * Your task: Compare your own tokens with [`constant_time_eq`](crate::constant_time_eq). Limit the number of attempts: this crate does not.
//! * Shown by: `tests/auth.rs: constant_time_eq_does_not_stop_at_the_first_difference`, `src/auth/credentials.rs: the_password_is_compared_after_a_wrong_user_name`
//!
//! **P18. A client's address is taken only from proxies that you name**
//!
//! * If not: A client forges its address, and passes rules that use it.
//! * Detected by: Nothing at run time. [`Request::client_ip`](crate::Request::client_ip) is `None` if the field cannot be read.
//! * Your task: Name the networks of your proxies exactly, and only the field that they write.
//! * Shown by: `tests/proxied.rs: untrusted_peers_are_their_own_client`, `tests/proxied.rs: headers_are_followed_through_trusted_proxies_only`
//!
//! **P19. Each masking key and each key of a handshake is new; without random bytes nothing is sent**
//!
//! * If not: A page chooses the bytes on the wire, and poisons caches between (RFC 6455 section 10.3).
//! * Detected by: The error `Io` of [`Step::RandomSource`](crate::Step::RandomSource) if the source fails; nothing if it is predictable.
//! * Your task: Outside Unix, and directly after power-on, supply a source: [`Client::random_source`](crate::Client::random_source). Chapter [`cryptography`](super::cryptography).
//! * Shown by: `tests/conformance.rs: clients_use_a_new_masking_key_for_every_frame_and_servers_none`, `tests/client.rs: every_connection_has_a_key_of_its_own`, `tests/client.rs: a_source_that_fails_sends_nothing`
//!
//! **P20. Only RFC 6455 without compression is used, unless you enable more**
//!
//! * If not: Weaker versions, or lengths that disclose secrets, are in use unnoticed.
//! * Detected by: `WebSocket::version` and [`WebSocket::response`](crate::WebSocket::response) say what was negotiated.
//! * Your task: Build without `legacy` and `deflate` if you use neither.
//! * Shown by: `tests/drafts_opening.rs: a_server_accepts_rfc_6455_alone_by_default`, `tests/deflate.rs: compression_needs_the_consent_of_both_sides`
//!
//! **P21. Limits apply to the decompressed size, during decompression**
//!
//! * If not: A message of some bytes becomes one of gigabytes.
//! * Detected by: The event `limit-exceeded` where it holds.
//! * Your task: Set `max_message_size` to what the application needs. A message that is read as a stream has no limit: count its bytes.
//! * Shown by: `tests/deflate.rs: the_message_limit_counts_decompressed_bytes`, `tests/deflate.rs: cve_2026_1526_no_limit_after_inflating`
//!
//! **P22. Reconnecting waits random, bounded times, and ends with an error only when another attempt cannot help**
//!
//! * If not: Clients return all at once and overload a server, or a client stops trying.
//! * Detected by: [`Reconnect::last_disconnect`](crate::Reconnect::last_disconnect) has the cause of the last end.
//! * Your task: Handle the error that ends the iteration. Set the [`Backoff`](crate::Backoff) for the number of clients.
//! * Shown by: `src/reconnect/backoff.rs: delays_by_default`, `tests/reconnect.rs: a_permanent_error_is_the_last_item`, `tests/reconnect.rs: retry_after_is_waited_for`
//!
//! **P23. An error says which side was at fault, and which rule or setting applies**
//!
//! * If not: The wrong side is searched, or the wrong setting is changed.
//! * Detected by: Nothing at run time.
//! * Your task: Decide by variants, not by texts: texts may change between versions.
//! * Shown by: `tests/errors.rs: every_variant_says_what_happened_and_what_to_change`, `tests/errors.rs: each_error_has_a_message_of_its_own`, `tests/errors.rs: limits_and_rare_errors_are_named_in_full`
//!
//! **P24. A build contains only the features that it asks for**
//!
//! * If not: Code that was not assessed is in the program.
//! * Detected by: The part *Sizes* of `.ci/run`.
//! * Your task: Set `default-features = false`, and assess the files that `tests/sizes/run` counts. Cargo unites the features that all crates of a program ask for.
//! * Shown by: `tests/features.rs: without_legacy_there_is_neither_md5_nor_a_draft`, `tests/feature_docs.rs: items_that_need_a_feature_say_so`
//!
//! # Threats
//!
//! By boundary and by STRIDE: spoofing, tampering, repudiation, information disclosure, denial of service, elevation of privilege.
//! The environment is the system around the process: resolver, clock, variables, limits, random source.
//! *Your task* marks what this crate does not defend.
//!
//! | boundary | class | threat | defence | shown by |
//! |---|---|---|---|---|
//! | peer | S | A stranger pretends to be the server, or the client | TLS verifies the server. A server checks credentials; it cannot ask for a client certificate | `tests/tls/handshake.rs: a_certificate_that_cannot_be_trusted_ends_it_and_is_named`, `tests/auth.rs: wrong_credentials_are_rejected` |
//! | peer | T | Bytes are changed on the way, or a stream is cut | TLS detects both. Without TLS only a cut is detected | `tests/tls/hostile.rs: what_was_tampered_with_is_an_error_and_the_peer_gets_an_alert`, `tests/conformance_violations.rs: the_end_of_the_stream_without_a_close_is_an_error` |
//! | peer | R | A peer denies what it has sent | Events have the number and the addresses of a connection, no payload. Records that prove anything are your task | `tests/events.rs: all_events_of_a_connection_on_both_sides` |
//! | peer | I | Responses disclose settings or other requests | A rejection names no setting and repeats no request; compression is off by default | `src/handshake/rejection.rs: a_rejection_names_no_setting`, `src/handshake/server.rs: a_rejection_does_not_echo_the_request` |
//! | peer | D | A peer is silent, slow, or sends floods | P5 to P9: times, sizes and counts are limited, and a flood of Pings is not answered whole | `tests/liveness/closing.rs: a_peer_that_floods_pings_and_reads_nothing`, `tests/cve.rs: cve_2025_5399_cve_2026_11586_pongs_without_bound` |
//! | peer | E | Bytes of a peer become code, or a page uses another's cookies | No `unsafe`, no panic on input; only pages of the same host are accepted | `tests/hostile.rs: a_server_survives`, `tests/server.rs: the_origin_is_checked` |
//! | proxy | S | A client pretends to be a proxy that names another address | Only networks that you name are believed | `tests/proxied.rs: untrusted_peers_are_their_own_client` |
//! | proxy | T | A proxy changes bytes, leads elsewhere, or stores forged responses | TLS reaches from end to end through a proxy; masking keys are new for each frame | `tests/tls/proxies_and_redirects.rs: a_proxy_that_leads_elsewhere`, `tests/conformance.rs: clients_use_a_new_masking_key_for_every_frame_and_servers_none` |
//! | proxy | R | An error of the proxy is taken for one of the server | Errors and their steps name the proxy | `tests/proxy.rs: a_rejection_by_the_server_is_not_a_proxy_error`, `tests/proxy.rs: an_unreachable_proxy_is_named_in_the_error` |
//! | proxy | I | A proxy reads what is for the server | It gets host and port, and its own credentials. Without TLS it can read everything | `tests/proxy.rs: connect_byte_for_byte`, `tests/proxy.rs: socks_credentials_are_sent_only_when_asked_for` |
//! | proxy | D | A proxy is silent, or its answer does not end | The step ends at the deadline of `connect`, or at the limit of the head | `tests/proxy.rs: every_step_ends_at_the_deadline`, `tests/proxy.rs: an_endless_head_ends_at_its_limit` |
//! | proxy | E | Proxy and server read a request differently (smuggling) | The parser accepts one form, and every response ends the HTTP connection | `src/handshake/http.rs: one_tiny_head_for_each_error`, `tests/cve.rs: cve_2026_49753_content_length_plus_zero` |
//! | local user | S | Another user's process has the path of a Unix socket | A file that is not a stale socket is not replaced. The folder's permissions decide who connects: your task | `tests/unix.rs: only_a_stale_socket_is_replaced` |
//! | local user | T | A file stands in place of the random device | Only a device is read; otherwise nothing is sent | `src/primitives/random.rs: a_file_that_is_not_a_device_is_rejected` |
//! | local user | R | A user denies a connection over a Unix socket | Events do not name the user: `std` has no stable call for it. The system names it for the descriptor of [`as_fd`](crate::WebSocket::as_fd) (`SO_PEERCRED`, `getpeereid`): your task | `tests/unix.rs: the_descriptor_of_a_connection_is_that_of_its_socket` |
//! | local user | I | A user who may read the process finds secrets in its memory | Masking keys are wiped. Memory with passwords and messages is not zeroed: forbid core dumps and debuggers where that matters | `src/primitives/random.rs: keys_are_wiped_from_the_pool` |
//! | local user | D | Other processes use up threads, memory mappings or descriptors | The server looks at the limits of the system, and survives without | `tests/admission.rs: a_server_survives_running_out_of_descriptors`, `tests/thread_limits.rs: a_thread_without_room_is_an_error_and_no_abort` |
//! | local user | E | A page in the browser of the user reaches a server on this machine (DNS rebinding) | [`Server::allow_host`](crate::Server::allow_host), off by default; the event `host-not-checked` reports that | `tests/hooks.rs: a_request_for_another_host_is_rejected_before_any_hook`, `tests/events.rs: a_server_on_a_loopback_address_without_allowed_hosts_is_reported` |
//! | environment | S | The resolver returns the address of an attacker | TLS verifies the host of the URL. Without TLS nothing does | `tests/tls/route.rs: the_certificate_is_for_the_host_or_for_the_server_name` |
//! | environment | T | Variables change the behaviour (httpoxy) | Two files read the environment: `Proxy::from_env` when it is called, and the size of a stack. OpenSSL reads variables of its own | `tests/dossier.rs: the_environment_is_read_in_two_files`, `src/proxy/environment.rs: the_first_that_is_set_decides` |
//! | environment | R | A clock that is changed falsifies times | Timeouts use the monotonic clock. Events have no time: your logger adds it | `tests/dossier.rs: the_clock_of_the_calendar_is_read_in_one_file` |
//! | environment | I | An error shows the password in a variable | An error names the variable and not its value | `src/proxy/environment.rs: an_invalid_variable_is_named_without_its_value` |
//! | environment | D | Signals interrupt waits, and limits of the system are low | An interrupted wait goes on until its deadline; the number of connections follows the limits | `tests/liveness/signals.rs: a_wait_that_is_interrupted_again_and_again_ends_in_time`, `src/server/system_limits.rs: the_scarcest_resource_decides`, `src/server/accept_loop.rs: the_system_limits_cap_the_number_of_connections` |
//! | environment | E | A machine without random bytes makes keys predictable, and a page chooses the bytes on the wire | A source that fails ends the connection. A source that is predictable is not detected | `tests/faults.rs: a_random_source_that_fails` |
//! | logs | S | A client writes a forged address into the log | A field that an untrusted proxy sent, or that cannot be read, names no client | `tests/proxied.rs: untrusted_peers_are_their_own_client`, `tests/proxied.rs: an_invalid_header_names_no_client` |
//! | logs | T | Line breaks and control sequences forge lines or change a terminal | `Display` escapes them | `src/redact.rs: what_controls_a_terminal_or_moves_text_is_escaped` |
//! | logs | R | An event is missing | Every connection that was opened has an end. A closure that panics loses its own event alone | `tests/events.rs: all_events_of_a_connection_on_both_sides`, `tests/events.rs: a_panicking_closure_does_not_affect_the_connection` |
//! | logs | I | Logs disclose secrets or payload | Events and errors have neither | `tests/events.rs: events_show_no_secrets`, `tests/errors.rs: protocol_errors_show_no_payload` |
//! | logs | D | A peer fills the log, or a slow log delays connections | Text of a peer in place of a name is cut. Rates are not limited, and a closure delays its thread: your task | `src/redact.rs: text_in_place_of_a_name_is_cut` |
//! | logs | E | A viewer of logs executes text of a peer as HTML, SQL or a command | What controls a terminal is escaped, and nothing else: `<`, `'` and `$` stay. Escape for your viewer | `src/redact.rs: what_a_viewer_may_execute_is_not_escaped` |
