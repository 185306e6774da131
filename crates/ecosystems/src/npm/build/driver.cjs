'use strict';
// What recipes need and npm does not offer. Node 10 and later; no dependency, no shell.
//   driver.cjs steps FILE              runs argument lists one after the other, ends at the first that fails
//   driver.cjs relock LOCKFILE         replaces the hosts of registry addresses by the gateway's
//   driver.cjs installs FOLDER FILE    lists the install scripts of all packages below FOLDER
//   driver.cjs work-tree FOLDER COMMIT makes FOLDER a work tree of git at COMMIT, without its objects
//   driver.cjs part FOLDER SCRIPT N    runs the Nth (from 0) of the commands that && joins in a declared script
//   driver.cjs bin FOLDER NAME ARG...  runs a program that the project in FOLDER has installed
//   driver.cjs in FOLDER PROGRAM ARG... runs a program in FOLDER
//   driver.cjs crlf FOLDER             gives text files the line ends of Windows
//   driver.cjs write FILE FIELD VALUE [bare]  sets a text field of a package.json, as npm itself writes one; bare
//                                      leaves out the newline at the end
const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');

// As package managers do: programs of every node_modules from the folder upwards, then those of the build.
const withPrograms = (folder) => {
  const bins = [];
  for (let here = folder; here !== path.dirname(here); here = path.dirname(here)) {
    bins.push(path.join(here, 'node_modules', '.bin'));
  }
  return Object.assign({}, process.env, { PATH: bins.concat(process.env.PATH).join(path.delimiter), INIT_CWD: folder });
};
const finish = (done) => {
  if (done.error) process.stderr.write(`driver: ${done.error.message}\n`);
  process.exit(done.status === null ? 1 : done.status);
};

const [verb, file, field, value, end] = process.argv.slice(2);
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
  fs.writeFileSync(file, `${JSON.stringify(manifest, null, indent)}${end === 'bare' ? '' : '\n'}`.replace(/\n/g, newline));
} else if (verb === 'relock') {
  // An address with the layout of a registry, behind any host: `…/NAME/-/FILE.tgz`. Digests stay as they are.
  const text = fs.readFileSync(file, 'utf8');
  const base = process.env.npm_config_registry;
  const address = /https?:\/\/[^"'\s,}]*?\/((?:@[^/"'\s]+(?:\/|%2f))?[^/"'\s]+\/-\/[^"'\s,}]+\.tgz)/gi;
  fs.writeFileSync(file, text.replace(address, (_, tail) => base + tail));
} else if (verb === 'installs') {
  const found = [];
  const look = (folder) => {
    let manifest;
    try {
      manifest = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8').replace(/^\ufeff/, ''));
    } catch (_) {
      return;
    }
    const scripts = Object.assign({}, manifest && manifest.scripts);
    // npm's rule: an addon without scripts of its own is compiled.
    if (!scripts.install && !scripts.preinstall && manifest.gypfile !== false && fs.existsSync(path.join(folder, 'binding.gyp'))) {
      scripts.install = 'node-gyp rebuild';
    }
    for (const event of ['preinstall', 'install', 'postinstall']) {
      if (typeof scripts[event] === 'string') {
        found.push({ package: `${manifest.name}@${manifest.version}`, event, command: scripts[event].slice(0, 1000) });
      }
    }
  };
  // Every folder in a node_modules, or in a scope there, is a package; links lead to what is listed anyway.
  const walk = (folder, inside) => {
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      const here = path.join(folder, entry.name);
      const scope = inside && entry.name[0] === '@';
      if (inside && !scope) look(here);
      walk(here, entry.name === 'node_modules' || scope);
    }
  };
  walk(file, false);
  const text = (one) => JSON.stringify([one.package, one.event, one.command]);
  const once = new Map(found.map((one) => [text(one), one]));
  fs.writeFileSync(field, JSON.stringify([...once.keys()].sort().map((key) => once.get(key))));
} else if (verb === 'work-tree') {
  const git = path.join(file, '.git');
  for (const folder of ['objects', 'refs/heads']) fs.mkdirSync(path.join(git, folder), { recursive: true });
  fs.writeFileSync(path.join(git, 'HEAD'), 'ref: refs/heads/main\n');
  fs.writeFileSync(path.join(git, 'refs/heads/main'), `${field}\n`);
  fs.writeFileSync(path.join(git, 'config'), '[core]\n\trepositoryformatversion = 0\n\tbare = false\n');
} else if (verb === 'part') {
  const manifest = JSON.parse(fs.readFileSync(path.join(file, 'package.json'), 'utf8').replace(/^\ufeff/, ''));
  const part = manifest.scripts[field].split('&&')[Number(value)].trim();
  const env = Object.assign(withPrograms(file), {
    npm_package_name: manifest.name, npm_package_version: manifest.version, npm_lifecycle_event: field,
  });
  finish(spawnSync(process.env.npm_config_script_shell, ['-c', part], { stdio: 'inherit', cwd: file, env }));
} else if (verb === 'bin') {
  finish(spawnSync(field, process.argv.slice(5), { stdio: 'inherit', cwd: file, env: withPrograms(file) }));
} else if (verb === 'in') {
  finish(spawnSync(field, process.argv.slice(5), { stdio: 'inherit', cwd: file }));
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
