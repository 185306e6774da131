'use strict';
// Runs a package's tests inside the sandbox and writes down how each one ended. Node 10 and later; no dependency, no shell.
//   harness.cjs SECONDS [FILE]...
// The working folder is the package. One JSON object a line goes to /build/out/tests.jsonl as soon as it is known. Which
// runner it is, and with which options, is read from the command of the tests; the command itself is run only where its
// runner is not known, and then it is one test.
const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');

const OUT = '/build/out/tests.jsonl';
const [seconds, ...only] = process.argv.slice(2);
const deadline = Date.now() + Number(seconds) * 1000;
// One file: what waits for a network that is not there must end.
const EACH = 60 * 1000;

const seen = new Map();
const say = (what) => fs.appendFileSync(OUT, `${JSON.stringify(what)}\n`);
const outcome = (file, name, how) => {
  // Runners let several tests have one name.
  const base = `${file}::${name.replace(/\s+/g, ' ').trim()}`.slice(0, 900);
  const count = (seen.get(base) || 0) + 1;
  seen.set(base, count);
  say({ test: count === 1 ? base : `${base} #${count}`, outcome: how });
};

const manifest = JSON.parse(fs.readFileSync('package.json', 'utf8').replace(/^\ufeff/, ''));
const scripts = manifest.scripts || {};

// The words of a command, quotes taken off; one list for each command that is joined with others.
const commands = (text) => {
  const all = [[]];
  for (const [word] of text.matchAll ? text.matchAll(/&&|\|\||;|(?:"[^"]*"|'[^']*'|[^\s"';&|])+/g) : []) {
    if (['&&', '||', ';'].includes(word)) all.push([]);
    else all[all.length - 1].push(word.replace(/^(['"])(.*)\1$/, '$2').replace(/=(['"])(.*)\1$/, '=$2'));
  }
  return all;
};
if (!String.prototype.matchAll) {
  // Node 10 and 11.
  Object.defineProperty(String.prototype, 'matchAll', {
    value(regex) {
      const found = [];
      for (let match = regex.exec(this); match; match = regex.exec(this)) found.push(match);
      return found;
    },
  });
}

// Every command that the script of that name runs, scripts that it calls among them.
const expanded = (name, depth) => {
  if (typeof scripts[name] !== 'string' || depth > 4) return [];
  const out = [];
  for (const words of commands(scripts[name])) {
    const bare = words.filter((word) => !/^\w+=/.test(word));
    const [first, second, third] = bare;
    const called = /^(npm|yarn|pnpm)$/.test(first) && (second === 'run' || second === 'run-script' ? third : second === 'test' || second === 't' ? 'test' : first !== 'npm' && scripts[second] ? second : null);
    if (called && called !== name) out.push(...expanded(called, depth + 1));
    else if (bare.length) out.push(bare);
  }
  return out;
};

const RUNNERS = ['mocha', '_mocha', 'jest', 'lab', 'ava', 'tape', 'tap', 'nodeunit', 'node'];
const chosen = () => {
  const all = expanded('test', 0);
  for (const runner of RUNNERS) {
    for (const words of all) {
      const at = words.findIndex((word) => path.basename(word).replace(/\.js$/, '') === runner);
      if (at < 0) continue;
      // `node test.js` among others: a file that is no test is a build step or a linter.
      if (runner === 'node' && !words.slice(at + 1).some((word) => /test|spec/i.test(word))) continue;
      return { runner: runner.replace('_', ''), args: words.slice(at + 1).filter((word) => word !== '--') };
    }
  }
  return null;
};

const walk = (folder, out) => {
  for (const entry of fs.readdirSync(folder || '.', { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name[0] === '.') continue;
    const here = folder ? `${folder}/${entry.name}` : entry.name;
    if (entry.isDirectory()) walk(here, out);
    else if (entry.isFile()) out.push(here);
  }
  return out;
};
const files = walk('', []).sort();
const isCode = (file) => /\.(js|mjs|cjs|ts|jsx|coffee)$/.test(file);
const globbed = (pattern) => {
  const clean = pattern.replace(/^\.\//, '').replace(/\/$/, '');
  if (files.includes(clean)) return [clean];
  const inside = files.filter((file) => file.startsWith(`${clean}/`) && isCode(file));
  if (inside.length && !/[*?{]/.test(clean)) return inside.filter((file) => !file.slice(clean.length + 1).includes('/'));
  if (!/[*?{]/.test(clean)) return [];
  const source = clean
    .replace(/[.+^$()|[\]\\]/g, '\\$&')
    .replace(/\{([^}]*)\}/g, (_, inner) => `(${inner.split(',').join('|')})`)
    .replace(/\*\*\/?/g, '\u0001')
    .replace(/\*/g, '[^/]*')
    .replace(/\?/g, '[^/]')
    .replace(/\u0001/g, '(.*/)?');
  return files.filter((file) => new RegExp(`^${source}$`).test(file));
};
const usual = () => {
  const below = files.filter((file) => /^(test|tests)\/[^/]+\.(js|cjs|mjs)$/.test(file));
  return below.length ? below : files.filter((file) => /^test\.(js|cjs|mjs)$/.test(file));
};

// The entry of a program that the package has installed.
const installed = (names, program) => {
  for (const name of names) {
    try {
      const folder = path.join('node_modules', name);
      const { bin } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
      const entry = typeof bin === 'string' ? bin : bin && (bin[program] || Object.values(bin)[0]);
      if (entry) return path.resolve(folder, entry);
    } catch (_) {
      // Not there.
    }
  }
  return null;
};
const programs = path.resolve('node_modules/.bin');
const env = Object.assign({}, process.env, { NODE_ENV: 'test', PATH: `${programs}:${process.env.PATH}` });
const node = (args, most) => {
  const timeout = Math.max(1, Math.min(most || Infinity, deadline - Date.now()));
  const done = spawnSync(process.execPath, args, { env, timeout, maxBuffer: 64 << 20, encoding: 'utf8', killSignal: 'SIGKILL' });
  process.stdout.write((done.stdout || '').slice(-20000));
  process.stderr.write((done.stderr || '').slice(-20000));
  return done;
};
const late = () => Date.now() >= deadline;

// Options that say how results are shown, not what is run; with a value behind them or not.
const SHOWN = /^(-R|--reporter|--reporter-options?|-O)$/;
const options = (args, known) => {
  const out = [];
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at];
    if (SHOWN.test(word)) at += 1;
    else if (/^(--reporter=|-w$|--watch|-b$|--bail|--exit$|--colors?$|-c$|--coverage|--growl)/.test(word)) continue;
    else if (word[0] === '-') {
      out.push(word);
      const next = args[at + 1];
      if (/^(-r|--require|-t|--timeout|-u|--ui|--compilers|-s|--slow|--opts|--config|-C|--extension|--ext|-n|-g|--grep)$/.test(word) && next) {
        out.push(next);
        at += 1;
      }
    } else if (!known(word)) out.push(word);
  }
  return out;
};

// The lines of TAP at the outermost level; subtests say how they ended there.
const tap = (file, text) => {
  let group = '';
  let found = 0;
  for (const line of text.split(/\r?\n/).slice(0, 400000)) {
    const comment = /^# (?!tests|pass|fail|ok|time|skip|todo|cancelled|suites|duration_ms|Subtest)(.*)/.exec(line);
    if (comment) [, group] = comment;
    const result = /^(not )?ok\b\s*(\d+)?\s*-?\s*(.*?)(\s*#\s*(skip|todo)\b.*)?(\s*#\s*time=.*)?$/i.exec(line);
    if (!result) continue;
    found += 1;
    const name = `${group} ${result[3] || ''}`.trim() || `assertion ${found}`;
    outcome(file, name, result[5] ? 'skipped' : result[1] ? 'failed' : 'passed');
  }
  return found;
};
// Each file by itself: with TAP on its output what TAP says, else how it ends.
const each = (list, args) => {
  for (const file of list) {
    if (late()) return;
    const done = node([...args, file], EACH);
    const failed = done.status !== 0;
    const found = tap(file, done.stdout || '');
    if (found === 0) say(failed ? { uncollected: file } : { test: file, outcome: 'passed' });
    else if (failed && !/^not ok/m.test(done.stdout)) outcome(file, 'ends well', 'failed');
  }
};

const MOCHA = '/build/mill/mocha-reporter.cjs';
const versionOf = (name) => {
  try {
    return JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`, 'utf8')).version;
  } catch (_) {
    return '';
  }
};

const run = () => {
  const choice = chosen() || { runner: 'node', args: usual() };
  const { runner, args } = choice;
  const named = [].concat(...args.filter((word) => word[0] !== '-').map(globbed));
  const isFile = (word) => globbed(word).length > 0;
  const wanted = only.length ? only.filter((file) => files.includes(file)) : null;
  const say_runner = (name) => say({ runner: `${name} ${versionOf(name)}, Node ${process.versions.node}` });
  if (runner === 'mocha') {
    const entry = installed(['mocha'], '_mocha');
    if (!entry) return say({ uncollected: 'mocha' });
    say_runner('mocha');
    const list = wanted || args.filter((word) => word[0] !== '-' && isFile(word));
    return node([entry, '--reporter', MOCHA, ...options(args, isFile), ...list]);
  }
  if (runner === 'jest') {
    const entry = installed(['jest', 'jest-cli'], 'jest');
    if (!entry) return say({ uncollected: 'jest' });
    say_runner('jest');
    const file = '/build/out/jest.json';
    node([entry, '--json', `--outputFile=${file}`, '--runInBand', '--ci', '--coverage=false', ...(wanted || [])]);
    const { testResults } = JSON.parse(fs.readFileSync(file, 'utf8'));
    for (const one of testResults) {
      const name = path.relative(process.cwd(), one.name);
      if (!one.assertionResults.length) say({ uncollected: name });
      for (const test of one.assertionResults) {
        const title = [...(test.ancestorTitles || []), test.title].join(' ');
        outcome(name, title, test.status === 'passed' ? 'passed' : test.status === 'failed' ? 'failed' : 'skipped');
      }
    }
    return null;
  }
  if (runner === 'ava') {
    const entry = installed(['ava'], 'ava');
    if (!entry) return say({ uncollected: 'ava' });
    say_runner('ava');
    for (const file of wanted || (named.length ? named : usual())) tap(file, node([entry, '--tap', file], EACH).stdout || '');
    return null;
  }
  const list = wanted || (named.length ? named : usual());
  if (runner === 'lab') {
    const entry = installed(['@hapi/lab', 'lab'], 'lab');
    if (!entry) return say({ uncollected: 'lab' });
    say_runner(versionOf('lab') ? 'lab' : '@hapi/lab');
    return each(list.filter(isCode), [entry, '-r', 'tap', '-l', ...args.filter((word) => /^(-a|code|@hapi\/code|-m\d*)$/.test(word))]);
  }
  if (runner === 'nodeunit') {
    const entry = installed(['nodeunit'], 'nodeunit');
    if (!entry) return say({ uncollected: 'nodeunit' });
    say_runner('nodeunit');
    return each(list.filter(isCode), [entry, '--reporter', 'tap']);
  }
  const own = list.filter((file) => /\.(js|cjs|mjs)$/.test(file));
  if (own.length) {
    say_runner(runner === 'node' ? '' : runner);
    return each(own, options(args, isFile).filter((word) => /^--(expose|harmony|allow|require|experimental|test$)/.test(word)));
  }
  if (typeof scripts.test !== 'string' || /no test specified/.test(scripts.test)) return null;
  say({ runner: `npm test, Node ${process.versions.node}` });
  const done = node(['/tools/npm/bin/npm-cli.js', 'run', 'test']);
  return say({ test: 'package.json', outcome: done.status === 0 ? 'passed' : 'failed' });
};

let code = 0;
try {
  run();
} catch (error) {
  process.stderr.write(`harness: ${error.stack}\n`);
  code = 1;
}
say({ end: code, late: late() });
process.exit(0);
