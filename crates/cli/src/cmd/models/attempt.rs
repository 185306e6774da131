//! `trustmill models try`: whether a model can work for the mill, seen in a minute.

use super::super::Global;
use super::super::cases::{self, Field};
use crate::error::Failure;
use crate::exit::Exit;
use crate::render::{models as view, to_json};
use crate::wire::{Mill, Purpose};
use clap::Args;
use serde::Serialize;
use trustmill_core::conversation::{Answer, Message, Piece, Stop, Tokens, ToolSpec, TurnRequest};
use trustmill_core::port::model::Listener;
use trustmill_factory::models::{ModelRef, Router, Taken, Wanted};

/// What the model has to say back.
const WORD: &str = "trustmill-7f3a";

#[derive(Args)]
pub(super) struct Try {
    /// The model: PROVIDER/MODEL
    #[arg(value_name = "PROVIDER/MODEL")]
    model: ModelRef,
    /// Then run the repair bench with it: the held-out cases that strategies missed
    #[arg(long)]
    bench: bool,
    /// At most so many cases of the bench
    #[arg(long, value_name = "N", default_value_t = 20)]
    most: usize,
}

/// What a model did.
#[derive(Debug, Serialize)]
pub(crate) struct Tried {
    pub(crate) model: String,
    /// As the provider reports it.
    pub(crate) reported: String,
    pub(crate) family: String,
    pub(crate) route: String,
    /// Whether it called the tool with the right argument.
    pub(crate) called: bool,
    /// Whether it used what the tool answered.
    pub(crate) understood: bool,
    /// How many pieces came.
    pub(crate) pieces: u32,
    pub(crate) tokens: Tokens,
    pub(crate) cost_micros: Option<u64>,
    pub(crate) millis: u64,
    pub(crate) currency: String,
}

#[derive(Default)]
struct Count(u32);

impl Listener for Count {
    fn hear(&mut self, _: Piece) {
        self.0 += 1;
    }
}

impl Try {
    pub(super) fn purpose(&self) -> Purpose {
        if self.bench { Purpose::Work } else { Purpose::Look }
    }

    pub(super) async fn run(self, global: &Global, mill: &Mill, router: &Router) -> Result<Exit, Failure> {
        let now = mill.world.clock.now();
        let task = format!("try-{}", now.as_nanosecond());
        let mut count = Count::default();
        let mut request = TurnRequest {
            model: String::new(),
            instructions: "You test a connection. Do what you are asked, and nothing else.".into(),
            messages: vec![Message::Mill {
                text: "Call the tool `echo` with the word \"ping\". Then say in one word what it answered."
                    .into(),
            }],
            tools: vec![ToolSpec {
                name: "echo".into(),
                description: "Answers with a word.".into(),
                schema: serde_json::json!({ "type": "object", "required": ["word"], "additionalProperties": false,
                    "properties": { "word": { "type": "string", "description": "What to send." } } }),
            }],
            limits: router.settings().turn,
            cached: false,
            key: String::new(),
        };
        let first = self.turn(router, &task, 0, &request, &mut count).await?;
        let call = first.reply.calls.first().filter(|call| call.name == "echo");
        let called =
            call.is_some_and(|call| call.arguments.object().get("word").is_some_and(|word| word == "ping"));
        let mut turns = vec![first.clone()];
        if first.reply.stop == Stop::Tools {
            let answers = first.reply.calls.iter().map(|call| Answer {
                id: call.id.clone(),
                name: call.name.clone(),
                text: WORD.into(),
                failed: false,
            });
            let answers = answers.collect();
            request.messages.push(Message::Model { reply: Box::new(first.reply.clone()) });
            request.messages.push(Message::Tools { answers });
            turns.push(self.turn(router, &task, 1, &request, &mut count).await?);
        }
        let tried = self.tried(router, &turns, called, count.0);
        let good = tried.called && tried.understood;
        if global.json && !self.bench {
            to_json(&tried);
        } else if !global.json {
            view::tried(&tried);
        }
        if !good || !self.bench {
            return Ok(if good { Exit::Success } else { Exit::Gate });
        }
        let field = Field { mill, router, most: self.most };
        cases::bench(global, &field, &format!("model:{}", self.model), "strategies", None, true).await
    }

    async fn turn(
        &self,
        router: &Router,
        task: &str,
        turn: u32,
        request: &TurnRequest,
        count: &mut Count,
    ) -> Result<Taken, Failure> {
        let wanted = Wanted {
            task,
            class: "try",
            team: None,
            turn,
            last: None,
            only: Some(&self.model),
            allowance: router.settings().task,
            request: request.clone(),
        };
        Ok(router.turn(&wanted, count).await?)
    }

    fn tried(&self, router: &Router, turns: &[Taken], called: bool, pieces: u32) -> Tried {
        let last = turns.last();
        let cost = turns.iter().try_fold(0u64, |sum, one| Some(sum.saturating_add(one.cost_micros?)));
        Tried {
            model: self.model.to_string(),
            reported: last.map(|one| one.reply.model.clone()).unwrap_or_default(),
            family: last.map(|one| one.taker.identity.family()).unwrap_or_default(),
            route: last.map(|one| one.taker.identity.route.to_string()).unwrap_or_default(),
            called,
            understood: last.is_some_and(|one| one.reply.text.contains(WORD)),
            pieces,
            tokens: turns.iter().fold(Tokens::default(), |sum, one| sum.plus(&one.reply.tokens)),
            cost_micros: cost,
            millis: turns.iter().map(|one| one.millis).sum(),
            currency: router.settings().prices.currency.clone(),
        }
    }
}
