//! TOML as values (TOML v1.0.0), written in one canonical way to be compared.

pub use ::toml::{Table, Value};

/// Bytes of a manifest at most.
const BYTES: usize = 16 << 20;

/// Parses `bytes`; `None` if they are no TOML, or too many.
pub fn parse(bytes: &[u8]) -> Option<Table> {
    if bytes.len() > BYTES {
        return None;
    }
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// Writes a table with its keys in order, at every depth.
pub(crate) fn write(table: &Table, out: &mut String) {
    let mut entries: Vec<(&String, &Value)> = table.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    out.push('{');
    for (key, value) in entries {
        out.push_str(&format!("{key:?}="));
        write_value(value, out);
        out.push(',');
    }
    out.push('}');
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Table(table) => write(table, out),
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write_value(item, out);
                out.push(',');
            }
            out.push(']');
        }
        // The kind is written too: the string "1" is not the number.
        plain => out.push_str(&format!("{} {plain:?}", plain.type_str())),
    }
}
