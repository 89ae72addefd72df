#!/usr/bin/env node
// The `pipetrain` command: connects the program to this process, and does nothing else.
import { processIo } from './console/io.js';
import { runCli } from './program.js';
import { reportError } from './session/exit.js';

const END_GRACE_MS = 10_000;

const io = processIo();
// Node would print the source around the place: a line of a bundle is long.
process.on('uncaughtException', (error) => process.exit(reportError(error, io.stderr)));

// Set instead of called: outputs that are pipes must be written to their end first. All is done and saved by then, so
// nothing that is left over, such as a connection that somebody will not close, may hold the process for long.
process.exitCode = await runCli(process.argv.slice(2), io);
setTimeout(() => {
  const open = [...new Set(process.getActiveResourcesInfo())].join(', ');
  io.stderr.lines([`warning: all is done and saved, but something is still open (${open}); ended now`]);
  process.exit();
}, END_GRACE_MS).unref();
