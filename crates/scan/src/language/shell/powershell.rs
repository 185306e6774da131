//! What only PowerShell has: encoded commands, and methods of objects that fetch.

use crate::decode;
use base64::Engine as _;

/// Whether an argument says that the next one is an encoded command: any beginning of `-EncodedCommand`.
pub(super) fn is_encoded(program: &str, option: &str) -> bool {
    const NAME: &str = "encodedcommand";
    let Some(option) = option.strip_prefix(['-', '/']) else { return false };
    let option = option.to_ascii_lowercase();
    matches!(program, "powershell" | "pwsh")
        && (option == "ec" || !option.is_empty() && NAME.starts_with(option.as_str()))
}

/// The text of an encoded command: base64 of UTF-16, little-endian.
pub(super) fn decode(text: &str) -> Option<String> {
    let bytes = decode::latin1(&decode::Decoder::Base64.decode(text)?)?;
    let units = bytes.chunks_exact(2).map(|pair| match pair {
        [low, high] => u16::from_le_bytes([*low, *high]),
        _ => 0,
    });
    let text: String = char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{FFFD}')).collect();
    (!text.is_empty()).then_some(text)
}

/// The address that a line fetches by a method of an object, and whether the line runs the answer.
pub(super) fn fetches(line: &str) -> Option<(&str, bool)> {
    let lower = line.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let by_method = has(&[
        "downloadstring",
        "downloadfile",
        "downloaddata",
        "openread(",
        "invoke-webrequest",
        "invoke-restmethod",
    ]);
    if !by_method && (!has(&["iwr ", "irm "]) || !has(&["iex"])) {
        return None;
    }
    let from = lower.find("http")?;
    let rest = line.get(from..)?;
    let end = rest.find(['\'', '"', ')', ' ', ';', '|', '`']).unwrap_or(rest.len());
    Some((rest.get(..end)?, has(&["iex", "invoke-expression", "start-process", "reflection.assembly"])))
}

/// Texts of a script that are base64 of something readable: PowerShell decodes them with `[Convert]`.
pub(super) fn encoded_texts(script: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    const SHORTEST: usize = 40;
    let parts = script.match_indices("FromBase64String").take(32).filter_map(|(at, _)| {
        let rest = script.get(at..)?;
        let open = rest.find(['\'', '"'])?;
        let body = rest.get(open + 1..)?;
        Some((at, body.get(..body.find(['\'', '"'])?)?))
    });
    parts.filter(|(_, body)| body.len() >= SHORTEST).filter_map(|(at, body)| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(body).ok()?;
        let wide = bytes.iter().skip(1).step_by(2).take(32).all(|byte| *byte == 0);
        let text = if wide { decode(body)? } else { String::from_utf8(bytes).ok()? };
        Some((at, text))
    })
}
