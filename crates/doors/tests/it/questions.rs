//! What a receiver of questions gets, and what it cannot do.

use crate::support::{SUGGEST, by, call, engine, make, read_inbox, trash};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::Timestamp;
use trustmill_core::port::webhook::Message;
use trustmill_doors::engine::Engine;
use trustmill_doors::questions::Questions;
use trustmill_testkit::ScriptedWebhook;
use trustmill_trust::keys::SigningKey;
use trustmill_trust::webhook::verifies;

struct Room {
    engine: Arc<Engine>,
    receiver: Arc<ScriptedWebhook>,
    questions: Questions,
    _folder: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Arc::new(engine(folder.path()));
        engine.begin("s", "agent", "yue", SUGGEST).unwrap();
        read_inbox(&engine, "s", 100);
        let receiver = Arc::new(ScriptedWebhook::default());
        let key = Arc::new(SigningKey::from_secret([7; 32]));
        let page = Some("https://guard.example.com".to_owned());
        let questions = Questions::new(
            Arc::clone(&engine),
            Arc::<ScriptedWebhook>::clone(&receiver),
            key,
            page,
            Timestamp::now,
        );
        Self { engine, receiver, questions, _folder: folder }
    }

    /// Lets time pass, with looks as often as a guard looks.
    async fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds * 2 {
            self.questions.look().await;
            tokio::time::advance(Duration::from_millis(500)).await;
        }
    }

    fn sent(&self) -> Vec<Message> {
        self.receiver.got()
    }
}

#[tokio::test(start_paused = true)]
async fn sixty_calls_are_one_question_without_a_value_of_them() {
    let mut room = Room::new();
    for id in 0..60 {
        make(&room.engine, "s", &trash(id));
        if id % 20 == 0 {
            room.pass(1).await;
        }
    }
    make(&room.engine, "s", &call("grant", json!({ "who": "ann@example.com", "what": "secret-report" })));
    assert!(room.sent().is_empty(), "it is not all there yet");
    room.pass(300).await;
    let sent = room.sent();
    assert_eq!(sent.len(), 1, "one message, and no more while nothing comes");
    let message = &sent[0];
    let public = SigningKey::from_secret([7; 32]).public();
    assert!(verifies(&public, &message.signature, &message.id, message.timestamp, &message.body));
    let body: Value = serde_json::from_slice(&message.body).unwrap();
    let cards = body["data"]["cards"].as_array().unwrap();
    assert_eq!((&body["type"], cards.len()), (&json!("guard.question"), 2));
    assert_eq!((&cards[0]["calls"], &cards[0]["effect"]), (&json!(60), &json!("destroy")));
    assert_eq!(cards[1]["approvers"], 2);
    assert!(body["data"]["page"].as_str().unwrap().starts_with("https://guard.example.com/#"));
    let text = body.to_string();
    assert!(!text.contains("ann@example.com") && !text.contains("secret-report"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_was_down_is_told_once_it_is_up_and_less_than_before_is_no_news() {
    let mut room = Room::new();
    room.receiver.set_down(true);
    (0..3).for_each(|id| drop(make(&room.engine, "s", &trash(id))));
    room.pass(20).await;
    let tries = room.sent();
    assert_eq!(tries.len(), 5, "after 2, 3, 5, 9 and 17 seconds");
    assert!(tries.iter().all(|message| message.id == tries[0].id), "one id for every try");
    room.receiver.set_down(false);
    room.pass(60).await;
    assert_eq!(room.sent().len(), 6);

    let plan = room.engine.waiting()[0].plan.clone();
    let one =
        trustmill_doors::engine::Approved { keep: Some([plan.calls()[0].digest].into()), ..by(&["yue"]) };
    room.engine.approve("s", &plan.digest(), &one).unwrap();
    room.pass(120).await;
    assert_eq!(room.sent().len(), 6, "somebody is at it already");
    make(&room.engine, "s", &trash(9));
    room.pass(5).await;
    assert_eq!(room.sent().len(), 7, "another call is another question");
    room.engine.dismiss("s", None, "yue").unwrap();
    room.pass(120).await;
    assert_eq!(room.sent().len(), 7);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_never_stops_asking_is_heard_of_and_not_every_second() {
    let mut room = Room::new();
    for id in 0..100 {
        make(&room.engine, "s", &trash(id));
        room.pass(1).await;
    }
    assert_eq!(room.sent().len(), 2, "after half a minute, and once more after another minute");
}
