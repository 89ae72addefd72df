// ThreadedExecutor: runs programs on a backend whose results arrive later (WebGPU) as if they came at once: the backend
// lives in a thread of its own, and this one sleeps until the thread has answered. It computes nothing itself.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { type ErrorRecord, EXIT, fromErrorRecord, ModelError } from '../core/errors.js';
import { invariant, InvariantError, present } from '../core/invariant.js';
import type { BoundProgram, Executor, ExecutorOptions, LoadedProgram } from './executor.js';
import { GONE, type ThreadAnswer, type ThreadData, type ThreadRequest } from './executor-protocol.js';
import { type HostTensor, portTensors } from './port-tensors.js';
import type { Port, Program } from './program.js';
import { arrayOver, type HostArray, sizeOf, tensorBytes } from './shape.js';
import type { TfjsKind } from './tfjs-kind.js';

export class ThreadedExecutor implements Executor {
  readonly name: TfjsKind;
  readonly options: ExecutorOptions;
  readonly #thread: Worker;
  readonly #port: MessagePort;
  readonly #state: Int32Array;
  readonly #programs = new Set<ThreadedProgram>();
  #loads = 0;
  /** Answers so far; the first is that of opening. */
  #answers = 1;
  #closed = false;

  private constructor(kind: TfjsKind, options: ExecutorOptions, thread: Worker, port: MessagePort, state: Int32Array) {
    this.name = kind;
    this.options = options;
    this.#thread = thread;
    this.#port = port;
    this.#state = state;
  }

  /** Starts the thread and its backend. Rejects with what starting a backend throws. */
  static async open(kind: TfjsKind, options: ExecutorOptions): Promise<ThreadedExecutor> {
    const { port1, port2 } = new MessageChannel();
    const data: ThreadData = { kind, options, port: port2, state: new Int32Array(new SharedArrayBuffer(4)) };
    const thread = new Worker(threadEntry(), { workerData: data, transferList: [port2] });
    try {
      const answer = await new Promise<ThreadAnswer>((resolve, reject) => {
        port1.once('message', resolve);
        thread.once('error', reject);
        thread.once('exit', () =>
          reject(new ModelError('PT_EXECUTOR', `${kind}: its thread ends at once`, 'Run "pipetrain doctor".')),
        );
        port1.postMessage({ type: 'open' } satisfies ThreadRequest);
      });
      if ('error' in answer) throw restored(answer.error);
    } catch (error) {
      port1.close();
      await thread.terminate();
      throw error;
    }
    Atomics.wait(data.state, 0, 0);
    // What fails from now on comes as answers; and an executor that nobody closes must not keep the process.
    thread.on('error', () => undefined);
    thread.unref();
    port1.unref();
    return new ThreadedExecutor(kind, options, thread, port1, data.state);
  }

  load(program: Program): LoadedProgram {
    invariant(!this.#closed, () => `${program.name}: the executor is closed`);
    const id = this.#loads++;
    const [inputs, outputs] = [program.inputs.map(stage), program.outputs.map(stage)];
    this.#ask({ type: 'load', id, program, inputs, outputs });
    const loaded: ThreadedProgram = new ThreadedProgram(program, inputs, outputs, {
      run: () => void this.#ask({ type: 'run', id }),
      free: () => {
        this.#programs.delete(loaded);
        this.#ask({ type: 'free', id });
      },
    });
    this.#programs.add(loaded);
    return loaded;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const program of this.#programs) program.abandon();
    this.#programs.clear();
    this.#port.close();
    this.#thread.terminate().catch(() => undefined);
  }

  /** Sends a request and sleeps until it is answered. */
  #ask(request: ThreadRequest): number {
    this.#port.postMessage(request);
    Atomics.wait(this.#state, 0, this.#answers++);
    const answer = receiveMessageOnPort(this.#port) as { readonly message: ThreadAnswer } | undefined;
    if (answer === undefined)
      throw new ModelError(
        'PT_EXECUTOR',
        Atomics.load(this.#state, 0) === GONE
          ? `${this.name}: its thread has ended`
          : `${this.name}: its thread gave no answer`,
        'Run "pipetrain doctor", or use --devices cpu:N.',
      );
    const { message } = answer;
    if ('error' in message) throw restored(message.error);
    return message.value;
  }
}

/** What the thread does for one program. */
interface ThreadCalls {
  run(): void;
  free(): void;
}

class ThreadedProgram implements LoadedProgram {
  readonly program: Program;
  /** Shared with the thread; all bindings go through them, one run at a time. */
  readonly #inputs: readonly HostArray[];
  readonly #outputs: readonly HostArray[];
  readonly #calls: ThreadCalls;
  readonly #bindings = new Set<BoundProgram>();
  #freed = false;

  constructor(program: Program, inputs: readonly HostArray[], outputs: readonly HostArray[], calls: ThreadCalls) {
    this.program = program;
    this.#inputs = inputs;
    this.#outputs = outputs;
    this.#calls = calls;
  }

  bind(inputs: readonly HostArray[], outputs: readonly HostArray[]): BoundProgram {
    const { name } = this.program;
    invariant(!this.#freed, () => `${name}: the program is freed`);
    const from = portTensors(`${name}: inputs`, this.program.inputs, inputs);
    const to = portTensors(`${name}: outputs`, this.program.outputs, outputs);
    const binding: BoundProgram = {
      run: () => {
        invariant(this.#bindings.has(binding), () => `${name}: the binding is freed`);
        this.#run(from, to);
      },
      free: () => void this.#bindings.delete(binding),
    };
    this.#bindings.add(binding);
    return binding;
  }

  #run(inputs: readonly HostTensor[], outputs: readonly HostTensor[]): void {
    inputs.forEach(({ data }, i) => present(this.#inputs[i], 'an input').set(data));
    this.#calls.run();
    outputs.forEach(({ data }, i) => data.set(present(this.#outputs[i], 'an output')));
  }

  free(): void {
    if (this.#freed) return;
    this.abandon();
    this.#calls.free();
  }

  /** Ends all bindings, without a word to the thread. */
  abandon(): void {
    this.#freed = true;
    this.#bindings.clear();
  }
}

/** Memory for a port that both threads see. */
function stage({ dtype, shape }: Port): HostArray {
  return arrayOver(dtype, new SharedArrayBuffer(tensorBytes({ dtype, shape })), 0, sizeOf(shape));
}

function restored(record: ErrorRecord): Error {
  if (record.exitCode === EXIT.internal) return new InvariantError(record.message);
  return record.exitCode === EXIT.invalid
    ? new ModelError(record.code, record.message, record.hint)
    : fromErrorRecord(record);
}

/** The compiled entry, also where this runs from sources. */
function threadEntry(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const beside = join(here, 'executor-thread.js');
  return existsSync(beside) ? beside : join(here, '..', '..', 'dist', 'engine', 'tensor', 'executor-thread.js');
}
