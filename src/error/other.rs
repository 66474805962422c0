//! Conversions of the application's errors, so that `?` works in a handler.
//!
//! A handler returns [`Result<()>`](super::Result), and not a result with a type parameter for the error. With a parameter, the
//! last line `Ok(())` of a closure would not determine the type, and the compiler would ask for an annotation. A conversion from
//! every error type is not possible, because [`Error`] is an error itself (the conversion of a type to itself exists already).
//! So there is one conversion for each common error of `std`, and [`Error::other`] for all others.

use std::env::VarError;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::AddrParseError;
use std::num::{ParseFloatError, ParseIntError, TryFromIntError};
use std::str::Utf8Error;
use std::string::FromUtf8Error;
use std::sync::mpsc::{RecvError, SendError};
use std::sync::{Arc, PoisonError};

use super::{Error, TlsError};

impl Error {
    /// An error of the application as an error of this crate, for `?` in a handler. Accepts every error type that is `Send` and
    /// `Sync`, boxed errors, text, and types such as `anyhow::Error`.
    ///
    /// An error of this crate is not wrapped again: it is taken out of a box or of an [`io::Error`].
    ///
    /// `?` alone converts an [`io::Error`], a boxed error, text, and the common errors of `std`. For an error type of your own,
    /// `impl From<MyError> for stdws::Error` does the same.
    ///
    /// ```
    /// # fn main() -> stdws::Result<()> {
    /// use stdws::{Error, Server};
    /// let server = Server::bind("127.0.0.1:0")?.start(|mut ws| {
    ///     let Some(message) = ws.recv()? else { return Err("no message".into()) };
    ///     let number: u32 = message.as_text().unwrap_or_default().parse()?;
    ///     let hour = std::time::Duration::try_from_secs_f32(number as f32).map_err(Error::other)?;
    ///     std::fs::write("/nonexistent/log", format!("{hour:?}"))?;
    ///     Ok(())
    /// })?;
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    pub fn other(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error::from(error.into())
    }
}

/// The error that a boxed error is or contains, or [`Error::Other`].
impl From<Box<dyn StdError + Send + Sync>> for Error {
    fn from(error: Box<dyn StdError + Send + Sync>) -> Error {
        error.downcast::<Error>().map(|error| *error).unwrap_or_else(|error| match error.downcast::<io::Error>() {
            Ok(error) => Error::from(*error),
            Err(error) => Error::Other(Arc::from(error)),
        })
    }
}

/// The error of this crate that the `io::Error` contains, as those of [`RecvStream`](crate::RecvStream) and
/// [`SendStream`](crate::SendStream) do. Without one, [`Error::Other`].
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        let inner = error.get_ref();
        if let Some(error) = inner.and_then(|inner| inner.downcast_ref::<Error>()) {
            return error.clone();
        }
        match inner.and_then(|inner| inner.downcast_ref::<TlsError>()) {
            Some(error) => Error::Tls(error.clone()),
            None => Error::Other(Arc::new(error)),
        }
    }
}

impl From<String> for Error {
    fn from(text: String) -> Error {
        Error::other(text)
    }
}

impl From<&str> for Error {
    fn from(text: &str) -> Error {
        Error::other(text)
    }
}

impl From<ParseIntError> for Error {
    fn from(error: ParseIntError) -> Error {
        Error::Other(Arc::new(error))
    }
}

impl From<ParseFloatError> for Error {
    fn from(error: ParseFloatError) -> Error {
        Error::Other(Arc::new(error))
    }
}

impl From<TryFromIntError> for Error {
    fn from(error: TryFromIntError) -> Error {
        Error::Other(Arc::new(error))
    }
}

impl From<Utf8Error> for Error {
    fn from(error: Utf8Error) -> Error {
        Error::Other(Arc::new(error))
    }
}

impl From<FromUtf8Error> for Error {
    fn from(error: FromUtf8Error) -> Error {
        Error::Other(Arc::new(error))
    }
}

impl From<fmt::Error> for Error {
    fn from(error: fmt::Error) -> Error {
        Error::Other(Arc::new(error))
    }
}

impl From<AddrParseError> for Error {
    fn from(error: AddrParseError) -> Error {
        Error::Other(Arc::new(error))
    }
}

impl From<VarError> for Error {
    fn from(error: VarError) -> Error {
        Error::Other(Arc::new(error))
    }
}

impl From<RecvError> for Error {
    fn from(error: RecvError) -> Error {
        Error::Other(Arc::new(error))
    }
}

/// Keeps the text, because the value may be borrowed.
impl<T> From<SendError<T>> for Error {
    fn from(error: SendError<T>) -> Error {
        Error::other(error.to_string())
    }
}

/// Keeps the text, because the guard is borrowed.
impl<T> From<PoisonError<T>> for Error {
    fn from(error: PoisonError<T>) -> Error {
        Error::other(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Step, UsageError};

    #[test]
    fn an_error_of_this_crate_is_taken_out_again() {
        let boxed: Box<dyn StdError + Send + Sync> = Box::new(Error::Closed(None));
        let wrapped: Box<dyn StdError + Send + Sync> = Box::new(io::Error::from(Error::Closed(None)));
        for error in [boxed, wrapped] {
            assert!(matches!(Error::other(error), Error::Closed(None)));
        }
        let back = Error::from(io::Error::from(Error::Timeout(Step::Message)));
        assert!(matches!(back, Error::Timeout(Step::Message)), "{back}");
        // And back to an `io::Error` of the same kind.
        let kind = io::ErrorKind::PermissionDenied;
        assert_eq!(io::Error::from(Error::from(io::Error::from(kind))).kind(), kind);
    }

    #[test]
    fn every_error_of_an_application_keeps_its_text() {
        fn fails(number: u32) -> crate::Result<()> {
            match number {
                0 => Err("text")?,
                1 => Err("text".to_owned())?,
                2 => drop("x".parse::<u8>()?),
                3 => Err(io::Error::from(io::ErrorKind::NotFound))?,
                4 => Err(UsageError::Credentials)?,
                5 => drop(String::from_utf8(vec![0xFF])?),
                _ => {}
            }
            Ok(())
        }
        assert_eq!(fails(0).unwrap_err().to_string(), "text");
        assert_eq!(fails(1).unwrap_err().to_string(), "text");
        assert!(matches!(fails(2), Err(Error::Other(error)) if error.downcast_ref::<ParseIntError>().is_some()));
        assert!(matches!(fails(3), Err(Error::Other(error)) if error.downcast_ref::<io::Error>().is_some()));
        assert!(matches!(fails(4), Err(Error::Usage(UsageError::Credentials))));
        assert!(matches!(fails(5), Err(Error::Other(_))));
    }

    #[test]
    fn debug_is_a_sentence_with_its_causes_once() {
        #[derive(Debug)]
        struct Outer(io::Error);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("no settings")
            }
        }
        impl StdError for Outer {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                Some(&self.0)
            }
        }
        let outer = Error::other(Outer(io::Error::new(io::ErrorKind::NotFound, "no such file")));
        assert_eq!(
            (outer.to_string().as_str(), format!("{outer:?}").as_str()),
            ("no settings", "no settings: no such file")
        );
        let io = Error::listen("127.0.0.1:80", io::Error::new(io::ErrorKind::PermissionDenied, "denied"));
        assert_eq!(format!("{io:?}"), "failed listening on 127.0.0.1:80: denied");
        assert_eq!(format!("{io:?}"), io.to_string());
    }

    /// Each as its own text, so that `?` in a handler loses nothing.
    #[test]
    fn common_errors_of_std_keep_their_text() {
        let not_utf8 = String::from_utf8(vec![b'a', 0xFF]).unwrap_err().utf8_error();
        let poisoned: PoisonError<()> = PoisonError::new(());
        let rows: [(Error, String); 9] = [
            ("1.x".parse::<f32>().unwrap_err().into(), "invalid float literal".to_owned()),
            (u8::try_from(256_u32).unwrap_err().into(), "out of range integral type conversion attempted".to_owned()),
            (not_utf8.into(), not_utf8.to_string()),
            (fmt::Error.into(), fmt::Error.to_string()),
            ("1.2.3".parse::<std::net::IpAddr>().unwrap_err().into(), "invalid IP address syntax".to_owned()),
            (VarError::NotPresent.into(), "environment variable not found".to_owned()),
            (RecvError.into(), RecvError.to_string()),
            (SendError(7).into(), SendError(7).to_string()),
            (PoisonError::new(()).into(), poisoned.to_string()),
        ];
        for (error, text) in rows {
            assert!(matches!(&error, Error::Other(_)), "{error:?}");
            assert_eq!(error.to_string(), text);
        }
    }

    #[cfg(all(feature = "native-tls", any(feature = "client", feature = "server")))]
    #[test]
    fn an_error_of_tls_is_taken_out_of_an_io_error() {
        let tls = TlsError::new(crate::TlsErrorKind::DecryptionFailed, None, fmt::Error);
        assert!(
            matches!(Error::from(io::Error::other(tls)), Error::Tls(error) if error.to_string().contains("decrypted"))
        );
    }
}
