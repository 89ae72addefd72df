// Shards: which elements of a block each replica of its training group reduces. Pure; whoever checks what a worker
// reports asks it too.
import { CHUNK, numChunks, type Range, shardChunks } from '../comm/chunks.js';
import { present } from '../core/invariant.js';

/**
 * Elements [from, to) of a block of `length` elements that replica `replica` of `replicas` reduces: contiguous runs of
 * whole chunks, the first owner turning with the block for balance.
 */
export function shardOf(block: number, length: number, replica: number, replicas: number): Range {
  const rank = (replica + block) % replicas;
  const { from, to } = present(shardChunks(numChunks(length), replicas)[rank], 'shard');
  return { from: Math.min(from * CHUNK, length), to: Math.min(to * CHUNK, length) };
}
