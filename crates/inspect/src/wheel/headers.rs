//! Header blocks as `METADATA` and `WHEEL` have them: a strict subset of RFC 822 (PyPA "Core metadata").

/// Bytes of a header file at most; the longest real descriptions have some megabytes.
const BYTES: usize = 16 << 20;
/// Fields at most.
const FIELDS: usize = 20_000;

/// Why a header file is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadersError {
    /// It is not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// It is longer than allowed, or has more fields.
    #[error("it is longer than {BYTES} bytes or has more than {FIELDS} fields")]
    TooLarge,
    /// A line is neither a field, nor the continuation of one, nor the end of the block.
    #[error("line {line} is no header field")]
    Line {
        /// Counted from one.
        line: usize,
    },
}

/// One field; a continued value keeps its line feeds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Field {
    /// The name as written.
    pub name: String,
    /// The value, outer white space removed.
    pub value: String,
}

/// A header file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers {
    /// The fields in their order.
    pub fields: Vec<Field>,
    /// What follows the first empty line, verbatim.
    pub body: String,
}

impl Headers {
    /// Parses a header file.
    ///
    /// # Errors
    /// [`HeadersError`]; nothing is guessed or skipped.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeadersError> {
        if bytes.len() > BYTES {
            return Err(HeadersError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| HeadersError::NotUtf8)?;
        let mut headers = Self::default();
        let mut rest = text;
        let mut line = 0;
        while !rest.is_empty() {
            line += 1;
            let (this, next) = rest.split_once('\n').unwrap_or((rest, ""));
            rest = next;
            let this = this.strip_suffix('\r').unwrap_or(this);
            if this.is_empty() {
                headers.body = rest.to_owned();
                break;
            }
            headers.line(this).ok_or(HeadersError::Line { line })?;
            if headers.fields.len() > FIELDS {
                return Err(HeadersError::TooLarge);
            }
        }
        Ok(headers)
    }

    fn line(&mut self, line: &str) -> Option<()> {
        if line.starts_with([' ', '\t']) {
            let value = &mut self.fields.last_mut()?.value;
            value.push('\n');
            value.push_str(line);
            return Some(());
        }
        let (name, value) = line.split_once(':')?;
        // RFC 5322, section 2.2: printable ASCII but the colon.
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        self.fields.push(Field { name: name.to_owned(), value: value.trim().to_owned() });
        Some(())
    }

    /// The values of a field, by its name in any case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
        fields.map(|field| field.value.as_str())
    }

    /// The first value of a field.
    pub fn first<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_continuations_and_body() {
        let headers = Headers::parse(b"Name: a\r\nLicense: x\n        y\nname:b\n\nbody\n\nmore").unwrap();
        assert_eq!(headers.all("NAME").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(headers.first("license"), Some("x\n        y"));
        assert_eq!(headers.body, "body\n\nmore");
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for (bytes, want) in [
            (&b"\xff: a"[..], HeadersError::NotUtf8),
            (b"Name: a\nno colon", HeadersError::Line { line: 2 }),
            (b" continued: nothing", HeadersError::Line { line: 1 }),
            (b": a", HeadersError::Line { line: 1 }),
            (b"Two words: a", HeadersError::Line { line: 1 }),
        ] {
            assert_eq!(Headers::parse(bytes), Err(want));
        }
        assert_eq!(Headers::parse(&vec![b'\n'; BYTES + 1]), Err(HeadersError::TooLarge));
        assert_eq!(Headers::parse(&b"a:\n".repeat(FIELDS + 1)), Err(HeadersError::TooLarge));
    }
}
