#!/usr/bin/env node
// The `pipetrain` command: connects the program to this process, and does nothing else.
import { processIo } from './console/io.js';
import { runCli } from './program.js';

// Set instead of called: outputs that are pipes must be written to their end first.
process.exitCode = await runCli(process.argv.slice(2), processIo());
