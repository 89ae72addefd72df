// A worker that joins a run and lies: a real one, whose reports pass through here on their way and are changed as a
// test wants. It computes, rings and writes like any other.
import { dial } from '../../engine/comm/dial.js';
import type { Message } from '../../engine/comm/frame.js';
import { listen } from '../../engine/comm/listen.js';
import type { Entrance } from '../../engine/protocol/entrance.js';
import { runWorkers } from '../../engine/worker/worker-agent.js';

/** What is reported instead of a report: another one, several, or nothing. */
export type Lie = (report: Message) => Message | readonly Message[] | null;

/** Joins under that name; resolves to the code of the error that it ended with, or null. */
export async function joinAsLiar(
  { own, token }: Pick<Entrance, 'own' | 'token'>,
  name: string,
  lie: Lie,
): Promise<string | null> {
  const between = await listen({
    token,
    onPeer: (worker, hello) => {
      dial(own, { token, hello }).then(
        (coordinator) => {
          coordinator.onMessage((order) => worker.send(order));
          worker.onMessage((report) => {
            for (const told of [lie(report) ?? []].flat()) coordinator.send(told);
          });
          coordinator.onClose((reason) => worker.close(reason));
          worker.onClose((reason) => coordinator.close(reason));
        },
        (error: unknown) => worker.close(String(error)),
      );
    },
  });
  try {
    await runWorkers({
      run: { url: between.url, token },
      name,
      devices: 'cpu:1',
      material: { model: null, data: null, modelOptions: {}, dataOptions: {} },
      listen: { host: null, port: 0 },
      retrySeconds: 0,
      signal: new AbortController().signal,
      watcher: { onNews: () => undefined, onRetry: () => undefined },
    });
    return null;
  } catch (error) {
    return (error as { readonly code: string }).code;
  } finally {
    await between.close();
  }
}
