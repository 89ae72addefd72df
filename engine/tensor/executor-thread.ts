// ExecutorThread: the entry of a thread that runs programs on a backend whose results arrive later, for a
// ThreadedExecutor that waits for them. It obeys one request at a time and answers each.
import { workerData } from 'node:worker_threads';
import { toErrorRecord } from '../core/errors.js';
import { present } from '../core/invariant.js';
import { GONE, type ThreadAnswer, type ThreadData, type ThreadRequest } from './executor-protocol.js';
import { runFailure } from './run-failure.js';
import type { HostArray } from './shape.js';
import { findRuntime, startBackend } from './tfjs-backends.js';
import { TfjsProgram } from './tfjs-program.js';
import { provideGpu, watchGpu } from './webgpu.js';

interface Loaded {
  readonly program: TfjsProgram;
  readonly inputs: readonly HostArray[];
  readonly outputs: readonly HostArray[];
}

/** Serves requests until the thread is ended from outside. */
function serve({ kind, options, port, state }: ThreadData): void {
  const programs = new Map<number, Loaded>();
  let gpuError: () => string | null = () => null;

  const obey = async (request: ThreadRequest): Promise<number> => {
    switch (request.type) {
      case 'open':
        await provideGpu(kind, findRuntime(kind));
        await startBackend(kind, { threads: options.threads, device: 0 });
        gpuError = watchGpu();
        return 0;
      case 'load': {
        const { id, program, inputs, outputs } = request;
        programs.set(id, {
          program: new TfjsProgram(
            program,
            kind,
            (body) => body(),
            () => programs.delete(id),
          ),
          inputs,
          outputs,
        });
        return 0;
      }
      case 'run': {
        const { program, inputs, outputs } = present(programs.get(request.id), 'a program of the thread');
        await program.runAsync(inputs, outputs);
        const error = gpuError();
        if (error !== null)
          throw runFailure({
            program: program.program.name,
            executor: kind,
            reason: error,
            hint: 'Use a smaller micro-batch if memory is short, or --devices cpu:N.',
          });
        return 0;
      }
      case 'free':
        programs.get(request.id)?.program.free();
        return 0;
    }
  };

  const answer = (message: ThreadAnswer): void => {
    port.postMessage(message);
    Atomics.add(state, 0, 1);
    Atomics.notify(state, 0);
  };
  port.on('message', (request: ThreadRequest) => {
    obey(request).then(
      (value) => answer({ value }),
      (error: unknown) => answer({ error: toErrorRecord(error) }),
    );
  });
  process.once('exit', () => {
    Atomics.store(state, 0, GONE);
    Atomics.notify(state, 0);
  });
}

serve(workerData as ThreadData);
