//! Echoes on the socket that is its standard input, as a service manager passes it. With systemd:
//!
//! ```ini
//! # echo.socket
//! [Socket]
//! ListenStream=127.0.0.1:9001
//!
//! # echo.service
//! [Service]
//! ExecStart=/usr/local/bin/socket_activation
//! StandardInput=socket
//! StandardOutput=journal
//! ```
//!
//! Without units, `systemd-socket-activate` passes the socket as descriptor 3 when the first client connects:
//!
//! ```sh
//! systemd-socket-activate --listen 127.0.0.1:9001 sh -c 'exec target/debug/examples/socket_activation <&3'
//! ```

#[cfg(unix)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::net::TcpListener;
    use std::os::fd::AsFd;

    let listener = TcpListener::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let server = stdws::Server::from_listener(listener)?;
    println!("listening on {}", server.local_addr()?);
    server.run(|mut ws| {
        while let Some(message) = ws.recv()? {
            ws.send(&message)?;
        }
        Ok(())
    })?;
    Ok(())
}

#[cfg(not(unix))]
fn main() {
    eprintln!("the standard input can be a socket only on Unix");
}
