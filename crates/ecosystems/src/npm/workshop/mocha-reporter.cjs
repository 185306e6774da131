'use strict';
// What mocha tells a reporter, one JSON object a line. Versions 1 to 11: their events have the same names.
const fs = require('fs');
const path = require('path');

const seen = new Map();
const fileOf = (test) => {
  for (let here = test; here; here = here.parent) if (here.file) return path.relative(process.cwd(), here.file);
  const positional = process.argv.slice(2).filter((word) => /\.(js|cjs|mjs|ts|coffee)$/.test(word) && fs.existsSync(word));
  return positional.length === 1 ? positional[0] : 'test';
};
const write = (test, outcome) => {
  const base = `${fileOf(test)}::${test.fullTitle().replace(/\s+/g, ' ')}`.slice(0, 900);
  const count = (seen.get(base) || 0) + 1;
  seen.set(base, count);
  fs.appendFileSync('/build/out/tests.jsonl', `${JSON.stringify({ test: count === 1 ? base : `${base} #${count}`, outcome })}\n`);
};

module.exports = function Reporter(runner) {
  runner.on('pass', (test) => write(test, 'passed'));
  runner.on('pending', (test) => write(test, 'skipped'));
  runner.on('fail', (test, error) => {
    write(test, 'failed');
    process.stderr.write(`${test.fullTitle()}: ${error && (error.stack || error.message)}\n`);
  });
};
