'use strict';
// What recipes need and npm does not offer. Node 10 and later; no dependency, no shell.
//   driver.cjs steps FILE              runs argument lists one after the other, ends at the first that fails
//   driver.cjs relock LOCKFILE         replaces the hosts of registry addresses by the gateway's
//   driver.cjs crlf FOLDER             gives text files the line ends of Windows
//   driver.cjs write FILE FIELD VALUE  sets a text field of a package.json, as npm itself writes one
const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');

const [verb, file, field, value] = process.argv.slice(2);
if (verb === 'steps') {
  for (const [program, ...args] of JSON.parse(fs.readFileSync(file, 'utf8'))) {
    const done = spawnSync(program, args, { stdio: 'inherit', shell: false });
    if (done.error || done.status !== 0) {
      process.stderr.write(`driver: ${program} ${args.slice(0, 3).join(' ')} ended with ${done.error || done.signal || done.status}\n`);
      process.exit(done.status || 1);
    }
  }
} else if (verb === 'write') {
  const text = fs.readFileSync(file, 'utf8');
  const bare = text.replace(/^\ufeff/, '');
  const manifest = JSON.parse(bare);
  manifest[field] = value;
  // json-parse-even-better-errors, with which npm reads and writes: the first indentation and line end count.
  const [, newline = '\n', indent = '  '] = /^\s*[{[](\r?\n)\s*?([ \t]*)\S/.exec(bare) || [];
  fs.writeFileSync(file, `${JSON.stringify(manifest, null, indent)}\n`.replace(/\n/g, newline));
} else if (verb === 'relock') {
  // An address with the layout of a registry, behind any host: `…/NAME/-/FILE.tgz`. Digests stay as they are.
  const text = fs.readFileSync(file, 'utf8');
  const base = process.env.npm_config_registry;
  const address = /https?:\/\/[^"'\s,}]*?\/((?:@[^/"'\s]+(?:\/|%2f))?[^/"'\s]+\/-\/[^"'\s,}]+\.tgz)/gi;
  fs.writeFileSync(file, text.replace(address, (_, tail) => base + tail));
} else if (verb === 'crlf') {
  const walk = (folder) => {
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
      const here = path.join(folder, entry.name);
      if (entry.isDirectory() && entry.name !== 'node_modules') walk(here);
      if (!entry.isFile()) continue;
      const bytes = fs.readFileSync(here);
      // git takes a file with a NUL in its first 8000 bytes for binary, and leaves one that has CRs as it is.
      if (bytes.slice(0, 8000).includes(0) || bytes.includes(13)) continue;
      fs.writeFileSync(here, Buffer.from(bytes.toString('latin1').replace(/\n/g, '\r\n'), 'latin1'));
    }
  };
  walk(file);
} else {
  process.stderr.write(`driver: unknown verb ${verb}\n`);
  process.exit(2);
}
