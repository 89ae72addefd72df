// A command line in this process: its outputs and its exit code. The engine is a stand-in.
import { runCli } from '../../cli/program.js';
import type { CliServices } from '../../cli/session/services.js';
import { runEventSchema } from '../../engine/events/events.js';
import { sampleRun } from '../events/sample-run.js';
import { type FakeIo, fakeIo, fakeServices } from './fake-io.js';

/** An engine that plays the sample run. */
export const replay: CliServices['runTraining'] = (_, host) => {
  for (const { time: _time, ...body } of sampleRun()) host.emit(runEventSchema.parse(body));
  return Promise.resolve();
};

export async function cli(
  argv: readonly string[],
  options: { readonly io?: FakeIo; readonly runTraining?: CliServices['runTraining'] } = {},
): Promise<{ code: number; io: FakeIo; out: string; err: string }> {
  const io = options.io ?? fakeIo();
  const code = await runCli(argv, io, fakeServices(options.runTraining));
  return { code, io, out: io.stdout.text, err: io.stderr.text };
}

/** A run of which nothing else is said. */
export const TRAIN = ['train', '--model', 'gpt', '--data', 'text:x'];
