#!/tools/node/bin/node
'use strict';
// Runs a script of a package as npm asks for it, and writes down first that it runs.
const { spawnSync } = require('child_process');
const { npm_package_name: name, npm_package_version: version, npm_lifecycle_event: event } = process.env;
const args = process.argv.slice(2);
process.stdout.write(`mill: script ${name}@${version} ${event}: ${JSON.stringify(args.slice(1).join(' ')).slice(0, 500)}\n`);
const done = spawnSync('/bin/sh', args, { stdio: 'inherit' });
process.exit(done.status === null ? 1 : done.status);
