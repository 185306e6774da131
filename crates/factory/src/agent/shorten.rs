//! A conversation that grows too long loses what tools said long ago: it can be asked for again.

use trustmill_core::conversation::{Answer, Message};

/// The most text of a conversation, in bytes.
pub(super) const MOST: usize = 400 << 10;

/// What stands in the place of what was left out.
const LEFT_OUT: &str = "(left out to keep the conversation short; call the tool again if you need it)";

/// Answers of the newest messages that stay whatever their size.
const KEPT: usize = 4;

/// The conversation with old answers left out until it has at most `most` bytes, as far as that goes. It goes in whole
/// halves, so that the beginning stays the same for many turns and a provider's cache is of use.
pub(super) fn shorten(messages: &[Message], most: usize) -> Vec<Message> {
    let weight = |messages: &[Message]| -> usize { messages.iter().map(answers).sum() };
    let mut short = messages.to_vec();
    if weight(&short) <= most {
        return short;
    }
    let keep = short.len().saturating_sub(KEPT);
    let mut left = weight(&short);
    for message in short.iter_mut().take(keep) {
        let Message::Tools { answers } = message else { continue };
        for Answer { text, .. } in answers {
            if text.len() > LEFT_OUT.len() {
                left = left.saturating_sub(text.len() - LEFT_OUT.len());
                LEFT_OUT.clone_into(text);
            }
        }
        if left <= most / 2 {
            break;
        }
    }
    short
}

fn answers(message: &Message) -> usize {
    match message {
        Message::Tools { answers } => answers.iter().map(|answer| answer.text.len()).sum(),
        Message::Mill { .. } | Message::Model { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(bytes: usize) -> Message {
        let answer = Answer { id: "1".into(), name: "read".into(), text: "x".repeat(bytes), failed: false };
        Message::Tools { answers: vec![answer] }
    }

    #[test]
    fn what_is_old_goes_first_and_what_is_new_stays() {
        let messages: Vec<Message> = (0..20).map(|_| said(1000)).collect();
        assert_eq!(shorten(&messages, 20_000), messages);
        let short = shorten(&messages, 19_999);
        assert_eq!(short.len(), 20);
        let whole = |short: &[Message]| short.iter().map(|one| answers(one) == 1000).collect::<Vec<_>>();
        let half = [[false; 11].as_slice(), &[true; 9]].concat();
        assert_eq!(whole(&short), half, "about half of what is allowed stays");
        assert_eq!(whole(&shorten(&messages, 10))[16..], [true; 4], "the newest stay");
    }
}
