//! Server-sent events (WHATWG HTML, section 9.2.6), read in whatever pieces they come.

/// The longest line and the most data of one event, in bytes: a reply is bounded as a whole by its turn, and this bounds
/// what is held before an event is whole.
const LONGEST: usize = 4 << 20;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// `event:`; empty where there is none.
    pub name: String,
    /// The lines of `data:`, joined.
    pub data: String,
    /// `id:`, by which a stream that broke off is taken up again; empty where there is none.
    pub id: String,
}

/// Why bytes are no stream of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// A line is no UTF-8.
    Encoding,
    /// An event is longer than the limit.
    TooLong,
}

/// Puts pieces together. A piece may end within a character, within a line break, anywhere.
#[derive(Debug, Default)]
pub struct Reader {
    line: Vec<u8>,
    event: Event,
    has_data: bool,
    /// The last byte was a carriage return, so that a line feed belongs to it.
    returned: bool,
    begun: bool,
}

impl Reader {
    /// Takes a piece; events that are whole come out.
    ///
    /// # Errors
    /// [`Broken`]; the stream cannot be read on.
    pub fn push(&mut self, piece: &[u8]) -> Result<Vec<Event>, Broken> {
        let mut events = Vec::new();
        if piece.is_empty() {
            return Ok(events);
        }
        let returned = std::mem::take(&mut self.returned);
        let mut rest = piece.strip_prefix(b"\n").filter(|_| returned).unwrap_or(piece);
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (line, tail) = rest.split_at(at);
            self.take(line)?;
            events.extend(self.end_of_line()?);
            rest = match tail {
                [b'\r', b'\n', rest @ ..] => rest,
                [b'\r'] => {
                    self.returned = true;
                    &[]
                }
                [_, rest @ ..] => rest,
                [] => &[],
            };
        }
        self.take(rest)?;
        Ok(events)
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        if self.line.len() + self.event.data.len() + self.event.id.len() + bytes.len() > LONGEST {
            return Err(Broken::TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_of_line(&mut self) -> Result<Option<Event>, Broken> {
        let bytes = std::mem::take(&mut self.line);
        let line = String::from_utf8(bytes).map_err(|_| Broken::Encoding)?;
        let line = match std::mem::replace(&mut self.begun, true) {
            false => line.strip_prefix('\u{feff}').unwrap_or(&line),
            true => &line,
        };
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return Ok(std::mem::take(&mut self.has_data).then_some(event));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.event.id),
            // A comment, `retry`, or something new.
            _ => {}
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(pieces: &[&[u8]]) -> Result<Vec<Event>, Broken> {
        let mut reader = Reader::default();
        let mut events = Vec::new();
        for piece in pieces {
            events.extend(reader.push(piece)?);
        }
        Ok(events)
    }

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.into(), data: data.into(), id: String::new() }
    }

    #[test]
    fn events_are_read_as_the_specification_has_them() {
        let text = "\u{feff}: ping\n\nevent: a\r\ndata: one\r\ndata:two\r\n\r\nid: 7\rdata\r\rretry: 1\n\ndata:  x\n\n";
        let seventh = Event { id: "7".into(), ..event("", "") };
        let all = [event("a", "one\ntwo"), seventh, event("", " x")];
        assert_eq!(read(&[text.as_bytes()]).unwrap(), all);
    }

    #[test]
    fn what_is_no_text_and_what_never_ends_is_refused() {
        assert_eq!(read(&[b"data: \xff\n\n"]), Err(Broken::Encoding));
        let long = vec![b'x'; LONGEST / 2 + 1];
        assert_eq!(read(&[b"data: ", &long, &long]), Err(Broken::TooLong));
        assert_eq!(read(&[b"data: ", &long, b"\ndata: ", &long]), Err(Broken::TooLong));
    }

    proptest! {
        #[test]
        fn where_a_stream_is_cut_does_not_matter(
            lines in proptest::collection::vec("(data|event|id|:)?:? ?[a-zä€🦀 :]{0,12}(\r\n|\n|\r)", 0..20),
            cuts in proptest::collection::vec(0usize..400, 0..12),
        ) {
            let whole = lines.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(whole.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for at in cuts.into_iter().chain([whole.len()]) {
                pieces.push(&whole[from..at]);
                from = at;
            }
            prop_assert_eq!(read(&pieces), read(&[&whole]));
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&[&bytes]);
        }
    }
}
