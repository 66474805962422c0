//! The response of a peer that an error keeps.

/// The fields and the body of an HTTP response, kept in an error. Both may hold secrets, so it has no `Debug`.
#[derive(Clone, Default)]
pub(super) struct ErrorResponse {
    /// In the order of the response.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl ErrorResponse {
    /// The first field of this name, compared without regard to case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}
