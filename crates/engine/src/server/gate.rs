//! The one gate that every request passes, WebSockets included.

use axum::http::{HeaderMap, Method, StatusCode, Uri, header};

/// Who may ask for what.
pub(super) struct Gate {
    /// `name:port` values that a Host header may have.
    pub hosts: Vec<String>,
    pub token: String,
    /// Reading needs the token too: the server listens beyond this machine.
    pub closed: bool,
}

impl Gate {
    /// Err with the status and one line to answer.
    pub fn admit(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?").to_ascii_lowercase());
        let authority = uri.authority().map(|part| part.as_str().to_ascii_lowercase()); // GET http://elsewhere/ HTTP/1.1
        let strange = authority.is_some_and(|part| !self.hosts.contains(&part));
        if strange
            || !text(header::HOST).is_some_and(|host| self.hosts.contains(&host))
            || headers.get_all(header::HOST).iter().count() != 1
        {
            return Err((
                StatusCode::MISDIRECTED_REQUEST,
                "this Host is not served. Use the address the server printed",
            ));
        }
        let own = |origin: &str| {
            origin
                .strip_prefix("http://")
                .is_some_and(|host| self.hosts.iter().any(|known| known == host))
        };
        if text(header::ORIGIN).is_some_and(|origin| !own(&origin)) {
            return Err((StatusCode::FORBIDDEN, "this Origin may not ask"));
        }
        let site = headers.get("sec-fetch-site").map(|value| value.as_bytes());
        if site.is_some_and(|site| site != b"same-origin" && site != b"none") {
            return Err((StatusCode::FORBIDDEN, "requests from other sites are refused"));
        }
        let open = matches!(uri.path(), "/live" | "/ready") || !self.closed;
        if (method != Method::GET || !open) && !self.knows(headers) {
            return Err((
                StatusCode::UNAUTHORIZED,
                "the token is absent or wrong. Send Authorization: Bearer <token>",
            ));
        }
        Ok(())
    }

    /// Compared in a time that does not depend on where the first difference is.
    fn knows(&self, headers: &HeaderMap) -> bool {
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
            .unwrap_or_default();
        given.len() == self.token.len() && given.iter().zip(self.token.as_bytes()).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
    }
}
