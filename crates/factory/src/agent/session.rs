//! The loop. What a session is, follows from its steps alone: a step is written down, then it counts, whether it was
//! just made or is read back after a crash.

use super::budget::{CALLS, Patience};
use super::prompt::{INSTRUCTIONS, Task, cut};
use super::shorten::{MOST, shorten};
use super::tools::{self, ASK, Done, GIVE_UP, View};
use super::transcript::{Begun, SessionId, Step, StoredPatch, Transcript, TranscriptError};
use super::workbench::{BenchError, Similar, Workbench};
use crate::models::{Allowance, ModelRef, RouteError, Router, Taker, Wanted};
use std::fmt;
use std::time::{Duration, Instant};
use trustmill_core::conversation::{Answer, Arguments, Call, Message, Stop, TurnRequest};
use trustmill_core::port::Coded;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::model::Unheard;
use trustmill_core::port::records::Records;
use trustmill_core::repair::{Candidate, Judgement, Patch, Proposer, Role, Ruling};
use trustmill_core::{Purl, Sha256};

/// The longest question and the longest reason, in bytes.
const LONGEST: usize = 4 << 10;

/// What a loop needs of the world.
pub struct Session<'a> {
    /// Asks models.
    pub router: &'a Router,
    /// What is worked on.
    pub bench: &'a dyn Workbench,
    /// Solved cases.
    pub similar: &'a dyn Similar,
    /// Where steps stand.
    pub records: &'a dyn Records,
    /// Where they are kept.
    pub blobs: &'a dyn Blobs,
    /// What time it is.
    pub clock: &'a dyn Clock,
    /// What the task may spend.
    pub allowance: Allowance,
    /// The only model that may be asked, for a bench.
    pub only: Option<&'a ModelRef>,
    /// Whether the process is to end: then the loop stops between two steps, and goes on another time.
    pub stopped: &'a (dyn Fn() -> bool + Sync),
}

/// How a session stands when the loop returns.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// The oracle took a candidate.
    Accepted {
        /// The candidate.
        candidate: Box<Candidate>,
        /// What the oracle found.
        judgement: Box<Judgement>,
    },
    /// A budget is spent.
    Spent {
        /// Which.
        what: String,
    },
    /// The model gave up, or leads nowhere.
    GaveUp {
        /// Why.
        why: String,
    },
    /// A person is asked.
    Parked {
        /// The question.
        question: String,
    },
    /// A person took it over.
    TakenOver {
        /// Who.
        by: String,
    },
    /// The process is to end; nothing is lost.
    Stopped,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted { .. } => f.write_str("the oracle took what a model proposed"),
            Self::Spent { what } => write!(f, "a model spent its budget: {what}"),
            Self::GaveUp { why } => write!(f, "a model gave up: {why}"),
            Self::Parked { question } => write!(f, "a model asks (`trustmill inbox`): {question}"),
            Self::TakenOver { by } => write!(f, "{by} took it over"),
            Self::Stopped => f.write_str("a model was stopped, and goes on the next time"),
        }
    }
}

/// Why a loop cannot go on. Nothing is lost: it is resumed when the cause is gone.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// No model takes the turn.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The sandbox, or what else the workbench works with.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// The transcript.
    #[error(transparent)]
    Transcript(#[from] TranscriptError),
}

impl Coded for SessionError {
    fn code(&self) -> &'static str {
        match self {
            Self::Route(error) => error.code(),
            Self::Bench(error) => error.code(),
            Self::Transcript(error) => error.code(),
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Route(error) => error.help(),
            Self::Bench(error) => error.help(),
            Self::Transcript(error) => error.help(),
        }
    }
}

/// Where the time of one call of the loop went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Overhead {
    /// All of it.
    pub total: Duration,
    /// Models.
    pub models: Duration,
    /// Builds, tests and the oracle.
    pub bench: Duration,
}

impl Overhead {
    /// The loop itself: what is neither.
    pub fn own(&self) -> Duration {
        self.total.saturating_sub(self.models).saturating_sub(self.bench)
    }
}

/// What the steps come to.
#[derive(Default)]
struct State {
    task: Option<Task>,
    messages: Vec<Message>,
    /// The turn that comes next.
    turn: u32,
    /// Calls of the last reply, and the answers to the first of them.
    calls: Vec<Call>,
    answers: Vec<Answer>,
    edits: StoredPatch,
    taker: Option<Taker>,
    cost: Option<u64>,
    reported: String,
    prompt: Option<Sha256>,
    millis: u64,
    patience: Patience,
    lost_patience: Option<String>,
    accepted: Option<Box<Judgement>>,
    parked: Option<String>,
    over: Option<(String, String)>,
}

impl State {
    fn of(transcript: &Transcript<'_>) -> Self {
        let mut state = Self { cost: Some(0), ..Self::default() };
        transcript.steps().iter().for_each(|step| state.take(step));
        state
    }

    /// A step counts.
    fn take(&mut self, step: &Step) {
        match step {
            Step::Begun(begun) => {
                self.messages.push(Message::Mill { text: begun.task.opening() });
                self.task = Some(begun.task.clone());
                self.prompt = Some(begun.prompt);
            }
            Step::Replied { turn, reply, taker, cost_micros, millis, .. } => {
                self.turn = turn + 1;
                self.millis += millis;
                self.cost = self.cost.zip(*cost_micros).map(|(sum, cost)| sum.saturating_add(cost));
                self.reported.clone_from(&reply.model);
                self.taker = Some(taker.clone());
                self.calls.clone_from(&reply.calls);
                self.answers.clear();
                self.messages.push(Message::Model { reply: reply.clone() });
                if reply.calls.is_empty() {
                    self.lost_patience = self.patience.silence();
                    self.messages.push(Message::Mill { text: reminder(reply.stop).into() });
                }
            }
            Step::Did { call, answer, edits, judgement, millis, .. } => {
                self.millis += millis;
                let asked = self.calls.get(*call as usize).map(|call| {
                    format!("{} {}", call.name, serde_json::Value::Object(call.arguments.object()))
                });
                if let Some(edits) = edits {
                    self.edits.clone_from(edits);
                }
                if judgement.as_ref().is_some_and(|judged| judged.ruling() != Ruling::Refused) {
                    self.accepted.clone_from(judgement);
                }
                let ends = self.patience.call(&asked.unwrap_or_default(), &answer.text);
                self.lost_patience = self.lost_patience.take().or(ends);
                self.answer(answer.clone());
            }
            Step::Parked { question, .. } => self.parked = Some(question.clone()),
            Step::Answered { by, text, .. } => {
                self.parked = None;
                let said = serde_json::json!({ "a_person_answers": text, "name": by }).to_string();
                if let Some(call) = self.calls.get(self.answers.len()).cloned() {
                    self.answer(Answer { id: call.id, name: call.name, text: said, failed: false });
                }
            }
            Step::Ended { how, why, .. } => self.over = Some((how.clone(), why.clone())),
        }
    }

    fn answer(&mut self, answer: Answer) {
        self.answers.push(answer);
        if self.answers.len() == self.calls.len() {
            self.messages.push(Message::Tools { answers: std::mem::take(&mut self.answers) });
            self.calls.clear();
        }
    }

    /// The call that is to be done next.
    fn call(&self) -> Option<(u32, &Call)> {
        let at = self.answers.len();
        Some((u32::try_from(at).ok()?, self.calls.get(at)?))
    }
}

const fn reminder(stop: Stop) -> &'static str {
    match stop {
        Stop::Length => "Your reply was cut at its limit. Go on in smaller steps, and call a tool.",
        Stop::Declined => "Nothing was done. If you cannot work on this, call `give_up` and say why.",
        Stop::End | Stop::Tools => {
            "Nothing happens without a call of a tool: go on, or call `submit`, `ask` or `give_up`."
        }
    }
}

impl<'a> Session<'a> {
    /// Begins a task and works on it.
    ///
    /// # Errors
    /// [`SessionError`]; then the session can be resumed.
    pub async fn start(&self, task: Task) -> Result<(SessionId, Ended, Overhead), SessionError> {
        let begun = Begun {
            tree: self.bench.tree().digest(),
            prompt: TurnRequest::prompt(INSTRUCTIONS, &tools::specs()),
            at: self.clock.now(),
            task,
        };
        let transcript = Transcript::begin(self.records, self.blobs, begun).await?;
        self.work(transcript).await
    }

    /// Goes on with a session, wherever it was left.
    ///
    /// # Errors
    /// [`SessionError`]; then the session can be resumed.
    pub async fn resume(
        &self,
        release: &Purl,
        session: &SessionId,
    ) -> Result<(SessionId, Ended, Overhead), SessionError> {
        let transcript = Transcript::open(self.records, self.blobs, release, session).await?;
        let same = transcript.begun().is_some_and(|begun| begun.tree == self.bench.tree().digest());
        if !same {
            let why = "the source of the release is not the one that it began with".to_owned();
            return Err(TranscriptError::Unreadable { session: session.to_string(), n: 0, why }.into());
        }
        self.work(transcript).await
    }

    async fn work(
        &self,
        mut transcript: Transcript<'a>,
    ) -> Result<(SessionId, Ended, Overhead), SessionError> {
        let begun = Instant::now();
        let mut spent = Overhead::default();
        let mut state = State::of(&transcript);
        let mut most = MOST;
        let ended = loop {
            if let Some(ended) = self.ended(&state, &transcript).await? {
                break ended;
            }
            if (self.stopped)() {
                break Ended::Stopped;
            }
            let step = match state.call() {
                Some((at, call)) => self.act(at, call, &state, &transcript, &mut spent).await?,
                None => match self.turn(&state, &transcript, most, &mut spent).await {
                    Err(SessionError::Route(RouteError::TooLong)) if most > MOST / 16 => {
                        most /= 4;
                        continue;
                    }
                    Err(SessionError::Route(RouteError::TooLong)) => {
                        self.over("gave-up", "it is too long for every model")
                    }
                    Err(SessionError::Route(RouteError::Spent { whose, what })) if whose == "this task" => {
                        self.over("spent", &what)
                    }
                    other => other?,
                },
            };
            transcript.push(step.clone()).await?;
            state.take(&step);
        };
        spent.total = begun.elapsed();
        Ok((transcript.session().clone(), ended, spent))
    }

    fn over(&self, how: &str, why: &str) -> Step {
        Step::Ended { how: how.into(), why: cut(why, LONGEST).into(), at: self.clock.now() }
    }

    /// Whether there is nothing more to do, and how it ended.
    async fn ended(&self, state: &State, transcript: &Transcript<'_>) -> Result<Option<Ended>, SessionError> {
        if let Some((how, why)) = &state.over {
            let why = why.clone();
            return Ok(Some(match (how.as_str(), &state.accepted) {
                ("accepted", Some(judgement)) => {
                    let patch = transcript.patch(&state.edits, self.bench.tree()).await?;
                    let candidate = Box::new(self.candidate(state, patch));
                    Ended::Accepted { candidate, judgement: judgement.clone() }
                }
                ("spent", _) => Ended::Spent { what: why },
                ("taken-over", _) => Ended::TakenOver { by: why },
                _ => Ended::GaveUp { why },
            }));
        }
        Ok(state.parked.clone().map(|question| Ended::Parked { question }))
    }

    /// Has a model take the next turn, unless the session is to end.
    async fn turn(
        &self,
        state: &State,
        transcript: &Transcript<'_>,
        most: usize,
        spent: &mut Overhead,
    ) -> Result<Step, SessionError> {
        if state.accepted.is_some() {
            return Ok(self.over("accepted", "the oracle took it"));
        }
        if let Some(why) = &state.lost_patience {
            return Ok(self.over("gave-up", why));
        }
        let seconds = state.millis / 1000;
        if self.allowance.seconds.is_some_and(|bound| seconds >= bound) {
            return Ok(self.over("spent", &format!("{seconds} seconds")));
        }
        let Some(task) = &state.task else { return Ok(self.over("gave-up", "it has no task")) };
        let wanted = Wanted {
            task: transcript.session().as_str(),
            class: &task.class,
            team: task.team.as_deref(),
            turn: state.turn,
            last: state.taker.as_ref().map(|taker| &taker.model),
            only: self.only,
            allowance: self.allowance,
            request: TurnRequest {
                model: String::new(),
                instructions: INSTRUCTIONS.to_owned(),
                messages: shorten(&state.messages, most),
                tools: tools::specs(),
                limits: self.router.settings().turn,
                cached: true,
                key: String::new(),
            },
        };
        let taken = self.router.turn(&wanted, &mut Unheard).await?;
        spent.models += Duration::from_millis(taken.model_millis);
        Ok(Step::replied(state.turn, taken, self.clock.now()))
    }

    /// Does what a call asks for.
    async fn act(
        &self,
        at: u32,
        call: &Call,
        state: &State,
        transcript: &Transcript<'_>,
        spent: &mut Overhead,
    ) -> Result<Step, SessionError> {
        let began = Instant::now();
        let arguments = match &call.arguments {
            Arguments::Object(arguments) => Ok(arguments.clone()),
            Arguments::Malformed { why } => Err(Done::refused(why.clone())),
        };
        let said = |member: &str| {
            let text = arguments.as_ref().ok()?.get(member)?.as_str()?.trim();
            Some(cut(text, LONGEST).to_owned()).filter(|text| !text.is_empty())
        };
        let now = self.clock.now();
        match call.name.as_str() {
            ASK => {
                if let Some(question) = said("question") {
                    return Ok(Step::Parked { question, at: now });
                }
            }
            GIVE_UP => {
                if let Some(why) = said("why") {
                    return Ok(self.over("gave-up", &why));
                }
            }
            _ => {}
        }
        let patch = transcript.patch(&state.edits, self.bench.tree()).await?;
        let done = match arguments {
            Err(refused) => refused,
            Ok(_) if at as usize >= CALLS => Done::refused(format!("at most {CALLS} calls are done at once")),
            Ok(_) if matches!(call.name.as_str(), ASK | GIVE_UP) => {
                Done::refused("say it in words, in the tool's one argument")
            }
            Ok(arguments) => {
                let tree = patch.apply(self.bench.tree()).unwrap_or_else(|_| self.bench.tree().clone());
                let candidate = |patch| self.candidate(state, patch);
                let view = View {
                    bench: self.bench,
                    similar: self.similar,
                    tree: &tree,
                    metadata: state.task.as_ref().is_some_and(|task| task.metadata),
                    candidate: &candidate,
                };
                tools::run(&call.name, arguments, &view).await?
            }
        };
        let edits = match &done.tree {
            Some(tree) => Some(transcript.keep(&Patch::between(self.bench.tree(), tree)).await?),
            None => None,
        };
        let took = began.elapsed();
        if done.worked {
            spent.bench += took;
        }
        Ok(Step::Did {
            turn: state.turn.saturating_sub(1),
            call: at,
            answer: Answer {
                id: call.id.clone(),
                name: call.name.clone(),
                text: done.text,
                failed: done.failed,
            },
            edits,
            judgement: done.judgement,
            millis: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            at: self.clock.now(),
        })
    }

    /// The edits as a candidate of the model that made the last of them.
    fn candidate(&self, state: &State, patch: Patch) -> Candidate {
        let (tests, fix): (Vec<_>, Vec<_>) =
            patch.edits.into_iter().partition(|(path, _)| self.bench.role(path) == Role::Test);
        let taker = state.taker.as_ref();
        Candidate {
            proposer: Proposer::Model {
                provider: taker.map(|taker| taker.model.provider.clone()).unwrap_or_default(),
                family: taker.map(|taker| taker.identity.family()).unwrap_or_default(),
                model: state.reported.clone(),
                prompt: state.prompt.unwrap_or_else(|| Sha256::of(INSTRUCTIONS.as_bytes())),
                cost_micros: state.cost,
            },
            derived_from: Vec::new(),
            fix: Patch { edits: fix.into_iter().collect() },
            tests: Patch { edits: tests.into_iter().collect() },
        }
    }
}
