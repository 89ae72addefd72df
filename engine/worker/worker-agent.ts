// WorkerAgent: what `pipetrain worker` runs: worker processes that join a run, one per device, started again where the
// run was lost from sight and may come back. It computes nothing, and it knows of the run only what its workers tell.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Trust } from '../comm/tls.js';
import { isPassing } from '../core/conditions.js';
import { fromErrorRecord, type PipetrainError, WorkerError } from '../core/errors.js';
import { MemoryFolder } from '../memory/memory-folder.js';
import type { Invitation } from '../protocol/invitation.js';
import { workerEntry } from '../protocol/worker-entry.js';
import type { WorkerNews } from '../protocol/worker-news.js';
import { deviceOf, workersOf } from '../run/devices.js';

const RETRY_PAUSE_MS = 1000;
const STDERR_TAIL = 4000;

/** The run that is joined. */
export interface JoinedRun {
  readonly url: string;
  readonly token: string;
  /** For `wss://`: which certificate to believe. */
  readonly trust?: Trust;
}

/** The model and the data of this host; null takes a built-in name from the run. */
export interface HostMaterial {
  readonly model: string | null;
  readonly data: string | null;
  readonly modelOptions: Readonly<Record<string, unknown>>;
  readonly dataOptions: Readonly<Record<string, unknown>>;
}

export interface AgentOptions {
  readonly run: JoinedRun;
  /** How the workers are called in listings. */
  readonly name: string;
  readonly devices: string;
  readonly material: HostMaterial;
  /**
   * Where the workers listen for others: address, or null for the one by which the coordinator is reached; port of the
   * first, or 0.
   */
  readonly listen: { readonly host: string | null; readonly port: number };
  /**
   * Where the workers keep their tensors when they do not see the memory of the run; default: the shared memory of this
   * host.
   */
  readonly memoryDir?: string | undefined;
  /** For so long a run that is out of reach is tried again. */
  readonly retrySeconds: number;
  /** Aborted when a person wants the workers to leave: they go when their state is with others. */
  readonly signal: AbortSignal;
  readonly watcher: AgentWatcher;
}

/** Told how the workers fare, each by its name. */
export interface AgentWatcher {
  onNews(name: string, news: WorkerNews): void;
  /** A run that is out of reach is tried again, and why. */
  onRetry(name: string, error: PipetrainError): void;
}

/**
 * Resolves when every worker was let go or told to stop. Rejects with the error of the first one that cannot join, or
 * cannot any more.
 */
export async function runWorkers(options: AgentOptions): Promise<void> {
  const workers = workersOf(options.devices);
  const memory = new MemoryFolder(options.memoryDir);
  const removeMemory = (): void => memory.close();
  process.once('exit', removeMemory);
  const results = await Promise.allSettled(
    workers.map((worker, index) => {
      const device = deviceOf(options.devices, worker);
      return serve(options, memory, {
        ...options.run,
        local: null,
        worker: null,
        pass: null,
        host: null,
        own: {
          name: workers.length > 1 ? `${options.name}-${index}` : options.name,
          executor: device.executor,
          deviceNumber: device.number,
          ...options.material,
          host: options.listen.host,
          port: options.listen.port === 0 ? 0 : options.listen.port + index,
          memory: { path: memory.path, probe: memory.probe },
        },
        run: null,
      });
    }),
  );
  process.off('exit', removeMemory);
  memory.close();
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** One worker, over as many processes as it takes. */
async function serve(options: AgentOptions, memory: MemoryFolder, invitation: Invitation): Promise<void> {
  const name = invitation.own?.name ?? '';
  let seenAt = performance.now();
  for (;;) {
    const ids: string[] = [];
    const error = await runOnce(options, invitation, (news) => {
      if (news.type !== 'ended') seenAt = performance.now();
      if (news.type === 'joined') ids.push(news.worker);
      options.watcher.onNews(name, news);
    });
    // One that was killed could not; and the next one may have its name, in another attempt of the run.
    for (const id of ids) memory.removeAllOf(id);
    if (error === null || options.signal.aborted) return;
    if (!isPassing(error) || performance.now() - seenAt > options.retrySeconds * 1000) throw error;
    options.watcher.onRetry(name, error);
    await sleep(RETRY_PAUSE_MS);
  }
}

/** One process from its start to its end; the error it ended with, or null where it was let go. */
function runOnce(
  { signal }: AgentOptions,
  invitation: Invitation,
  onNews: (news: WorkerNews) => void,
): Promise<PipetrainError | null> {
  const child = spawn(process.execPath, [workerEntry()], { stdio: ['pipe', 'pipe', 'pipe'] });
  const leave = (): void => void child.stdin.write('leave\n');
  const news: WorkerNews[] = [];
  let stderr = '';
  child.stdin.on('error', () => undefined); // its end says more
  child.stdin.write(`${JSON.stringify(invitation)}\n`);
  child.stderr.on('data', (chunk: Buffer) => void (stderr = (stderr + chunk.toString()).slice(-STDERR_TAIL)));
  createInterface({ input: child.stdout }).on('line', (line) => {
    const item = JSON.parse(line) as WorkerNews;
    news.push(item);
    onNews(item);
  });
  if (signal.aborted) leave();
  else signal.addEventListener('abort', leave, { once: true });
  return new Promise((resolve) => {
    child.once('error', (cause) =>
      resolve(
        new WorkerError(
          'PT_WORKER_START',
          `a worker could not be started: ${cause.message}`,
          'Check memory and process limits.',
          { cause },
        ),
      ),
    );
    child.once('close', (code, how) => {
      signal.removeEventListener('abort', leave);
      const last = news.at(-1);
      if (last?.type === 'ended') return resolve(last.reason === 'failed' ? fromErrorRecord(last.error) : null);
      const end = how === null ? `exited with code ${code}` : `was killed by ${how}`;
      const said = stderr.trim();
      resolve(
        new WorkerError(
          'PT_WORKER_LOST',
          `the worker process ${end}${said === '' ? '' : `\n${said}`}`,
          'Start it again; it may join at any time.',
        ),
      );
    });
  });
}
