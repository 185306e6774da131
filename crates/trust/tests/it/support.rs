//! A small world: one release, one attempt, and the bundle that a mill would sign for it.

use std::collections::BTreeMap;
use trustmill_core::attempt::{Attempt, AttemptResult, FailureClass, Material, RecordedRequest, Usage};
use trustmill_core::comparison::{Comparison, Difference, DifferenceClass, Normalisation, Replay};
use trustmill_core::port::sandbox::Layer;
use trustmill_core::recipe::{Origin, Recipe, SourceKind, Step};
use trustmill_core::{Purl, Sha256, Timestamp, Verdict};
use trustmill_trust::attest::comparison::{self, Published};
use trustmill_trust::attest::dsse::Envelope;
use trustmill_trust::attest::provenance::{self, Build, Builder, Provenance};
use trustmill_trust::attest::statement::Statement;
use trustmill_trust::attest::{self, dsse};
use trustmill_trust::keys::{SigningKey, TrustedKeys};

pub(crate) const WHEEL: &str = "demo-1.0-py3-none-any.whl";
pub(crate) const PUBLISHED: &[u8] = b"the published wheel";
pub(crate) const REBUILT: &[u8] = b"the rebuilt wheel";

pub(crate) fn purl() -> Purl {
    Purl::release("pypi", "demo", "1.0")
}

pub(crate) fn key() -> SigningKey {
    SigningKey::from_secret([42; 32])
}

pub(crate) fn trusted() -> TrustedKeys {
    TrustedKeys::new([key().public()])
}

pub(crate) fn published() -> Published<'static> {
    // A test lives as long as its release.
    Published { purl: Box::leak(Box::new(purl())), filename: WHEEL, sha256: Sha256::of(PUBLISHED) }
}

pub(crate) fn recipe() -> Recipe {
    Recipe {
        format: Recipe::FORMAT,
        origin: Origin::Inferred,
        source: SourceKind::Sdist,
        tools: BTreeMap::from([("python".to_owned(), "3.11".to_owned())]),
        requirements: vec!["setuptools==68.0.0".to_owned()],
        constraints: Vec::new(),
        as_of: "2024-02-03T04:05:06Z".parse().unwrap(),
        env: BTreeMap::new(),
        umask: 0o022,
        source_date_epoch: Some(1_706_933_106),
        steps: vec![Step {
            name: "build-wheel".to_owned(),
            argv: vec!["python".to_owned(), "/mill/build.py".to_owned()],
        }],
        reasons: vec!["WHEEL says setuptools 68.0.0".to_owned()],
    }
}

pub(crate) fn attempt(result: AttemptResult) -> Attempt {
    let material = |uri: &str| Material::file(uri.to_owned(), Sha256::of(uri.as_bytes()));
    Attempt {
        recipe: recipe(),
        result,
        materials: vec![
            material("pkg:pypi/demo@1.0"),
            material("pkg:pypi/setuptools@68.0.0"),
            material("file:python3.11"),
        ],
        requests: vec![RecordedRequest {
            method: "GET".into(),
            path: "/simple/setuptools/".into(),
            status: 200,
            sha256: None,
        }],
        layers: vec![Layer::UserNamespace, Layer::NetworkNamespace, Layer::Seccomp],
        install_scripts: Vec::new(),
        environment_usage: Usage::default(),
        build_usage: Usage::default(),
        log: Some(Sha256::of(b"log")),
    }
}

pub(crate) fn compared(comparison: Comparison) -> Attempt {
    attempt(AttemptResult::Compared(Box::new(comparison)))
}

pub(crate) fn failed() -> Attempt {
    attempt(AttemptResult::Failed { class: FailureClass::BackendError, detail: "it raised".to_owned() })
}

/// A comparison that says `verdict`, with the facts from which that follows.
pub(crate) fn comparison_with(verdict: Verdict) -> Comparison {
    let rebuilt = Sha256::of(if verdict == Verdict::Identical { PUBLISHED } else { REBUILT });
    let differs = |class| Difference {
        member: "demo/__init__.py".to_owned(),
        class,
        alarming: false,
        published: Some(Sha256::of(b"p")),
        rebuilt: Some(Sha256::of(b"r")),
        detail: "for a reader".to_owned(),
        diff: Some("-p\n+r\n".to_owned()),
    };
    let rule = Normalisation {
        id: "wheel-record-order".to_owned(),
        cites: "PEP 376".to_owned(),
        members: vec!["demo-1.0.dist-info/RECORD".to_owned()],
    };
    let replay = match verdict {
        Verdict::Identical => None,
        Verdict::Replayed => Some(Replay::Reproduced { notes: vec!["RECORD was written again".to_owned()] }),
        _ => Some(Replay::Failed { why: "members differ".to_owned() }),
    };
    Comparison {
        format: Comparison::FORMAT,
        verdict,
        published: Sha256::of(PUBLISHED),
        rebuilt,
        replay,
        normalisations: if verdict == Verdict::Normalised { vec![rule] } else { Vec::new() },
        differences: match verdict {
            Verdict::Explained => vec![differs(DifferenceClass::LineEndings)],
            Verdict::Unexplained => vec![differs(DifferenceClass::Content)],
            _ => Vec::new(),
        },
    }
}

pub(crate) fn provenance_of(attempt: &Attempt, published: Option<Sha256>) -> Statement<Provenance> {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    provenance::statement(&Build {
        purl: &purl(),
        filename: WHEEL,
        published,
        attempt,
        builder: &Builder::of(key().public().id(), "0.1.0"),
        invocation: "run-1",
        started: at("2026-01-02T03:04:05.678Z"),
        finished: at("2026-01-02T03:04:09Z"),
    })
    .unwrap()
}

/// The bundle of a mill whose best attempt gave `verdict`.
pub(crate) fn bundle(verdict: Verdict) -> String {
    let attempt = compared(comparison_with(verdict));
    let provenance = provenance_of(&attempt, Some(Sha256::of(PUBLISHED)));
    let comparison = comparison::of_attempts(&published(), &[failed(), attempt]).unwrap();
    lines(&[attest::sign(&provenance, &key()).unwrap(), attest::sign(&comparison, &key()).unwrap()])
}

pub(crate) fn lines(envelopes: &[Envelope]) -> String {
    envelopes.iter().map(|envelope| envelope.to_json() + "\n").collect()
}

/// A statement of the bundle as a liar with the mill's own key would change it.
pub(crate) fn forge(bundle: &str, change: impl Fn(&str) -> String) -> String {
    let resign = |line: &str| {
        let envelope = Envelope::parse(line.as_bytes()).unwrap();
        let (_, ty, payload) = envelope.authenticate(trusted().iter()).unwrap();
        let changed = change(std::str::from_utf8(&payload).unwrap());
        Envelope::sign(&ty, changed.into_bytes(), &key())
    };
    lines(&bundle.lines().map(resign).collect::<Vec<_>>())
}

/// An envelope of any type around any payload, well signed.
pub(crate) fn signed(payload_type: &str, payload: &str) -> String {
    lines(&[Envelope::sign(payload_type, payload.as_bytes().to_vec(), &key())])
}

pub(crate) const IN_TOTO: &str = dsse::IN_TOTO_PAYLOAD;
